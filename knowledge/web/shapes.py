"""Entries and versions as the pages read them."""

from dataclasses import asdict
from typing import Any, Final

from knowledge.catalogue import STANDING_LABELS, Listed, Page, Version
from knowledge.contract import KIND_LABELS, Entry, Kind
from knowledge.web.bodies import told

_VERSION_LABELS: Final = {"published": "已发布", "archived": "已撤下"}


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
