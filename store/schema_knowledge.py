"""The tables of the knowledge base, of what it could not answer, and of training."""

from sqlalchemy import JSON, Boolean, Column, Date, Float, Index, Integer, String, Table, Text, false, text

from store.schema_base import Moment, metadata

OPEN_DRAFT = "status IN ('draft', 'in_review', 'returned')"
"""A draft that somebody still works on; an entry has one of these at most."""

entries = Table(
    "entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("question", Text, nullable=False),
    Column("similar", JSON, nullable=False),
    Column("answer", Text, nullable=False),
    Column("speech", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("field", String(32), nullable=False),
    Column("source", Text, nullable=False),
    Column("effective_at", Date, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("kind", String(16), nullable=False, default="matter", server_default="matter"),
    Column("audience", String(8), nullable=False, default="public", server_default="public"),
    Column("area", String(64), nullable=False, default="", server_default=""),
    Column("source_no", String(100), nullable=False, default="", server_default=""),
    Column("source_date", Date),
    Column("official", Text, nullable=False, default="", server_default=""),
    Column("expires_at", Date),
    Column("tags", JSON, nullable=False, default=list, server_default="[]"),
    Column("attachments", JSON, nullable=False, default=list, server_default="[]"),
    Column("urgent", Boolean, nullable=False, default=False, server_default=false()),
    Column("starts_at", Moment),
    Column("ends_at", Moment),
    Column("author", String(32), nullable=False, default="", server_default=""),
    Column("reviewed_by", String(32), nullable=False, default="", server_default=""),
    Column("note", Text, nullable=False, default="", server_default=""),
    Column("changed_in", Integer, nullable=False, default=0, server_default="0"),
    Index("ix_entries_changed_in", "changed_in", "status"),
)
"""Published versions. Their content never changes; ``status`` alone does, when an entry is archived.

``expires_at`` is the last day on which a version holds; ``official`` the text of the document or where it stands;
``changed_in`` what the counter ``knowledge`` (``versions``) became by the change that published or archived the version.
"""

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("entry_id", String(64), nullable=False, index=True),
    Column("base_version", Integer, nullable=False, default=0),
    Column("content", JSON, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("origin", String(16), nullable=False, default="manual"),
    Column("gap_id", String(32)),
    Column("editors", JSON, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("submitted_by", String(32)),
    Column("submitted_at", Moment),
    Column("reviewed_by", String(32)),
    Column("reviewed_at", Moment),
    Column("review_note", Text, nullable=False, default=""),
    Column("published_version", Integer),
    Column("note", Text, nullable=False, default=""),
    Index(
        "ix_drafts_open_entry",
        "entry_id",
        unique=True,
        sqlite_where=text(OPEN_DRAFT),
        postgresql_where=text(OPEN_DRAFT),
    ),
)
"""What becomes a version once a second person approves it. ``revision`` grows with every change (optimistic lock)."""

disputes = Table(
    "disputes",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("entry_id", String(64), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("reporter_kind", String(16), nullable=False),
    Column("reporter", String(32), nullable=False, default=""),
    Column("conversation_id", String(32)),
    Column("reason_enc", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("resolved_at", Moment),
    Column("resolved_by", String(32)),
    Column("outcome", String(16)),
    Column("note", Text, nullable=False, default=""),
)
"""Entries said to be wrong. ``due_at`` is empty while the calendar of that year is not announced."""

consultations = Table(
    "consultations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("conversation_id", String(32), nullable=False, index=True),
    Column("turn_id", String(32)),
    Column("contact_key", String(64), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("text_enc", Text, nullable=False),
    Column("entry_id", String(64)),
    Column("version", Integer),
    Column("score", Float),
    Column("verdict", String(8), nullable=False, default=""),
    Column("outcome", String(16), nullable=False),
    Column("instant", Boolean, nullable=False, default=False),
    Column("unit", String(100), nullable=False, default=""),
    Column("topic", String(64), nullable=False, default=""),
    Column("reason", String(24), nullable=False, default=""),
    Column("gap_id", String(32), index=True),
)
"""Every question asked of the knowledge base and what became of it; ``contact_key`` counts who asked."""

gaps = Table(
    "gaps",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title_enc", Text, nullable=False),
    Column("topic", String(64), nullable=False, default=""),
    Column("unit", String(100), nullable=False, default=""),
    Column("reason", String(24), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("due_on_holiday", Boolean),
    Column("draft_id", String(32)),
    Column("entry_id", String(64)),
    Column("note", Text, nullable=False, default=""),
    Column("signature", JSON, nullable=False, default=list),
)
"""What was asked and could not be answered at once, near-duplicates in one row (``signature``: their terms).

``due_on_holiday`` is empty while the calendar of that year is not announced.
"""

synonyms = Table(
    "synonyms",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("words", JSON, nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", Moment, nullable=False),
)
"""Groups of words that mean the same to search."""

attachments = Table(
    "attachments",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    Column("name", String(200), nullable=False),
    Column("media", String(100), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", Moment, nullable=False),
)
"""Files of entries, each under its SHA-256 in the data folder's ``attachments``."""

nlu_utterances = Table(
    "nlu_utterances",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("conversation_id", String(32), nullable=False, index=True),
    Column("text_enc", Text, nullable=False),
    Column("stage", String(32), nullable=False, default=""),
    Column("suggested", String(32), nullable=False, default=""),
    Column("ranking", JSON, nullable=False, default=list),
    Column("confidence", Float, nullable=False),
    Column("why", String(16), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("label", String(32), nullable=False, default=""),
    Column("by", String(32), nullable=False, default=""),
    Column("labelled_at", Moment),
)
"""Masked utterances that the model was unsure of, or that somebody corrected."""

nlu_examples = Table(
    "nlu_examples",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("text_enc", Text, nullable=False),
    Column("label", String(32), nullable=False, index=True),
    Column("origin", String(16), nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", Moment, nullable=False),
    Column("removed_at", Moment),
)
"""Training examples that maintainers added to those of the project."""

models = Table(
    "models",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("by", String(32), nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("seconds", Float),
    Column("examples", Integer, nullable=False, default=0),
    Column("metrics", JSON, nullable=False, default=dict),
    Column("error", Text, nullable=False, default=""),
    Column("promoted_by", String(32)),
    Column("promoted_at", Moment),
    Column("sha256", String(64), nullable=False, default=""),
)
"""Trained models of dialogue acts: the live one, its candidates, and those before it."""
