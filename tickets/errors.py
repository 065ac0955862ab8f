"""What can go wrong with tickets."""

from config.errors import HotlineError


class TicketError(HotlineError):
    """A ticket cannot be made, found or changed as asked."""


class TicketNotFound(TicketError):
    """There is no such ticket."""

    def __init__(self, key: str) -> None:
        super().__init__("ticket_not_found", f"没有找到工单 {key}，请核对编号")
