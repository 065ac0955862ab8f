"""The desk's HTTP and WebSocket interface; docs/api.md is its reference."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from config.errors import HotlineError
from desk.actions import OVERSEERS, AgentActions, checked_reason
from desk.contract import DeskError, Suggest
from desk.login import Login, forget, keep
from desk.presence import PresenceState
from desk.service import Desk
from desk.sessions import Session, Sessions
from store.accounts import Account

_QUERY_MOST: Final = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ServeSocket(Protocol):
    """Keeps a page's WebSocket among the open ones of ``key`` while ``on_frame`` reads what it sends."""

    async def __call__(
        self,
        request: web.Request,
        key: str,
        first: Callable[[], Awaitable[Mapping[str, Any]]],
        on_frame: Callable[[dict[str, Any]], Awaitable[Mapping[str, Any] | None]],
    ) -> web.StreamResponse: ...


class DeskApi:
    """Routes under ``/api/desk``. ``serve_socket`` is the gateway's way of keeping pages."""

    def __init__(
        self,
        *,
        desk: Desk,
        actions: AgentActions,
        sessions: Sessions,
        login: Login,
        suggest: Suggest,
        serve_socket: ServeSocket,
    ) -> None:
        self._desk = desk
        self._actions = actions
        self._sessions = sessions
        self._login = login
        self._suggest = suggest
        self._serve_socket = serve_socket

    def routes(self) -> list[web.RouteDef]:
        one = "/api/desk/handovers/{id}"
        return [
            web.post("/api/desk/login", answered(self._log_in)),
            web.post("/api/desk/logout", answered(self._log_out)),
            web.get("/api/desk/me", answered(self._me)),
            web.put("/api/desk/presence", answered(self._presence)),
            web.get("/api/desk/queue", answered(self._queue)),
            web.get("/api/desk/agents", answered(self._agents)),
            web.get("/api/desk/knowledge", answered(self._knowledge)),
            web.get("/api/desk/callbacks", answered(self._callbacks)),
            web.post("/api/desk/callbacks/{id}/done", answered(self._callback_done)),
            web.post("/api/desk/callbacks/{id}/number", answered(self._callback_number)),
            web.get(one, answered(self._see)),
            web.post(one + "/accept", answered(self._accept)),
            web.post(one + "/decline", answered(self._decline)),
            web.post(one + "/redial", answered(self._redial)),
            web.post(one + "/end", answered(self._end)),
            web.post(one + "/messages", answered(self._say)),
            web.put(one + "/elements", answered(self._save)),
            web.post(one + "/file", answered(self._file)),
            web.post(one + "/number", answered(self._number)),
            web.post(one + "/recording", answered(self._recording)),
            web.get("/api/desk/ws", answered(self._socket)),
        ]

    def me(self, session: Session) -> dict[str, Any]:
        """What a page needs to know of whoever is logged in."""
        account = session.account
        return {
            "agent": {
                "id": account.id,
                "name": account.name,
                "role": account.role.value,
                "sip_uri": account.sip_uri,
            },
            "csrf": session.csrf,
            "presence": self._desk.presence.of(account.id).value,
            "phone_hint": f"没有话机？在本机运行：./hotline phone --agent {account.id}",
        }

    async def admit(self, agent_id: str) -> dict[str, Any]:
        """A session for an account without its password: for the operator on the same machine."""
        account = await self._desk.accounts.get(agent_id)
        if account is None or not account.active:
            raise DeskError("not_found", f"没有可用的账号 {agent_id}；请先运行 ./hotline agent add {agent_id}", 404)
        token, session = self._sessions.make(account)
        return {"token": token, "me": self.me(session)}

    async def _log_in(self, request: web.Request) -> web.Response:
        body = await body_of(request)
        token, session = await self._login.enter(body.get("agent"), body.get("password"), request.remote)
        response = web.json_response(self.me(session))
        keep(response, token, secure=request.secure)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        session = await self._sessions.require(request)
        await self._sessions.revoke(session)
        await self._actions.set_presence(session.account, PresenceState.OFFLINE)
        self._desk.hub.close(session.account.id)
        response = web.json_response({"ok": True})
        forget(response)
        return response

    async def _me(self, request: web.Request) -> web.Response:
        return web.json_response(self.me(await self._sessions.require(request)))

    async def _presence(self, request: web.Request) -> web.Response:
        account = await self._who(request)
        state = await self._actions.set_presence(account, str((await body_of(request)).get("state")))
        return web.json_response({"state": state.value})

    async def _queue(self, request: web.Request) -> web.Response:
        await self._who(request)
        return web.json_response(self._desk.queue_json())

    async def _agents(self, request: web.Request) -> web.Response:
        account = await self._who(request)
        if account.role not in OVERSEERS:
            raise DeskError("forbidden", "只有班长和热线办能看全体在岗状态", 403)
        serving = {live.handover.agent_id: live.handover.id for live in self._desk.live.values()}
        agents = [
            {
                "id": one.id,
                "role": one.role.value,
                "presence": self._desk.presence.of(one.id).value,
                "handover": serving.get(one.id),
            }
            for one in await self._desk.accounts.list()
            if one.active
        ]
        return web.json_response({"agents": agents})

    async def _knowledge(self, request: web.Request) -> web.Response:
        await self._who(request)
        question = request.query.get("q", "").strip()[:_QUERY_MOST]
        if not question:
            return web.json_response({"verdict": "abstain", "entries": []})
        return web.json_response(await self._suggest(question))

    async def _callbacks(self, request: web.Request) -> web.Response:
        await self._who(request)
        return web.json_response({"callbacks": await self._desk.handovers.callbacks()})

    async def _callback_done(self, request: web.Request) -> web.Response:
        account = await self._who(request)
        await self._desk.handovers.finish_callback(request.match_info["id"], account.id)
        return web.json_response({"status": "done"})

    async def _callback_number(self, request: web.Request) -> web.Response:
        account = await self._who(request)
        reason = checked_reason((await body_of(request)).get("reason"))
        number = await self._desk.handovers.callback_number(request.match_info["id"], account.id, reason)
        if number is None:
            raise DeskError("not_found", "来电没有显示号码", 404)
        return web.json_response({"number": number})

    async def _see(self, request: web.Request) -> web.Response:
        return web.json_response(await self._actions.see(await self._who(request), request.match_info["id"]))

    async def _accept(self, request: web.Request) -> web.Response:
        return web.json_response(await self._actions.accept(await self._who(request), request.match_info["id"]))

    async def _decline(self, request: web.Request) -> web.Response:
        await self._actions.decline(await self._who(request), request.match_info["id"])
        return web.json_response({"ok": True})

    async def _redial(self, request: web.Request) -> web.Response:
        await self._actions.redial(await self._who(request), request.match_info["id"])
        return web.json_response({"ok": True})

    async def _end(self, request: web.Request) -> web.Response:
        await self._actions.end(await self._who(request), request.match_info["id"])
        return web.json_response({"ok": True})

    async def _say(self, request: web.Request) -> web.Response:
        account, body = await self._who(request), await body_of(request)
        message_id = str(body.get("id") or "")[:64]
        if not message_id:
            raise DeskError("bad_request", "消息要有自己的 id")
        text = str(body.get("text") or "")
        item = await self._actions.say(account, request.match_info["id"], message_id, text)
        return web.json_response({"item": item})

    async def _save(self, request: web.Request) -> web.Response:
        account, body = await self._who(request), await body_of(request)
        return web.json_response(await self._actions.save(account, request.match_info["id"], body))

    async def _file(self, request: web.Request) -> web.Response:
        return web.json_response(await self._actions.file(await self._who(request), request.match_info["id"]))

    async def _number(self, request: web.Request) -> web.Response:
        account, body = await self._who(request), await body_of(request)
        number = await self._actions.number(account, request.match_info["id"], str(body.get("reason") or ""))
        return web.json_response({"number": number})

    async def _recording(self, request: web.Request) -> web.Response:
        account, paused = await self._who(request), (await body_of(request)).get("paused")
        if not isinstance(paused, bool):
            raise DeskError("bad_request", "paused 应为 true 或 false")
        await self._actions.pause_recording(account, request.match_info["id"], paused)
        return web.json_response({"paused": paused})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        session = await self._sessions.require(request)
        account = session.account

        async def first() -> Mapping[str, Any]:
            pops = await self._actions.pops_of(account)
            return {"type": "ready", "me": self.me(session), **self._desk.queue_json(), "pops": pops}

        async def on_frame(frame: dict[str, Any]) -> Mapping[str, Any] | None:
            if frame.get("type") == "typing":
                await self._actions.typing(account, str(frame.get("handover")))
            return {"type": "pong"} if frame.get("type") == "ping" else None

        return await self._serve_socket(request, account.id, first, on_frame)

    async def _who(self, request: web.Request) -> Account:
        return (await self._sessions.require(request)).account


def answered(handler: Handler) -> Handler:
    """Turn the application's typed errors into JSON answers."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except DeskError as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return web.json_response(
                {"error": {"code": error.code, "message": error.message}}, status=error.status, headers=headers
            )
        except HotlineError as error:
            return web.json_response({"error": {"code": error.code, "message": error.message}}, status=400)

    return handle


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    try:
        body = await request.json() if request.can_read_body else {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DeskError("bad_request", "请求内容应为 JSON") from error
    if not isinstance(body, dict):
        raise DeskError("bad_request", "请求内容应为 JSON 对象")
    return body
