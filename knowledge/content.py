"""What a draft holds: the fields of an entry, perhaps not all right yet, kept as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pydantic_core import to_jsonable_python

from knowledge.contract import Entry, KnowledgeError
from knowledge.entries import NAMES, EntryForm, EntryInvalid, parse_entry
from store.ids import new_id

MOST_BYTES: Final = 600_000
"""Of a draft's JSON: an official text of 100,000 characters fits."""
_FIELDS: Final = frozenset(EntryForm.model_fields) - {"version", "sample"}
_ID_CHARACTERS: Final = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """What must be put right before a draft can be submitted. ``field`` is empty for what concerns the whole."""

    field: str
    message: str


def taken(values: Mapping[str, object], entry_id: str) -> dict[str, Any]:
    """``values`` as a draft keeps them, in their checked form once all are right. Raises ``invalid``."""
    unknown = sorted(set(values) - _FIELDS - {"version", "sample"})
    if unknown:
        raise KnowledgeError("invalid", f"不认识的栏目：{'、'.join(unknown)}")
    known = {name: value for name, value in values.items() if name in _FIELDS} | {"id": entry_id}
    try:
        size = len(json.dumps(known, ensure_ascii=False).encode())
    except (TypeError, ValueError) as error:
        raise KnowledgeError("invalid", "内容里有不能保存的字符，请重新填写") from error
    if size > MOST_BYTES:
        raise KnowledgeError("invalid", f"内容太长（{size // 1024} KB），请把长文件作为附件上传")
    try:
        return stored(parse_entry(known))
    except EntryInvalid:
        return known


def stored(form: EntryForm) -> dict[str, Any]:
    """A checked form as JSON."""
    return {name: value for name, value in form.model_dump(mode="json").items() if name in _FIELDS}


def problems(content: Mapping[str, Any]) -> tuple[Problem, ...]:
    """What is wrong with a draft's content; empty: it can be submitted."""
    try:
        parse_entry(content)
    except EntryInvalid as error:
        return tuple(Problem(field, message) for field, message in error.problems)
    return ()


def checked(content: Mapping[str, Any]) -> EntryForm:
    """The content as a form. Raises ``invalid`` with every field that is wrong."""
    try:
        return parse_entry(content)
    except EntryInvalid as error:
        raise KnowledgeError("invalid", f"还不能送审：{error.message}", error.problems) from error


def values_of(entry: Entry) -> dict[str, object]:
    """The fields of a version as they are compared and shown."""
    return {name: getattr(entry, name) for name in NAMES if name in _FIELDS}


def comparable(content: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a draft in the form in which versions are compared; as written while something is wrong."""
    try:
        return values_of(parse_entry(content).entry(1))
    except EntryInvalid:
        return dict(content)


def json_of(entry: Entry) -> dict[str, Any]:
    """The fields of a version as a draft's content."""
    return dict(to_jsonable_python(values_of(entry)))


def new_entry_id(day: date) -> str:
    """A number for an entry that its writer gave none."""
    return f"KB-{day:%Y%m%d}-{new_id()[:_ID_CHARACTERS]}"
