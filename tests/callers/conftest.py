"""The office's account and an agent's, and restrictions in 湛江."""

import pytest
from argon2 import PasswordHasher

from callers.restrictions import Restrictions
from config.clock import ManualClock
from config.rulebook import load_rulebook
from store.accounts import Accounts
from store.engine import Database
from store.vault import Vault


@pytest.fixture
def database(each_database: Database) -> Database:
    """A migrated database, on SQLite and on PostgreSQL."""
    return each_database


@pytest.fixture
async def accounts(database: Database, vault: Vault, clock: ManualClock) -> Accounts:
    """``boss`` has the role office, ``8001`` is an agent."""
    accounts = Accounts(database, vault, clock, hasher=PasswordHasher(time_cost=1, memory_cost=64))
    await accounts.create("boss", "", "office")
    await accounts.create("8001", "", "agent")
    return accounts


@pytest.fixture
def restrictions(database: Database, vault: Vault, clock: ManualClock, accounts: Accounts) -> Restrictions:
    return Restrictions(database, vault, clock, load_rulebook("zhanjiang"))
