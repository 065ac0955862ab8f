"""Running the migrations. Alembic is imported only when there is something to do: it takes half a second to load."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from store.errors import StoreTooNew

_MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"


def newest_revision() -> str:
    """The revision that the code expects: migration files are called ``v<revision>_<what it does>.py``."""
    return max(file.name[1:].partition("_")[0] for file in (_MIGRATIONS / "versions").glob("v*.py"))


def current_revisions(connection: Connection) -> set[str]:
    """What the database was migrated to; empty for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


def is_current(connection: Connection) -> bool:
    """Is there nothing to do?"""
    return current_revisions(connection) == {newest_revision()}


def upgrade(connection: Connection) -> None:
    """Run the migrations on ``connection``, inside its transaction. Raises :class:`StoreTooNew`."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if not current_revisions(connection) <= known:
        raise StoreTooNew
    command.upgrade(config, "head")
