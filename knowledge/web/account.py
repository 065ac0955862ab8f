"""Logging in and out, and what a page needs to know of whoever is logged in."""

from typing import Any

from aiohttp import web

from knowledge.web.bodies import json_of
from knowledge.web.contract import Door, Visitor
from knowledge.web.rights import can
from knowledge.web.routing import answered


class AccountPages:
    """Login, logout, me."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/kb/login", answered(self._log_in)),
            web.post("/api/kb/logout", answered(self._log_out)),
            web.get("/api/kb/me", answered(self._me)),
        ]

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await json_of(request)
        token, visitor = await self._door.enter(request, body.get("account"), body.get("password"))
        response = web.json_response(me(visitor))
        self._door.keep(request, response, token)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        await self._door.leave(request)
        response = web.json_response({"ok": True})
        self._door.forget(response)
        return response

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response(me(await self._door.require(request)))


def me(visitor: Visitor) -> dict[str, Any]:
    """Who is logged in, and what the page may offer."""
    actor = visitor.actor
    account = {
        "id": actor.id,
        "name": visitor.name,
        "role": actor.role.value,
        "role_label": visitor.role_label,
        "unit": actor.unit,
    }
    return {"account": account, "csrf": visitor.csrf, "can": can(actor.role)}
