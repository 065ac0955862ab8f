"""Files that people edit while calls go on: loaded once, and again in the background when they have changed."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog

from config.errors import HotlineError

_log = structlog.get_logger("ivr")

LOOK_EVERY_S: Final = 1.0

T = TypeVar("T")


class Watched(Generic[T]):
    """What ``load`` makes of ``paths`` (files or folders). A change that cannot be loaded leaves what was there."""

    def __init__(
        self,
        name: str,
        load: Callable[[], T],
        paths: Sequence[Path],
        *,
        otherwise: Callable[[], T],
    ) -> None:
        """``otherwise``: gives what is used when not even the first load succeeds."""
        self._name = name
        self._load = load
        self._paths = tuple(paths)
        self._seen = self._signature()
        self._looked_at = float("-inf")
        self._loading: asyncio.Task[None] | None = None
        self.refused = ""
        """Why the files are not in use as they are now; empty when they are."""
        try:
            self._value = load()
        except HotlineError as error:
            self._value = otherwise()
            self._refuse(error)

    @property
    def value(self) -> T:
        """As it was loaded last."""
        return self._value

    def current(self) -> T:
        """As :attr:`value`; looks at most once a second, in a thread, whether the files have changed."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._looked_at >= LOOK_EVERY_S and (self._loading is None or self._loading.done()):
            self._looked_at = loop.time()
            self._loading = loop.create_task(asyncio.to_thread(self._look), name=f"{self._name}-look")
        return self._value

    async def settled(self) -> None:
        """Return when no look is in progress."""
        if self._loading:
            await self._loading

    def _look(self) -> None:
        signature = self._signature()
        if signature != self._seen:
            self._seen = signature
            self._take_in()

    def _take_in(self) -> None:
        try:
            self._value = self._load()
        except HotlineError as error:
            self._refuse(error)
        else:
            self.refused = ""
            _log.info("edited_files_loaded", files=self._name)

    def _refuse(self, error: HotlineError) -> None:
        self.refused = error.message
        _log.warning("edited_files_refused", files=self._name, code=error.code)

    def _signature(self) -> tuple[tuple[str, int, int], ...]:
        return tuple(
            (str(file), told.st_mtime_ns, told.st_size)
            for path in self._paths
            for file in ((path, *sorted(path.iterdir())) if path.is_dir() else (path,))
            if (told := _told(file))
        )


def _told(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
