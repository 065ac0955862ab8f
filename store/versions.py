"""Counters by which running processes notice that ``knowledge`` or ``restrictions`` changed."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.schema import versions
from store.upsert import increment


async def bump(connection: AsyncConnection, name: str) -> int:
    """Count a change of ``name``, in the transaction that makes it; returns the new version."""
    return await increment(connection, versions, name)


async def read(connection: AsyncConnection, name: str) -> int:
    """The version of ``name``; 0 when it never changed."""
    value = (await connection.execute(select(versions.c.value).where(versions.c.name == name))).scalar()
    return int(value or 0)
