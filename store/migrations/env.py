"""Alembic's environment: runs on the connection that ``store.engine.upgrade`` hands over."""

from alembic import context
from sqlalchemy import Connection

from store.schema import metadata

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise RuntimeError("run migrations through store.engine.Database.migrate")

context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
