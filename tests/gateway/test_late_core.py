"""A core that is still loading is waited for; one that cannot be loaded says so."""

import asyncio

import pytest

from config.clock import ManualClock
from config.settings import Settings
from dialog.contract import Channel, Contact
from gateway.assembly import Core
from gateway.late_core import LateCore
from store.engine import Database
from store.vault import Vault
from tests.gateway.scripted_dialog import GREETING, ScriptedDialog


async def test_who_comes_early_waits_and_is_served(
    database: Database, vault: Vault, clock: ManualClock, settings: Settings
) -> None:
    loaded, closed = asyncio.Event(), asyncio.Event()

    async def probe() -> str:
        return "well"

    async def close() -> None:
        closed.set()

    async def load() -> Core:
        await loaded.wait()
        dialog = ScriptedDialog(database, vault, clock, settings.city)
        return Core(dialog, lambda question: probe(), lambda conversation: probe(), probe, close)  # type: ignore[arg-type, return-value]

    core = LateCore(load).core
    early = asyncio.create_task(core.dialog.open(Channel.WEB, Contact(), "s1", clock.now()))
    looking = asyncio.ensure_future(core.probe())
    await asyncio.sleep(0)
    assert not early.done()
    loaded.set()
    _, reply = await early
    assert reply.messages[0].text == GREETING
    assert await looking == "well"
    await core.close()
    assert closed.is_set()


async def test_a_core_that_cannot_be_loaded_fails_whoever_asks() -> None:
    async def load() -> Core:
        raise RuntimeError("no dictionary")

    late = LateCore(load)
    with pytest.raises(RuntimeError, match="no dictionary"):
        await late.core.probe()
    await late.core.close()


async def test_a_core_that_is_not_needed_any_more_is_not_waited_for() -> None:
    async def load() -> Core:
        await asyncio.Event().wait()
        raise AssertionError

    late = LateCore(load)
    await asyncio.sleep(0)
    await late.core.close()
    assert late.loading.cancelled()
