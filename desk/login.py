"""Logging in by account and password: how often may be tried, and the cookie that a browser keeps."""

from typing import Final

import structlog
from aiohttp import web

from desk.contract import DeskError, RateLimit
from desk.sessions import COOKIE, DESK, LIFETIME_S, Place, Session, Sessions
from store.accounts import Accounts

log = structlog.get_logger("desk")

TRIES: Final = 5
WINDOW_S: Final = 600.0
TRIES_FROM_ONE_ADDRESS: Final = 300
"""A whole shift may log in from behind one address."""


class Login:
    """The one way in for every page of the people who work here: tries are counted together."""

    def __init__(self, accounts: Accounts, sessions: Sessions, limit: RateLimit) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._limit = limit

    async def enter(
        self, account_id: object, password: object, remote: str | None, place: Place = DESK
    ) -> tuple[str, Session]:
        """A session and its token.

        Raises ``rate_limited``, ``wrong_password``, or ``forbidden`` for a role that has no business at ``place``.
        """
        known_as, secret = str(account_id or "")[:32], str(password or "")[:256]
        keys = (f"login:{known_as}", f"login-from:{remote}")
        for key, tries in zip(keys, (TRIES, TRIES_FROM_ONE_ADDRESS), strict=True):
            wait = await self._limit.hit(key, tries, WINDOW_S)
            if wait:
                raise _too_many(wait)
        account = await self._accounts.verify(known_as, secret)
        if account is None:
            log.info("login_refused")
            raise DeskError("wrong_password", "账号或密码不对", 401)
        await self._limit.forget(keys[0])
        return self._sessions.make(account, place)


def keep(response: web.Response, token: str, *, secure: bool) -> None:
    """Give the browser its session. ``secure``: the page came over HTTPS, and so must the cookie."""
    response.set_cookie(COOKIE, token, max_age=int(LIFETIME_S), httponly=True, samesite="Strict", secure=secure)


def forget(response: web.Response) -> None:
    """Take the session from the browser."""
    response.del_cookie(COOKIE)


def _too_many(wait_s: float) -> DeskError:
    minutes = max(1, round(wait_s / 60))
    return DeskError("rate_limited", f"尝试次数过多，请 {minutes} 分钟后再试", 429, retry_after=int(wait_s) + 1)
