"""Sessions of the people who work here: a signed cookie (or bearer token), a CSRF token bound to it, who logged out.

One login serves every page that the account's role may use; each page names its own :class:`Place`.
"""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from config.clock import Clock
from desk.contract import DeskError, LiveStore, Signer
from store.accounts import Account, Accounts, Role
from store.ids import new_id

COOKIE: Final = "hotline_desk"
LIFETIME_S: Final = 12 * 3600.0
_PURPOSE: Final = "desk"
_REVOKED: Final = "hotline:revoked"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Session:
    """Who is asking, in which session."""

    account: Account
    id: str
    csrf: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session is used: by accounts of which roles, and what the others are told."""

    roles: frozenset[Role]
    refused: str

    def admit(self, account: Account) -> None:
        """Raises ``forbidden`` for an account whose role has no business here."""
        if account.role not in self.roles:
            raise DeskError("forbidden", self.refused, 403)


DESK: Final = Place(frozenset({Role.AGENT, Role.SUPERVISOR, Role.OFFICE}), "这个账号的角色不能使用话务台")


class Sessions:
    """Makes and checks sessions. The account is read anew each time: a role taken away is gone at once."""

    def __init__(self, signer: Signer, accounts: Accounts, clock: Clock, store: LiveStore) -> None:
        self._signer = signer
        self._accounts = accounts
        self._clock = clock
        self._store = store
        self._revoked: set[str] = set()

    async def restore(self) -> None:
        """Remember who logged out before a restart."""
        self._revoked |= set(await self._store.all(_REVOKED))

    def make(self, account: Account, place: Place = DESK) -> tuple[str, Session]:
        """A new session and its token. Raises ``forbidden`` for a role that has no business at ``place``."""
        place.admit(account)
        session_id = new_id()
        token = self._signer.sign(_PURPOSE, {"agent": account.id, "session": session_id}, LIFETIME_S)
        return token, Session(account, session_id, self._csrf(session_id))

    async def require(self, request: web.Request, place: Place = DESK) -> Session:
        """The session of a request at ``place``; raises ``not_logged_in``, ``csrf`` or ``forbidden``."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = bearer or request.cookies.get(COOKIE, "")
        claims = self._signer.read(_PURPOSE, token) if token else None
        if claims is None or claims["session"] in self._revoked:
            raise DeskError("not_logged_in", "请先登录", 401)
        account = await self._accounts.get(str(claims["agent"]))
        if account is None or not account.active:
            raise DeskError("not_logged_in", "账号已停用，请联系管理员", 401)
        place.admit(account)
        session = Session(account, str(claims["session"]), self._csrf(str(claims["session"])))
        if request.method not in _SAFE and not bearer and request.headers.get("X-CSRF-Token") != session.csrf:
            raise DeskError("csrf", "页面已过期，请刷新后再试", 403)
        return session

    async def revoke(self, session: Session) -> None:
        """Log out."""
        self._revoked.add(session.id)
        await self._store.put(_REVOKED, session.id, self._clock.now().isoformat())

    def _csrf(self, session_id: str) -> str:
        return self._signer.derive("desk-csrf", session_id)
