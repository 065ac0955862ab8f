"""A Rasa server of its own on a free port, for benchmarks and tests."""

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Final

from config.settings import Settings
from dialog import bot_training
from dialog.rasa_client import RasaClient, connect

START_LIMIT_S: Final = 180


class BotServer:
    """Starts and stops Rasa for ``settings``; ``port`` stays the same over restarts."""

    def __init__(self, settings: Settings, extra_environment: dict[str, str] | None = None) -> None:
        self.settings = settings.model_copy(update={"rasa_port": _free_port()})
        self._extra = extra_environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until a synthetic turn goes through."""
        argv, environment, folder = bot_training.serve_command(self.settings)
        self.settings.log_dir.mkdir(parents=True, exist_ok=True)
        log = os.open(self.settings.log_dir / "rasa.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.to_thread(
                subprocess.Popen, argv, env=environment | self._extra, cwd=folder, stdout=log, stderr=log
            )
        finally:
            os.close(log)
        async with self.client() as client, asyncio.timeout(START_LIMIT_S):
            while not await client.healthy():
                if self._process.poll() is not None:
                    raise RuntimeError(f"rasa ended; see {self.settings.log_dir / 'rasa.log'}")
                await asyncio.sleep(0.3)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self, timeout_s: float = 10.0) -> RasaClient:
        return connect(self.settings.model_copy(update={"rasa_timeout": timeout_s}))


@contextlib.asynccontextmanager
async def serving(settings: Settings, extra_environment: dict[str, str] | None = None) -> AsyncIterator[BotServer]:
    """A started server, ended on leaving. The model must have been trained."""
    server = BotServer(settings, extra_environment)
    try:
        await server.start()
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
