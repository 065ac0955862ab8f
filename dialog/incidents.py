"""Which emergencies are listened for: the city's list, or what the office has decided in its place (第十四条, Z30).

A list is never changed: each decision is a new version with the moment from which it holds, so the next one can be
prepared, and going back is deciding an old list anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Row, func, insert, select

from config.clock import Clock
from config.errors import HotlineError
from config.rulebook_model import EmergencyIncident, Rulebook
from store import versions
from store.accounts import ROLE_LABELS, Role, find
from store.audit import record
from store.engine import Database
from store.ids import new_id
from store.schema import incident_lists

VERSION_NAME: Final = "incidents"
INDISPENSABLE: Final = ("fire", "police", "medical")
"""119, 110 and 120 are listened for in every list: leaving one out would be a slip, not a decision."""
_MOST: Final = 200
_Incidents: Final = TypeAdapter(tuple[EmergencyIncident, ...])


class IncidentsRefused(HotlineError):
    """A list of emergencies cannot be taken over; the message says what to mend."""


@dataclass(frozen=True, slots=True)
class IncidentList:
    """One version. ``version`` 0 is the city's rulebook."""

    version: int
    effective_at: datetime | None
    incidents: tuple[EmergencyIncident, ...]
    note: str = ""
    decided_by: str = ""


def parse_incidents(given: object) -> tuple[EmergencyIncident, ...]:
    """Check a list as typed in; raises :class:`IncidentsRefused` with every fault."""
    if isinstance(given, Mapping):
        given = given.get("incidents")
    if not isinstance(given, Sequence) or isinstance(given, str) or not 0 < len(given) <= _MOST:
        raise IncidentsRefused("bad_incidents", f"文件里要有 incidents，列出 1 至 {_MOST} 种紧急情形")
    try:
        incidents = _Incidents.validate_python(tuple(given))
    except ValidationError as error:
        faults = "；".join(_fault(given, item) for item in error.errors()[:8])
        raise IncidentsRefused("bad_incidents", f"紧急情形清单有误：{faults}") from error
    ids = [incident.id for incident in incidents]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    missing = [id for id in INDISPENSABLE if id not in ids]
    if twice or missing:
        said = [f"重复的 id：{'、'.join(twice)}"] * bool(twice) + [f"缺少：{'、'.join(missing)}"] * bool(missing)
        raise IncidentsRefused("bad_incidents", f"紧急情形清单有误：{'；'.join(said)}")
    return incidents


def incidents_to_json(incidents: Sequence[EmergencyIncident]) -> list[dict[str, Any]]:
    """The form that :func:`parse_incidents` reads."""
    return [incident.model_dump(mode="json", exclude_defaults=True) for incident in incidents]


class IncidentBook:
    """What one process knows of the lists: which one is in force at a moment."""

    __slots__ = ("_lists",)

    def __init__(self, rulebook: Rulebook) -> None:
        self._lists = [IncidentList(0, None, rulebook.emergency)]

    def replace(self, decided: Sequence[IncidentList]) -> None:
        """Take over the decided lists, the rulebook's staying underneath."""
        self._lists = [self._lists[0], *sorted(decided, key=lambda one: one.version)]

    def at(self, moment: datetime) -> IncidentList:
        """The newest list that holds at ``moment``."""
        return next(one for one in reversed(self._lists) if one.effective_at is None or one.effective_at <= moment)

    def incident(self, id: str, moment: datetime) -> EmergencyIncident | None:
        """An incident by its id, from the list in force or from an earlier one that a conversation still asks about."""
        lists = (self.at(moment), *reversed(self._lists))
        return next((found for one in lists for found in one.incidents if found.id == id), None)


class IncidentLists:
    """The decided lists of one city, on disk."""

    def __init__(self, database: Database, clock: Clock, city: str) -> None:
        self._database = database
        self._clock = clock
        self._city = city

    async def decide(
        self, incidents: tuple[EmergencyIncident, ...], by: str, note: str, effective_at: datetime | None = None
    ) -> IncidentList:
        """Let ``incidents`` hold from ``effective_at`` (now when none is given). Raises :class:`IncidentsRefused`.

        ``by``: an active account with the role office; ``note``: what is changed and why.
        """
        now = self._clock.now()
        holds_from = effective_at or now
        if not note.strip():
            raise IncidentsRefused("note_missing", "要写明改了什么、为什么（--note）")
        if effective_at is not None and effective_at < now:
            raise IncidentsRefused("in_the_past", "生效时间不能早于现在（--from）")
        async with self._database.begin() as connection:
            await versions.bump(connection, VERSION_NAME)
            account = await find(connection, by)
            if account is None or not account.active or account.role != Role.OFFICE:
                raise IncidentsRefused(
                    "not_office", f"清单只能由{ROLE_LABELS[Role.OFFICE]}（office 角色的账号）决定，请用 --by 写明决定人"
                )
            newest = select(func.max(incident_lists.c.version)).where(incident_lists.c.city == self._city)
            version = int((await connection.execute(newest)).scalar() or 0) + 1
            await connection.execute(
                insert(incident_lists).values(
                    id=new_id(),
                    city=self._city,
                    version=version,
                    effective_at=holds_from,
                    incidents=incidents_to_json(incidents),
                    note=note.strip(),
                    decided_by=by,
                    decided_at=now,
                )
            )
            await record(
                connection, at=now, by=by, action="incidents.decided", subject=str(version), detail=note.strip()
            )
        return IncidentList(version, holds_from, incidents, note.strip(), by)

    async def all(self) -> tuple[IncidentList, ...]:
        """Every decided list, the oldest first."""
        query = select(incident_lists).where(incident_lists.c.city == self._city).order_by(incident_lists.c.version)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query)).all()
        return tuple(_from_row(row) for row in rows)

    async def version(self) -> int:
        """Grows with every decision."""
        async with self._database.connect() as connection:
            return await versions.read(connection, VERSION_NAME)


def _from_row(row: Row[Any]) -> IncidentList:
    return IncidentList(row.version, row.effective_at, parse_incidents(row.incidents), row.note, row.decided_by)


def _fault(given: Sequence[Any], fault: Any) -> str:
    """One of pydantic's findings, in the words of whoever wrote the list."""
    place, *field = fault["loc"]
    row = given[place] if isinstance(place, int) and place < len(given) else None
    name = row.get("id", f"第{place + 1}项") if isinstance(row, Mapping) else f"第{place + 1}项"
    where = ".".join(map(str, field)) or "整项"
    kinds = {"missing": "缺少这一项", "extra_forbidden": "没有这一项，请核对拼写", "too_short": "至少要有一个"}
    return f"{name} 的 {where}：{kinds.get(fault['type']) or fault.get('ctx', {}).get('error') or '格式不对'}"
