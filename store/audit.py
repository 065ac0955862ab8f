"""Who did what to whom: rows that are only ever added."""

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.schema import audit


async def record(
    connection: AsyncConnection, *, at: datetime, by: str, action: str, subject: str, detail: str = ""
) -> None:
    """Add an audit row in the caller's transaction. ``subject`` is an id, and ``detail`` holds no personal data."""
    await connection.execute(
        insert(audit).values(id=new_id(), at=at, by=by, action=action, subject=subject, detail=detail)
    )
