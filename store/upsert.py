"""``INSERT … ON CONFLICT`` for the database at hand, and counters made with it."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that knows ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def increment(connection: AsyncConnection, table: Table, name: str) -> int:
    """Add one to the counter ``name`` (columns ``name``, ``value``), starting at 1; returns the new value."""
    statement = (
        insert(connection, table)
        .values(name=name, value=1)
        .on_conflict_do_update(index_elements=["name"], set_={"value": table.c.value + 1})
        .returning(table.c.value)
    )
    return int((await connection.execute(statement)).scalar_one())
