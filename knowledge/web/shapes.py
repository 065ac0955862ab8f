"""Entries and versions as the pages read them."""

from dataclasses import asdict
from typing import Any, Final

from knowledge.catalogue import STANDING_LABELS, Listed, Page, Standing, Version
from knowledge.contract import KIND_LABELS, Audience, Entry, Kind
from knowledge.difference import FieldChange
from knowledge.drafts import Draft
from knowledge.web.bodies import told

_VERSION_LABELS: Final = {"published": "已发布", "archived": "已归档"}


def kind_label(kind: str) -> str:
    """What people call a kind of entry."""
    return KIND_LABELS[Kind(kind)] if kind in set(Kind) else kind


def row_json(listed: Listed) -> dict[str, Any]:
    """An ``EntryRow``."""
    entry, draft = listed.entry, listed.draft
    return {
        "id": entry.id,
        "version": entry.version,
        "kind": entry.kind,
        "kind_label": kind_label(entry.kind),
        "question": entry.question,
        "field": entry.field,
        "unit": entry.unit,
        "area": entry.area,
        "audience": entry.audience,
        "status": listed.standing.value,
        "status_label": STANDING_LABELS[listed.standing],
        "effective_at": told(entry.effective_at),
        "expires_at": told(entry.expires_at),
        "updated_at": told(listed.updated_at),
        "author": entry.author,
        "reviewed_by": entry.reviewed_by,
        "sample": entry.sample,
        "tags": list(entry.tags),
        "draft": asdict(draft) if draft else None,
        "disputed": listed.disputed,
    }


def full_json(listed: Listed) -> dict[str, Any]:
    """An ``EntryFull``."""
    return row_json(listed) | content_json(listed.entry)


def content_json(entry: Entry) -> dict[str, Any]:
    """The fields that an editor writes."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "question": entry.question,
        "similar": list(entry.similar),
        "answer": entry.answer,
        "speech": entry.speech,
        "unit": entry.unit,
        "field": entry.field,
        "area": entry.area,
        "audience": entry.audience,
        "source": entry.source,
        "source_no": entry.source_no,
        "source_date": told(entry.source_date),
        "official": entry.official,
        "effective_at": told(entry.effective_at),
        "expires_at": told(entry.expires_at),
        "tags": list(entry.tags),
        "attachments": [asdict(one) for one in entry.attachments],
        "urgent": entry.urgent,
        "starts_at": told(entry.starts_at),
        "ends_at": told(entry.ends_at),
    }


def version_json(version: Version) -> dict[str, Any]:
    """One line of an entry's history."""
    entry = version.entry
    return {
        "version": entry.version,
        "author": entry.author,
        "reviewed_by": entry.reviewed_by,
        "published_at": told(version.published_at),
        "effective_at": told(entry.effective_at),
        "status": version.status,
        "status_label": _VERSION_LABELS.get(version.status, version.status),
        "note": version.note,
    }


def page_json(page: Page, number: int, size: int) -> dict[str, Any]:
    """A page of the list with its facets."""
    return {
        "total": page.total,
        "page": number,
        "size": size,
        "facets": {
            name: [{"value": value, "count": count} for value, count in counted]
            for name, counted in page.counts.items()
        },
        "entries": [row_json(one) for one in page.rows],
    }


def change_json(change: FieldChange) -> dict[str, Any]:
    """One field that differs, with its lines."""
    return asdict(change) | {"lines": [asdict(line) for line in change.lines]}


def draft_row_json(draft: Draft) -> dict[str, Any]:
    """An ``EntryRow`` of what is only written so far; ``version`` is the one that it changes, 0 for a new entry."""
    content = draft.content
    kind = str(content.get("kind") or Kind.MATTER)
    return {
        "id": draft.entry_id,
        "version": draft.base_version,
        "kind": kind,
        "kind_label": kind_label(kind),
        **{name: str(content.get(name) or "") for name in ("question", "field", "unit", "area")},
        "audience": str(content.get("audience") or Audience.PUBLIC),
        "status": Standing.DRAFT.value,
        "status_label": draft.status_label,
        "effective_at": content.get("effective_at"),
        "expires_at": content.get("expires_at"),
        "updated_at": told(draft.updated_at),
        "author": draft.editors[-1],
        "reviewed_by": draft.reviewed_by or "",
        "sample": False,
        "tags": content.get("tags") or [],
        "draft": {"id": draft.id, "status": draft.status, "revision": draft.revision},
        "disputed": False,
    }
