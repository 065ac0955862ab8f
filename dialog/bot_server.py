"""A Rasa server of its own on a free port: for commands that judge words without an instance, for benchmarks and tests."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from config.errors import HotlineError
from config.settings import Settings
from dialog import bot_training
from dialog.rasa_client import RasaClient, connect

START_LIMIT_S: Final = 180
_PATIENT_S: Final = 10.0


class BotServer:
    """Starts and stops Rasa for ``settings``; ``port`` stays the same over restarts.

    ``model`` defaults to the one for the program's sources; it must have been trained.
    """

    def __init__(
        self, settings: Settings, extra_environment: dict[str, str] | None = None, model: Path | None = None
    ) -> None:
        self.settings = settings.model_copy(update={"rasa_port": free_port()})
        self._extra = extra_environment or {}
        self._model = model
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until a synthetic turn goes through. Raises :class:`HotlineError` (``rasa_ended``)."""
        argv, environment, folder = bot_training.serve_command(self.settings, self._model)
        self.settings.log_dir.mkdir(parents=True, exist_ok=True)
        record = self.settings.log_dir / "rasa.log"
        log = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.to_thread(
                subprocess.Popen, argv, env=environment | self._extra, cwd=folder, stdout=log, stderr=log
            )
        finally:
            os.close(log)
        try:
            async with self.client() as client, asyncio.timeout(START_LIMIT_S):
                while not await client.healthy():
                    if self._process.poll() is not None:
                        raise HotlineError("rasa_ended", f"对话模型没有启动成功，详情见 {record}")
                    await asyncio.sleep(0.3)
        except TimeoutError as error:
            raise HotlineError("rasa_slow", f"对话模型 {START_LIMIT_S} 秒内没有启动成功，详情见 {record}") from error

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self, timeout_s: float = _PATIENT_S) -> RasaClient:
        """A client of this server."""
        address = f"http://127.0.0.1:{self.settings.rasa_port}"
        return RasaClient(address, secret=self.settings.secret("rasa_channel"), timeout_s=timeout_s)


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, extra_environment: dict[str, str] | None = None, model: Path | None = None
) -> AsyncIterator[BotServer]:
    """A started server, ended on leaving. The model must have been trained."""
    server = BotServer(settings, extra_environment, model)
    try:
        await server.start()
        yield server
    finally:
        server.kill()


@contextlib.asynccontextmanager
async def understanding(settings: Settings, progress: bot_training.Progress) -> AsyncIterator[RasaClient]:
    """A client of the installation's running server; of a private one, ended on leaving, when none runs.

    Both have the model that is in service. Raises :class:`HotlineError` when there is none and none can be trained.
    """
    async with connect(settings.model_copy(update={"rasa_timeout": _PATIENT_S}), follow=True) as client:
        if await client.healthy():
            yield client
            return
    model = await asyncio.to_thread(bot_training.model_to_serve, settings, progress)
    progress("热线没有运行，正在临时启动对话模型……")
    async with serving(settings, model=model) as server, server.client() as client:
        yield client


def free_port() -> int:
    """A TCP port on loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
