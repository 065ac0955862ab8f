"""An emergency that nobody at the desk can take: the duty phone of the hour, else an alarm and the supervisors' phones (D8)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from config.rulebook_model import DutyPhone
from desk.contract import HandoverStatus
from desk.pops import LiveHandover
from store.accounts import Role

if TYPE_CHECKING:
    from desk.service import Desk

log = structlog.get_logger("desk")

DUTY: Final = "duty"
"""Who has a hand-over that a phone outside the desk was rung for."""

OnDuty = Callable[[str], DutyPhone | None]


class DutyCalls:
    """``on_duty``: the duty phone now for an emergency with this number; ``outgoing_uri``: how numbers are dialled."""

    def __init__(self, desk: "Desk", on_duty: OnDuty, outgoing_uri: str) -> None:
        self._desk = desk
        self._on_duty = on_duty
        self._outgoing_uri = outgoing_uri

    async def reach(self, live: LiveHandover) -> bool:
        """Ring the next phone for this caller; false when there is none left, or it is no emergency on the phone."""
        if not live.emergency or live.handover.channel != "phone":
            return False
        target = next((one for one in await self._targets(live) if one[1] not in live.rung_outside), None)
        if target is None:
            return False
        name, uri = target
        live.rung_outside.add(uri)
        desk = self._desk
        await desk.move(live, HandoverStatus.ACCEPTED, agent_id=DUTY, accepted_at=desk.clock.now())
        await desk.handovers.note(live.handover, "system", "duty.called")
        log.warning("duty_phone_called", handover=live.handover.id)
        await desk.line(live).put_outside(live.handover.conversation_id, live.handover.id, name, uri)
        return True

    async def not_reached(self, live: LiveHandover) -> None:
        """That phone did not take the call, or was cut off: the caller waits again, for the next one."""
        await self._desk.move(live, HandoverStatus.WAITING, agent_id=None, accepted_at=None)
        self._desk.wake()

    async def _targets(self, live: LiveHandover) -> list[tuple[str, str]]:
        row = self._on_duty(live.emergency_number)
        targets = [(row.name, self._outgoing_uri.format(number=row.number))] if row and self._outgoing_uri else []
        if not targets and not live.alarmed:
            live.alarmed = True
            await self._alarm(live)
        accounts = await self._desk.accounts.list()
        supervisors = [one for one in accounts if one.active and one.role is Role.SUPERVISOR and one.sip_uri]
        return targets + [("值班长", one.sip_uri) for one in supervisors]

    async def _alarm(self, live: LiveHandover) -> None:
        """Nobody is listed for this hour: that is a fault of the table, and the office must know."""
        log.error("duty_phone_missing", handover=live.handover.id, number_set=bool(self._outgoing_uri))
        await self._desk.handovers.note(live.handover, "system", "duty.missing")
        for agent_id in self._desk.hub.present():
            frame = {"type": "alarm", "handover": live.handover.id, "message": "紧急来电没有值班电话可转，请立即接听"}
            self._desk.hub.send(agent_id, frame)
