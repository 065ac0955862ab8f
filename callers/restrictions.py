"""Restrictions: a number held back for at most 30 calendar days, by a person's decision (湛府办函〔2022〕116号 第九条).

The day of decision is day 1, and the last day ends at 24:00 in Asia/Shanghai: the reading that burdens the citizen
least. A restriction ends by itself; a further one is a new decision after the end.

It is aimed at a person (第九条 says 行为人). Where many share a number (a switchboard, a dormitory, a public phone) the
decision is kept with ``shared`` and holds nobody back by the number alone (CLAUSES Z24); a withheld number never is.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callers.identity import mask_number
from config.clock import LOCAL_ZONE, Clock, local
from config.errors import HotlineError
from config.rulebook_model import Rulebook
from store import versions
from store.accounts import ROLE_LABELS, Role, find
from store.audit import record
from store.engine import Database
from store.ids import new_id
from store.number import normalise_number
from store.schema import restrictions
from store.vault import Vault

VERSION_NAME: Final = "restrictions"


class RestrictionRefused(HotlineError):
    """A restriction cannot be made or lifted; ``code`` says on what count."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """One decision. ``ends_at``: the first moment at which the number gets through again; ``shared``: it always does."""

    id: str
    city: str
    ground: str
    basis: str
    decided_by: str
    decided_at: datetime
    starts_at: datetime
    ends_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None
    lift_reason: str | None
    shared: bool
    number: str = field(repr=False)
    evidence: str = field(repr=False)

    def in_force(self, at: datetime) -> bool:
        """Does the decision stand at that moment?"""
        return self.starts_at <= at < self.ends_at and (self.lifted_at is None or at < self.lifted_at)


@dataclass(frozen=True, slots=True)
class TableRow:
    """What an ivr node needs to know of a restriction in force: the number's keyed hash and the end."""

    number_key: str
    ends_at: datetime


def end_of(decided_at: datetime, days: int) -> datetime:
    """24:00 of day ``days`` in Asia/Shanghai, the day of decision being day 1; in UTC."""
    last = local(decided_at).date() + timedelta(days=days)
    return datetime.combine(last, time(), LOCAL_ZONE).astimezone(UTC)


