"""The life of knowledge entries: drafts, review, disputes; consultations, gaps, synonyms, attachments; training."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media", sa.String(length=100), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_sha256"), "attachments", ["sha256"], unique=False)
    op.create_table(
        "consultations",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("turn_id", sa.String(length=32), nullable=True),
        sa.Column("contact_key", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("text_enc", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("instant", sa.Boolean(), nullable=False),
        sa.Column("unit", sa.String(length=100), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("gap_id", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultations")),
    )
    op.create_index(op.f("ix_consultations_at"), "consultations", ["at"], unique=False)
    op.create_index(op.f("ix_consultations_conversation_id"), "consultations", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_consultations_gap_id"), "consultations", ["gap_id"], unique=False)
    op.create_table(
        "disputes",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reporter_kind", sa.String(length=16), nullable=False),
        sa.Column("reporter", sa.String(length=32), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=True),
        sa.Column("reason_enc", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index(op.f("ix_disputes_entry_id"), "disputes", ["entry_id"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("gap_id", sa.String(length=32), nullable=True),
        sa.Column("editors", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by", sa.String(length=32), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.String(length=32), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_note", sa.Text(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    op.create_index(op.f("ix_drafts_entry_id"), "drafts", ["entry_id"], unique=False)
    op.create_index(
        "ix_drafts_open_entry",
        "drafts",
        ["entry_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('draft', 'in_review', 'returned')"),
        postgresql_where=sa.text("status IN ('draft', 'in_review', 'returned')"),
    )
    op.create_index(op.f("ix_drafts_status"), "drafts", ["status"], unique=False)
    op.create_table(
        "gaps",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title_enc", sa.Text(), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_on_holiday", sa.Boolean(), nullable=True),
        sa.Column("draft_id", sa.String(length=32), nullable=True),
        sa.Column("entry_id", sa.String(length=64), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("signature", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gaps")),
    )
    op.create_index(op.f("ix_gaps_status"), "gaps", ["status"], unique=False)
    op.create_table(
        "models",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("examples", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("promoted_by", sa.String(length=32), nullable=True),
        sa.Column("promoted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_status"), "models", ["status"], unique=False)
    op.create_table(
        "nlu_examples",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("text_enc", sa.Text(), nullable=False),
        sa.Column("label", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nlu_examples")),
    )
    op.create_index(op.f("ix_nlu_examples_label"), "nlu_examples", ["label"], unique=False)
    op.create_table(
        "nlu_utterances",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("conversation_id", sa.String(length=32), nullable=False),
        sa.Column("text_enc", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("suggested", sa.String(length=32), nullable=False),
        sa.Column("ranking", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nlu_utterances")),
    )
    op.create_index(op.f("ix_nlu_utterances_conversation_id"), "nlu_utterances", ["conversation_id"], unique=False)
    op.create_index(op.f("ix_nlu_utterances_status"), "nlu_utterances", ["status"], unique=False)
    op.create_table(
        "synonyms",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("by", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_synonyms")),
    )
    op.add_column("accounts", sa.Column("unit", sa.String(length=100), server_default="", nullable=False))
    op.add_column("entries", sa.Column("kind", sa.String(length=16), server_default="matter", nullable=False))
    op.add_column("entries", sa.Column("audience", sa.String(length=8), server_default="public", nullable=False))
    op.add_column("entries", sa.Column("area", sa.String(length=64), server_default="", nullable=False))
    op.add_column("entries", sa.Column("source_no", sa.String(length=100), server_default="", nullable=False))
    op.add_column("entries", sa.Column("source_date", sa.Date(), nullable=True))
    op.add_column("entries", sa.Column("official", sa.Text(), server_default="", nullable=False))
    op.add_column("entries", sa.Column("expires_at", sa.Date(), nullable=True))
    op.add_column("entries", sa.Column("tags", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("entries", sa.Column("attachments", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("entries", sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("entries", sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("entries", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("entries", sa.Column("author", sa.String(length=32), server_default="", nullable=False))
    op.add_column("entries", sa.Column("reviewed_by", sa.String(length=32), server_default="", nullable=False))
    op.add_column("entries", sa.Column("note", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("entries", "note")
    op.drop_column("entries", "reviewed_by")
    op.drop_column("entries", "author")
    op.drop_column("entries", "ends_at")
    op.drop_column("entries", "starts_at")
    op.drop_column("entries", "urgent")
    op.drop_column("entries", "attachments")
    op.drop_column("entries", "tags")
    op.drop_column("entries", "expires_at")
    op.drop_column("entries", "official")
    op.drop_column("entries", "source_date")
    op.drop_column("entries", "source_no")
    op.drop_column("entries", "area")
    op.drop_column("entries", "audience")
    op.drop_column("entries", "kind")
    op.drop_column("accounts", "unit")
    op.drop_table("synonyms")
    op.drop_index(op.f("ix_nlu_utterances_status"), table_name="nlu_utterances")
    op.drop_index(op.f("ix_nlu_utterances_conversation_id"), table_name="nlu_utterances")
    op.drop_table("nlu_utterances")
    op.drop_index(op.f("ix_nlu_examples_label"), table_name="nlu_examples")
    op.drop_table("nlu_examples")
    op.drop_index(op.f("ix_models_status"), table_name="models")
    op.drop_table("models")
    op.drop_index(op.f("ix_gaps_status"), table_name="gaps")
    op.drop_table("gaps")
    op.drop_index(op.f("ix_drafts_status"), table_name="drafts")
    op.drop_index(
        "ix_drafts_open_entry",
        table_name="drafts",
        sqlite_where=sa.text("status IN ('draft', 'in_review', 'returned')"),
        postgresql_where=sa.text("status IN ('draft', 'in_review', 'returned')"),
    )
    op.drop_index(op.f("ix_drafts_entry_id"), table_name="drafts")
    op.drop_table("drafts")
    op.drop_index(op.f("ix_disputes_entry_id"), table_name="disputes")
    op.drop_table("disputes")
    op.drop_index(op.f("ix_consultations_gap_id"), table_name="consultations")
    op.drop_index(op.f("ix_consultations_conversation_id"), table_name="consultations")
    op.drop_index(op.f("ix_consultations_at"), table_name="consultations")
    op.drop_table("consultations")
    op.drop_index(op.f("ix_attachments_sha256"), table_name="attachments")
    op.drop_table("attachments")
