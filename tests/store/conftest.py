"""The store is tested on SQLite and on PostgreSQL."""

import pytest

from store.engine import Database


@pytest.fixture
def database(each_database: Database) -> Database:
    """A migrated database, on each of the two."""
    return each_database


@pytest.fixture
def url(each_empty_url: str) -> str:
    """The URL of an empty database, on each of the two."""
    return each_empty_url
