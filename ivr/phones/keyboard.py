"""Lines typed at a terminal, without a thread that would outlive the call."""

import asyncio
import os
import sys
from types import TracebackType


class Keyboard:
    """``async with Keyboard() as keyboard: line = await keyboard.line()``; ``None`` at the end of input."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._pending = bytearray()
        self._descriptor = sys.stdin.fileno()
        self._watched = False

    async def __aenter__(self) -> "Keyboard":
        try:
            asyncio.get_running_loop().add_reader(self._descriptor, self._readable)
            self._watched = True
        except PermissionError:  # a plain file cannot be waited for: it is all there already
            for line in sys.stdin:
                self._lines.put_nowait(line.strip())
            self.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._forget()

    async def line(self) -> str | None:
        """The next line without the spaces around it."""
        return await self._lines.get()

    def close(self) -> None:
        """End the input: :meth:`line` gives what was typed, then ``None``."""
        self._lines.put_nowait(None)

    def _readable(self) -> None:
        chunk = os.read(self._descriptor, 4096)
        self._pending += chunk
        *whole, rest = bytes(self._pending).split(b"\n")
        self._pending[:] = rest
        for line in whole:
            self._lines.put_nowait(line.decode("utf-8", errors="replace").strip())
        if not chunk:
            self._forget()
            self.close()

    def _forget(self) -> None:
        if self._watched:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._watched = False
