"""Accounts: made once, checked by password, never readable from the table."""

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from config.clock import ManualClock
from store.accounts import AccountError, Accounts, Role
from store.engine import Database
from store.schema import accounts as table
from store.schema import audit
from store.vault import Vault


@pytest.fixture
def accounts(database: Database, vault: Vault, clock: ManualClock) -> Accounts:
    return Accounts(database, vault, clock, hasher=PasswordHasher(time_cost=1, memory_cost=64))


async def test_the_first_password_opens_the_account(accounts: Accounts) -> None:
    password = await accounts.create("8001", "sip:8001@127.0.0.1:5070", "agent", "张三")
    account = await accounts.verify("8001", password)
    assert account is not None
    assert (account.id, account.role, account.sip_uri, account.name) == (
        "8001", Role.AGENT, "sip:8001@127.0.0.1:5070", "张三",
    )  # fmt: skip
    assert "张三" not in repr(account)
    assert await accounts.verify("8001", password + "x") is None
    assert await accounts.verify("8002", password) is None


async def test_a_new_password_replaces_the_old_one(accounts: Accounts) -> None:
    first = await accounts.create("8001", "", "agent")
    await accounts.set_password("8001", "一个足够长的新密码")
    assert await accounts.verify("8001", first) is None
    assert await accounts.verify("8001", "一个足够长的新密码") is not None


async def test_neither_name_nor_password_is_readable(accounts: Accounts, database: Database) -> None:
    password = await accounts.create("8001", "", "office", "张三")
    async with database.connect() as connection:
        row = (await connection.execute(select(table))).one()
        trail = (await connection.execute(select(audit.c.action, audit.c.subject))).all()
    assert password not in str(tuple(row))
    assert "张三" not in str(tuple(row))
    assert row.password_hash.startswith("$argon2id$")
    assert [tuple(entry) for entry in trail] == [("account.created", "8001")]


async def test_a_closed_account_does_not_open(accounts: Accounts, database: Database) -> None:
    password = await accounts.create("8001", "", "agent")
    async with database.begin() as connection:
        await connection.execute(table.update().values(active=False))
    assert await accounts.verify("8001", password) is None


async def test_accounts_are_listed_by_id(accounts: Accounts) -> None:
    await accounts.create("8002", "", "supervisor")
    await accounts.create("8001", "", "agent")
    assert [account.id for account in await accounts.list()] == ["8001", "8002"]
    found = await accounts.get("8002")
    assert found is not None
    assert found.role is Role.SUPERVISOR
    assert await accounts.get("8003") is None


@pytest.mark.parametrize(
    ("account_id", "sip_uri", "role", "code"),
    [
        ("80 01", "", "agent", "bad_account_id"),
        ("", "", "agent", "bad_account_id"),
        ("8001", "8001", "agent", "bad_sip_uri"),
        ("8001", "", "king", "bad_role"),
    ],
)
async def test_what_cannot_be_made_is_explained(
    accounts: Accounts, account_id: str, sip_uri: str, role: str, code: str
) -> None:
    with pytest.raises(AccountError) as caught:
        await accounts.create(account_id, sip_uri, role)
    assert caught.value.code == code


async def test_an_account_is_made_once(accounts: Accounts) -> None:
    await accounts.create("8001", "", "agent")
    with pytest.raises(AccountError, match="已存在"):
        await accounts.create("8001", "", "office")


async def test_a_short_password_is_refused(accounts: Accounts) -> None:
    await accounts.create("8001", "", "agent")
    with pytest.raises(AccountError, match="至少 8"):
        await accounts.set_password("8001", "短")
    with pytest.raises(AccountError, match="没有账号"):
        await accounts.set_password("8009", "一个足够长的新密码")
