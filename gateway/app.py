"""``python -m gateway.app``: one gateway process. SIGTERM and SIGINT end it in order."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

import structlog
from aiohttp import web

from config.clock import SystemClock
from config.logs import set_up_logs
from config.settings import Settings
from gateway.assembly import Core, Gateway
from gateway.late_core import LateCore
from gateway.live_state import LiveState
from store.engine import Database
from store.vault import Vault

log = structlog.get_logger("gateway")

_LOOPBACK: Final = "127.0.0.1"
_SHUTDOWN_S: Final = 3.0


@asynccontextmanager
async def listening(gateway: Gateway, settings: Settings) -> AsyncIterator[None]:
    """The three listeners, until the context is left. Raises ``OSError`` for a port that is taken."""
    places = (
        (gateway.web_application(), settings.host, settings.web_port),
        (gateway.operator_application(), _LOOPBACK, settings.operator_port),
        (gateway.node_application(), settings.host, settings.node_port),
    )
    runners = []
    try:
        for application, host, port in places:
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_S)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, host, port).start()
        yield
    finally:
        for runner in reversed(runners):
            await runner.cleanup()


async def serve(settings: Settings) -> None:
    """Run until told to stop."""
    clock = SystemClock()
    database = Database(settings.effective_database_url)
    await database.migrate()
    vault = Vault(settings)

    async def load() -> Core:
        core = await asyncio.to_thread(import_module, "gateway.core")
        loaded: Core = await core.build_core(settings, database, vault, clock)
        log.info("core_loaded")
        return loaded

    late = LateCore(load)
    gateway = Gateway(settings, clock, database, vault, late.core, LiveState.connect(settings, clock))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await gateway.start()
    try:
        async with listening(gateway, settings):
            log.info("gateway_listening", web=settings.web_port, node=settings.node_port)
            await _until_stopped(stop, late)
            log.info("gateway_stopping")
            await gateway.stop()
    except OSError:
        await gateway.stop()
        raise
    finally:
        await database.close()
    if not late.loading.cancelled():
        late.loading.result()


async def _until_stopped(stop: asyncio.Event, late: LateCore) -> None:
    """Wait for the signal, or for a core that cannot be loaded."""
    told = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({told, late.loading}, return_when=asyncio.FIRST_COMPLETED)
        if not late.loading.done() or late.loading.exception() is None:
            await told
    finally:
        told.cancel()
        await asyncio.gather(told, return_exceptions=True)


def main() -> None:
    set_up_logs()
    settings = Settings()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(settings))
    except OSError as error:
        print(
            f"网关不能启动：{error.strerror or error}。端口被占用时，请换一个端口或先停掉占用它的程序。",
            file=sys.stderr,
        )
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
