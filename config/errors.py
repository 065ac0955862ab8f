"""The family of errors that a person reads."""


class HotlineError(Exception):
    """Something that cannot be done. ``code`` is for programs; ``message`` is Chinese and says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
