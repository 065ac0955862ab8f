"""The recognisers of this installation: the chosen model, and a new choice taken over while calls go on."""

import asyncio
from typing import Final

import structlog

from asr_models.library import ModelError, ModelInfo, current, revision
from config.settings import Settings
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.worker_process import WorkerNotStarted

_log = structlog.get_logger("ivr")

LOOK_S: Final = 0.5
"""How often the library is looked at: two ``stat`` calls."""


class InstalledRecognisers(RecogniserPool):
    """A pool that follows ``./hotline asr use`` and ``install``. A model that does not come up is not taken, the old one goes on."""

    def __init__(self, settings: Settings, *, look_s: float = LOOK_S) -> None:
        self._settings = settings
        self._look_s = look_s
        self._seen = revision(settings)
        self._chosen: ModelInfo = current(settings)
        self._following: asyncio.Task[None] | None = None
        super().__init__(self._chosen.path, settings.effective_recogniser_workers, name=self._chosen.name)

    async def start(self) -> None:
        await super().start()
        self._following = asyncio.get_running_loop().create_task(self._follow(), name="recogniser-model")

    async def close(self) -> None:
        if self._following:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await super().close()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            seen = revision(self._settings)
            if seen != self._seen:
                self._seen = seen
                await self._take_over()

    async def _take_over(self) -> None:
        try:
            chosen = current(self._settings)
            if chosen != self._chosen:
                await self.switch(chosen.path, name=chosen.name)
                self._chosen = chosen
        except (ModelError, WorkerNotStarted, OSError, ValueError) as error:
            _log.warning("recogniser_not_switched", reason=getattr(error, "code", type(error).__name__))
