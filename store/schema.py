"""The one schema, for SQLite and PostgreSQL. Moments are UTC; ``*_enc`` columns hold AES-GCM text, ``*_key`` keyed hashes.

The tables of the knowledge base and of training are in :mod:`store.schema_knowledge`; they are named here too.
"""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text, false

from store.schema_base import Moment, metadata
from store.schema_knowledge import (
    attachments,
    consultations,
    disputes,
    drafts,
    entries,
    gaps,
    models,
    nlu_examples,
    nlu_utterances,
    synonyms,
)

__all__ = [
    "Moment",
    "accounts",
    "agent_messages",
    "attachments",
    "audit",
    "callbacks",
    "consultations",
    "contacts",
    "conversations",
    "disputes",
    "drafts",
    "entries",
    "gaps",
    "handovers",
    "incident_lists",
    "metadata",
    "models",
    "nlu_examples",
    "nlu_utterances",
    "recordings",
    "restrictions",
    "sequences",
    "synonyms",
    "ticket_elements",
    "ticket_events",
    "tickets",
    "turns",
    "versions",
]

contacts = Table(
    "contacts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number_key", String(64), unique=True, nullable=False),
    Column("number_enc", Text, nullable=False),
    Column("name_enc", Text),
    Column("created_at", Moment, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("external_id", String(256), nullable=False, index=True),
    Column("contact_id", String(32), ForeignKey("contacts.id")),
    Column("restricted", Boolean, nullable=False, default=False),
    Column("state_enc", Text),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", String(16)),
)

turns = Table(
    "turns",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("said", String(8), nullable=False),
    Column("text_enc", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("audio_start_ms", Integer),
    Column("audio_end_ms", Integer),
    Column("act", String(64), nullable=False, default=""),
    Column("engine", String(16), nullable=False, default=""),
    Column("reply_enc", Text, nullable=False),
    Column("entry_id", String(64)),
    Column("entry_version", Integer),
    Column("emergency", Boolean, nullable=False, default=False),
    Column("at", Moment, nullable=False),
    Index("ix_turns_conversation_seq", "conversation_id", "seq", unique=True),
)

agent_messages = Table(
    "agent_messages",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False, index=True),
    Column("agent_id", String(32)),
    Column("sender", String(8), nullable=False),
    Column("text_enc", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("no", String(24), unique=True),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), index=True),
    Column("contact_id", String(32), ForeignKey("contacts.id")),
    Column("channel", String(16), nullable=False),
    Column("city", String(32), nullable=False),
    Column("type", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("filed_by", String(32), nullable=False, default="bot"),
    Column("created_at", Moment, nullable=False),
    Column("filed_at", Moment),
)

ticket_elements = Table(
    "ticket_elements",
    metadata,
    Column("ticket_id", String(32), ForeignKey("tickets.id"), primary_key=True),
    Column("name", String(8), primary_key=True),
    Column("value_enc", Text),
    Column("status", String(16), nullable=False),
    Column("source_enc", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("set_by", String(8), nullable=False),
    Column("reason", Text, nullable=False, default=""),
)

ticket_events = Table(
    "ticket_events",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("ticket_id", String(32), ForeignKey("tickets.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("by", String(32), nullable=False),
    Column("detail_enc", Text),
    Column("at", Moment, nullable=False),
)

sequences = Table(
    "sequences",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Integer, nullable=False),
)

restrictions = Table(
    "restrictions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("city", String(32), nullable=False),
    Column("number_key", String(64), nullable=False, index=True),
    Column("number_enc", Text, nullable=False),
    Column("ground", String(32), nullable=False),
    Column("evidence_enc", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("decided_by", String(32), nullable=False),
    Column("decided_at", Moment, nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("lifted_at", Moment),
    Column("lifted_by", String(32)),
    Column("lift_reason", Text),
    Column("shared", Boolean, nullable=False, default=False, server_default=false()),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name_enc", Text),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("sip_uri", String(256), nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True),
    Column("created_at", Moment, nullable=False),
    Column("unit", String(100), nullable=False, default="", server_default=""),
)

handovers = Table(
    "handovers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), ForeignKey("conversations.id"), nullable=False, index=True),
    Column("ticket_id", String(32), ForeignKey("tickets.id")),
    Column("reason", String(32), nullable=False),
    Column("priority", Integer, nullable=False, default=0),
    Column("status", String(16), nullable=False),
    Column("agent_id", String(32)),
    Column("created_at", Moment, nullable=False),
    Column("offered_at", Moment),
    Column("accepted_at", Moment),
    Column("connected_at", Moment),
    Column("ended_at", Moment),
)

callbacks = Table(
    "callbacks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), index=True),
    Column("external_id", String(256), nullable=False, default=""),
    Column("number_enc", Text),
    Column("reason", String(32), nullable=False),
    Column("promise", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("external_id", String(256), nullable=False, index=True),
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("received_at", Moment, nullable=False),
    Column("purged_at", Moment),
)
"""Recordings in the store's folder, by the Call-ID (``external_id``) of their call. Purged ones keep their row."""

audit = Table(
    "audit",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("detail", Text, nullable=False, default=""),
)

incident_lists = Table(
    "incident_lists",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("city", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("effective_at", Moment, nullable=False),
    Column("incidents", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("decided_by", String(32), nullable=False),
    Column("decided_at", Moment, nullable=False),
    Index("ix_incident_lists_city_version", "city", "version", unique=True),
)
"""Lists of emergencies as the office decided them (湛府办函〔2022〕116号 第十四条); rows are added, never changed."""

versions = Table(
    "versions",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Integer, nullable=False),
)
"""Counters that grow with every change of ``knowledge``, ``restrictions``…; running processes poll them each second."""
