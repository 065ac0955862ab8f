"""Accounts of the people who work at the hotline: who they are, what they may do, their passwords (argon2id)."""

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from config.errors import HotlineError
from store.audit import record
from store.engine import Database
from store.schema import accounts
from store.vault import Vault

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SIP_URI: Final = re.compile(r"sips?:[^\s@]+@[^\s@]+")
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""For first passwords: nothing that is misread when copied by hand."""
_FIRST_PASSWORD_LENGTH: Final = 14
PASSWORD_LEAST: Final = 8
"""Characters that a password has at least (NIST SP 800-63B)."""
UNIT_MOST: Final = 100
"""Characters of a handling unit's name."""


class Role(StrEnum):
    """What an account may do: answer calls, supervise, decide for the hotline office, edit or review knowledge, speak for
    a handling unit, operate.
    """

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OFFICE = "office"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    UNIT = "unit"
    OPERATOR = "operator"


ROLE_LABELS: Final = {
    Role.AGENT: "话务员",
    Role.SUPERVISOR: "班长",
    Role.OFFICE: "热线办",
    Role.EDITOR: "知识编辑",
    Role.REVIEWER: "知识审核",
    Role.UNIT: "承办单位",
    Role.OPERATOR: "运维",
}


class AccountError(HotlineError):
    """An account cannot be made or used as asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account. ``sip_uri``: the fixed address of the agent's phone, empty when there is none.

    ``unit``: the handling unit that an account of :attr:`Role.UNIT` speaks for; empty for all others.
    """

    id: str
    role: Role
    sip_uri: str
    active: bool
    name: str = field(default="", repr=False)
    unit: str = ""


class Accounts:
    """Makes accounts and checks passwords. ``hasher``: argon2's own defaults (RFC 9106, low memory) unless given."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, *, hasher: PasswordHasher | None = None) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._hasher = hasher or PasswordHasher()

    async def create(
        self, account_id: str, sip_uri: str, role: str, name: str = "", *, unit: str = "", by: str = "operator"
    ) -> str:
        """Make an account and return its first password, which is shown once. Raises :class:`AccountError`."""
        if not _ID.fullmatch(account_id):
            raise AccountError("bad_account_id", "账号只能用字母、数字、_ 与 -，最多 32 个字符")
        if role not in set(Role):
            raise AccountError(
                "bad_role", f"没有角色“{role}”，可用：{'、'.join(f'{r}（{ROLE_LABELS[r]}）' for r in Role)}"
            )
        if sip_uri and not _SIP_URI.fullmatch(sip_uri):
            raise AccountError("bad_sip_uri", "话机地址应写成 sip:号码@主机[:端口]")
        unit = unit.strip()
        if role == Role.UNIT and not 1 <= len(unit) <= UNIT_MOST:
            raise AccountError("unit_needed", f"承办单位账号要写明单位名称，最多 {UNIT_MOST} 个字")
        if role != Role.UNIT and unit:
            raise AccountError("unit_not_wanted", "只有承办单位账号（unit）才写单位名称")
        password = "".join(secrets.choice(_ALPHABET) for _ in range(_FIRST_PASSWORD_LENGTH))
        password_hash = await asyncio.to_thread(self._hasher.hash, password)
        now = self._clock.now()
        async with self._database.begin() as connection:
            if await find(connection, account_id):
                raise AccountError("account_exists", f"账号 {account_id} 已存在，请换一个")
            await connection.execute(
                insert(accounts).values(
                    id=account_id,
                    name_enc=self._vault.encrypt(name) if name else None,
                    role=role,
                    password_hash=password_hash,
                    sip_uri=sip_uri,
                    active=True,
                    created_at=now,
                    unit=unit,
                )
            )
            await record(connection, at=now, by=by, action="account.created", subject=account_id, detail=role)
        return password

    async def verify(self, account_id: str, password: str) -> Account | None:
        """The account, when it is active and the password is right. Takes as long for an account that is not there."""
        async with self._database.connect() as connection:
            row = await find(connection, account_id)
        stored = str(row.password_hash) if row else await asyncio.to_thread(self._hasher.hash, secrets.token_hex(8))
        try:
            await asyncio.to_thread(self._hasher.verify, stored, password)
        except VerifyMismatchError:
            return None
        return self._account(row) if row and row.active else None

    async def set_password(self, account_id: str, password: str, *, by: str = "") -> None:
        """Replace the password. Raises :class:`AccountError` when it is too short or the account is not there."""
        if len(password) < PASSWORD_LEAST:
            raise AccountError("weak_password", f"密码至少 {PASSWORD_LEAST} 个字符")
        password_hash = await asyncio.to_thread(self._hasher.hash, password)
        async with self._database.begin() as connection:
            if not await find(connection, account_id):
                raise AccountError("unknown_account", f"没有账号 {account_id}")
            change = update(accounts).where(accounts.c.id == account_id).values(password_hash=password_hash)
            await connection.execute(change)
            await record(
                connection, at=self._clock.now(), by=by or account_id, action="account.password", subject=account_id
            )

    async def get(self, account_id: str) -> Account | None:
        """The account, active or not; ``None`` when there is none of that id."""
        async with self._database.connect() as connection:
            row = await find(connection, account_id)
        return self._account(row) if row else None

    async def list(self) -> tuple[Account, ...]:
        """Every account, by id."""
        async with self._database.connect() as connection:
            rows = (await connection.execute(select(accounts).order_by(accounts.c.id))).all()
        return tuple(self._account(row) for row in rows)

    def _account(self, row: Row[Any]) -> Account:
        name = self._vault.decrypt(row.name_enc) if row.name_enc else ""
        return Account(id=row.id, role=Role(row.role), sip_uri=row.sip_uri, active=row.active, name=name, unit=row.unit)


async def find(connection: AsyncConnection, account_id: str) -> Row[Any] | None:
    """The row of an account, within the caller's transaction."""
    return (await connection.execute(select(accounts).where(accounts.c.id == account_id))).first()
