"""A whole gateway on free ports with the scripted core, a virtual clock and no Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from config.clock import ManualClock
from config.settings import Settings
from gateway.assembly import Core, Gateway
from gateway.kb_console import explained
from gateway.live_state import LiveState
from knowledge.explanation import Explanation
from knowledge.search import Search
from knowledge.web.tester import Asked
from store.accounts import Accounts
from store.engine import Database
from store.vault import Vault
from tests.gateway.scripted_dialog import ScriptedDialog
from tests.gateway.scripted_node import ScriptedNode

ENTRY = {"id": "gjj-1", "version": 3, "question": "公积金怎么提取"}


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds, at most five seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # tests watch what others change
            await asyncio.sleep(0.01)


@dataclass
class House:
    """A running gateway and what tests need of it."""

    gateway: Gateway
    dialog: ScriptedDialog
    settings: Settings
    clock: ManualClock
    database: Database
    vault: Vault
    web: TestServer
    node: TestServer
    operator: TestServer
    visitor: Callable[[], Awaitable[aiohttp.ClientSession]]
    stop: Callable[[], Awaitable[None]]

    async def tick(self, seconds: float = 0.0) -> None:
        """Let time pass and the desk look at it."""
        self.clock.advance(seconds)
        await self.gateway.desk.tick()

    async def account(self, agent_id: str, role: str = "agent", sip: str | None = None) -> str:
        uri = f"sip:{agent_id}@127.0.0.1:5070" if sip is None else sip
        return await Accounts(self.database, self.vault, self.clock).create(agent_id, uri, role)


@pytest.fixture
async def begin(
    settings: Settings, database: Database, vault: Vault, clock: ManualClock
) -> AsyncIterator[Callable[[], Awaitable[House]]]:
    """Starts gateways on the same data; the second one is the first one restarted."""
    closers: list[Callable[[], Awaitable[None]]] = []

    async def start() -> House:
        dialog = ScriptedDialog(database, vault, clock, settings.city)

        async def suggest(question: str) -> dict[str, Any]:
            return {"verdict": "answer", "entries": [ENTRY] if "公积金" in question else []}

        async def nothing(*_: object) -> str:
            return ""

        async def none() -> None:
            return None

        search = Search(database, settings, clock)

        async def explain(asked: Asked) -> Explanation:
            await search.refresh_if_changed()
            return await asyncio.to_thread(explained, search, asked)

        live = LiveState(Redis(port=1, retry=Retry(NoBackoff(), 0)), clock)
        core = Core(dialog, suggest, nothing, nothing, none, explain)
        gateway = Gateway(settings, clock, database, vault, core, live)
        await gateway.start()
        servers = [
            TestServer(application)
            for application in (
                gateway.web_application(),
                gateway.node_application(),
                gateway.operator_application(),
            )
        ]
        for server in servers:
            await server.start_server()

        async def visitor() -> aiohttp.ClientSession:
            jar = aiohttp.CookieJar(unsafe=True)
            browser = aiohttp.ClientSession(servers[0].make_url("/"), cookie_jar=jar)
            closers.append(browser.close)
            return browser

        stopped = False

        async def stop() -> None:
            nonlocal stopped
            if not stopped:
                stopped = True
                await gateway.stop()
                for server in servers:
                    await server.close()

        closers.append(stop)
        web, node, operator = servers
        return House(gateway, dialog, settings, clock, database, vault, web, node, operator, visitor, stop)

    yield start
    for close in reversed(closers):
        await close()


@pytest.fixture
async def house(begin: Callable[[], Awaitable[House]]) -> House:
    return await begin()


@pytest.fixture
async def node(house: House) -> AsyncIterator[ScriptedNode]:
    """An ivr node that is linked."""
    linked = await ScriptedNode.link(house.node, house.settings.secret("node"))
    yield linked
    await linked.close()