class Restrictions:
    """The restrictions of one city, within what its rulebook allows."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, rulebook: Rulebook) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._rulebook = rulebook
        self._policy = rulebook.restriction

    async def add(
        self,
        number: str | None,
        ground: str,
        evidence: str,
        by: str,
        days: int = 30,
        basis: str = "",
        *,
        shared: bool = False,
    ) -> Restriction:
        """Hold ``number`` back for ``days`` calendar days, from now. Raises :class:`RestrictionRefused`.

        ``by``: an active account with the role office; ``ground``: one of the rulebook's; ``evidence``: what shows it;
        ``basis``: needed where the rulebook holds no article; ``shared``: others call from this number, let it through.
        """
        normal, ground, cited = self._checked(number, ground, evidence, days, basis)
        now = self._clock.now()
        row = {
            "id": new_id(),
            "city": self._rulebook.id,
            "number_key": self._vault.key(normal),
            "number_enc": self._vault.encrypt(normal),
            "ground": ground,
            "evidence_enc": self._vault.encrypt(evidence.strip()),
            "basis": cited,
            "decided_by": by,
            "decided_at": now,
            "starts_at": now,
            "ends_at": end_of(now, days),
            "shared": shared,
        }
        async with self._database.begin() as connection:
            await versions.bump(connection, VERSION_NAME)
            await _require_office(connection, by)
            standing = (await connection.execute(self._in_force(now, normal))).first()
            if standing is not None:
                until = _last_day(standing.ends_at)
                raise RestrictionRefused(
                    "already_restricted", f"该号码已在限制中（至{until} 24:00）；期满后如仍有必要，须重新作出决定"
                )
            await connection.execute(insert(restrictions).values(row))
            await record(
                connection,
                at=now,
                by=by,
                action="restriction.added",
                subject=str(row["id"]),
                detail=f"{ground}; {days} d; {cited}" + ("; shared" if shared else ""),
            )
            made = (await connection.execute(select(restrictions).where(restrictions.c.id == row["id"]))).one()
        return self._restriction(made)

    async def active(self, number: str | None, at: datetime) -> Restriction | None:
        """The restriction that holds ``number`` back at that moment; never one on a withheld or a shared number."""
        normal = normalise_number(number)
        if normal is None or self._policy.mode == "off":
            return None
        async with self._database.connect() as connection:
            row = (await connection.execute(self._in_force(at, normal).where(~restrictions.c.shared))).first()
        return self._restriction(row) if row else None

    async def table(self) -> tuple[int, tuple[TableRow, ...]]:
        """Version and rows of what holds callers back now, for the ivr nodes."""
        async with self._database.connect() as connection:
            version = await versions.read(connection, VERSION_NAME)
            if self._policy.mode == "off":
                return version, ()
            holding = self._in_force(self._clock.now()).where(~restrictions.c.shared)
            rows = (await connection.execute(holding)).all()
        return version, tuple(TableRow(row.number_key, row.ends_at) for row in rows)

    async def lift(self, id_or_number: str, by: str, reason: str) -> Restriction:
        """End a restriction in force before its time. ``by``: role office; ``reason``: why."""
        if not reason.strip():
            raise RestrictionRefused("reason_missing", "解除限制要写明理由（--reason）")
        lifted = {"lifted_at": self._clock.now(), "lifted_by": by, "lift_reason": reason.strip()}
        return await self._change(id_or_number, by, "restriction.lifted", lifted)

    async def share(self, id_or_number: str, by: str) -> Restriction:
        """Let a number through from now on, because others call from it too; the decision itself stands."""
        return await self._change(id_or_number, by, "restriction.shared", {"shared": True})

    async def _change(self, id_or_number: str, by: str, action: str, values: dict[str, Any]) -> Restriction:
        """Change the restriction in force that is meant, by an account of the office, and audit it."""
        now = self._clock.now()
        normal = normalise_number(id_or_number)
        wanted = restrictions.c.id == id_or_number
        if normal is not None:
            wanted = or_(wanted, restrictions.c.number_key == self._vault.key(normal))
        async with self._database.begin() as connection:
            await versions.bump(connection, VERSION_NAME)
            await _require_office(connection, by)
            found = (await connection.execute(self._in_force(now).where(wanted))).first()
            if found is None:
                raise RestrictionRefused("not_restricted", "没有正在执行的这条限制，请用 restrict list 核对")
            await connection.execute(update(restrictions).where(restrictions.c.id == found.id).values(values))
            await record(connection, at=now, by=by, action=action, subject=found.id)
            changed = (await connection.execute(select(restrictions).where(restrictions.c.id == found.id))).one()
        return self._restriction(changed)

    async def list(self) -> tuple[Restriction, ...]:
        """Every decision of the city, the newest first."""
        query = select(restrictions).where(restrictions.c.city == self._rulebook.id)
        async with self._database.connect() as connection:
            rows = (await connection.execute(query.order_by(restrictions.c.decided_at.desc()))).all()
        return tuple(self._restriction(row) for row in rows)

    def _checked(self, number: str | None, ground: str, evidence: str, days: int, basis: str) -> tuple[str, str, str]:
        """The normalised number, the ground's id and the basis, or a refusal."""
        policy = self._policy
        if policy.mode == "off":
            source = policy.basis.cite() if policy.basis else ""
            raise RestrictionRefused("restriction_off", f"{self._rulebook.name}不限制来电：{policy.reason}（{source}）")
        normal = normalise_number(number)
        if normal is None:
            raise RestrictionRefused("number_withheld", "未显示或无效的号码不能限制：限制只针对查得到的号码")
        article = f"（{policy.basis.cite()}）" if policy.basis else ""
        if not 1 <= days <= policy.max_days:
            raise RestrictionRefused("bad_days", f"限制为 1 至 {policy.max_days} 个自然日{article}，不能是 {days}")
        found = policy.ground(ground)
        if found is None:
            known = "、".join(f"{item.id}（{item.text}）" for item in policy.grounds)
            raise RestrictionRefused("bad_ground", f"没有事由“{ground}”，可用：{known}")
        if not evidence.strip():
            raise RestrictionRefused("evidence_missing", "要写明证据（--evidence），例如录音编号与时间")
        cited = basis.strip() or (policy.basis.cite() if policy.basis else "")
        if not cited or (policy.requires_basis_text and not basis.strip()):
            raise RestrictionRefused(
                "basis_missing",
                f"{self._rulebook.name}的规则手册没有限制来电的条款：请用 --basis 写明依据（文号与条款）",
            )
        return normal, found.id, cited

    def _in_force(self, at: datetime, number: str | None = None) -> Any:
        """Selects what holds at that moment, of one normalised number or of all."""
        table = restrictions.c
        where: list[ColumnElement[bool]] = [
            table.city == self._rulebook.id,
            table.starts_at <= at,
            table.ends_at > at,
            or_(table.lifted_at.is_(None), table.lifted_at > at),
        ]
        if number is not None:
            where.append(table.number_key == self._vault.key(number))
        return select(restrictions).where(*where).order_by(table.ends_at.desc())

    def _restriction(self, row: Row[Any]) -> Restriction:
        return Restriction(
            id=row.id,
            city=row.city,
            ground=row.ground,
            basis=row.basis,
            decided_by=row.decided_by,
            decided_at=row.decided_at,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            lifted_at=row.lifted_at,
            lifted_by=row.lifted_by,
            lift_reason=row.lift_reason,
            shared=row.shared,
            number=self._vault.decrypt(row.number_enc),
            evidence=self._vault.decrypt(row.evidence_enc),
        )


def restriction_to_json(restriction: Restriction, at: datetime) -> dict[str, Any]:
    """A restriction for the screen: the number masked, moments in local time, without the evidence."""
    return {
        "id": restriction.id,
        "city": restriction.city,
        "number": mask_number(restriction.number),
        "ground": restriction.ground,
        "basis": restriction.basis,
        "decided_by": restriction.decided_by,
        "decided_at": local(restriction.decided_at).isoformat(timespec="seconds"),
        "ends_at": local(restriction.ends_at).isoformat(timespec="seconds"),
        "last_day": _last_day(restriction.ends_at),
        "in_force": restriction.in_force(at),
        "shared": restriction.shared,
        "lifted_at": local(restriction.lifted_at).isoformat(timespec="seconds") if restriction.lifted_at else None,
        "lifted_by": restriction.lifted_by,
        "lift_reason": restriction.lift_reason,
    }


def _last_day(ends_at: datetime) -> str:
    """The date of the last day in force, which ends at 24:00."""
    return (local(ends_at).date() - timedelta(days=1)).isoformat()


async def _require_office(connection: AsyncConnection, account_id: str) -> None:
    account = await find(connection, account_id)
    if account is None or not account.active or account.role != Role.OFFICE:
        raise RestrictionRefused(
            "not_office", f"限制与解除只能由{ROLE_LABELS[Role.OFFICE]}（office 角色的账号）决定，请用 --by 写明决定人"
        )
