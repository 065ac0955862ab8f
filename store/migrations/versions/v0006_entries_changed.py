"""At which count of the knowledge base a version of an entry last changed: what follows the base reads only that."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("entries", sa.Column("changed_in", sa.Integer(), server_default="0", nullable=False))
    op.create_index("ix_entries_changed_in", "entries", ["changed_in", "status"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_entries_changed_in", table_name="entries")
    op.drop_column("entries", "changed_in")
