"""Contacts: one a number, unreadable at rest, masked on screen."""

import asyncio

import pytest
from sqlalchemy import select

from callers.identity import CallerError, Callers, mask_name, mask_number
from config.clock import ManualClock
from store.engine import Database
from store.schema import contacts
from store.vault import Vault


@pytest.fixture
def callers(database: Database, vault: Vault, clock: ManualClock) -> Callers:
    return Callers(database, vault, clock)


async def test_every_spelling_is_the_same_contact(callers: Callers) -> None:
    contact = await callers.remember("13800138000")
    assert await callers.remember("+86 138-0013-8000") == contact
    assert await callers.remember("13800138001") != contact
    assert await callers.number_of(contact) == "13800138000"


async def test_calls_at_once_make_one_contact(callers: Callers) -> None:
    assert len(set(await asyncio.gather(*(callers.remember("13800138000") for _ in range(8))))) == 1


async def test_neither_number_nor_name_is_readable(callers: Callers, database: Database) -> None:
    contact = await callers.remember("13800138000")
    assert await callers.name_of(contact) is None
    await callers.set_name(contact, "张三")
    assert await callers.name_of(contact) == "张三"
    async with database.connect() as connection:
        row = (await connection.execute(select(contacts))).one()
    assert "13800138000" not in str(tuple(row))
    assert "张三" not in str(tuple(row))


async def test_a_withheld_number_is_nobody(callers: Callers) -> None:
    with pytest.raises(CallerError, match="没有可用的来电号码"):
        await callers.remember("anonymous")
    with pytest.raises(CallerError, match="没有这位来电人"):
        await callers.number_of("nobody")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13800135678", "138****5678"),
        ("07592345678", "075****5678"),
        ("95598", "****98"),
        ("1001", "****01"),
        (None, "未显示号码"),
        ("", "未显示号码"),
    ],
)
def test_masked_numbers(number: str | None, shown: str) -> None:
    assert mask_number(number) == shown
    assert Callers.mask(number) == shown


@pytest.mark.parametrize(("name", "shown"), [("张三", "张*"), ("欧阳小明", "欧*"), ("", ""), (None, "")])
def test_masked_names(name: str | None, shown: str) -> None:
    assert mask_name(name) == shown
    assert Callers.mask_name(name) == shown
