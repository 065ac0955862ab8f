"""A route names the right it needs; whoever has it gets an answer, everybody else and every error a sentence in JSON."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiohttp import web

from config.errors import HotlineError
from knowledge.web.contract import Door, Visitor, WebError
from knowledge.web.rights import RIGHTS, Right

log = structlog.get_logger("knowledge")

ANSWER_WITHIN_S: Final = 30.0
UPLOAD_WITHIN_S: Final = 180.0
"""Twenty megabytes over a slow line, and their check."""

Handler = Callable[[web.Request, Visitor], Awaitable[web.StreamResponse]]
_TOO_LARGE: Final = 413
_CALLER_GONE: Final = 499


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` is below ``/api/kb``. ``within_s``: so long the handler may take."""

    method: str
    path: str
    right: Right
    handler: Handler
    within_s: float = ANSWER_WITHIN_S


def mounted(routes: Iterable[Route], door: Door) -> list[web.RouteDef]:
    """The routes as an application takes them, each behind the door and its right."""
    return [web.route(route.method, f"/api/kb{route.path}", answered(_guarded(route, door))) for route in routes]


def answered(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Callable[[web.Request], Any]:
    """Turn errors into JSON answers; what nobody expected is logged and told without its insides."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except HotlineError as error:
            return _refusal(error)
        except TimeoutError:
            log.warning("knowledge_request_too_slow", path=_path(request))
            return problem("unavailable", "处理时间过长，已停止；请稍后再试", 503)
        except web.HTTPException as error:
            if error.status == _TOO_LARGE:
                return problem("too_large", "内容太大，请缩短后再试", _TOO_LARGE)
            raise
        except ConnectionResetError:
            return problem("gone", "连接已断开", _CALLER_GONE)
        except Exception:
            log.exception("knowledge_request_failed", path=_path(request))
            return problem("failed", "系统出错，没有保存；请稍后再试，仍不行请联系运维", 500)

    return handle


def problem(code: str, message: str, status: int, **more: Any) -> web.Response:
    """One error; ``more`` stands beside it."""
    return web.json_response({"error": {"code": code, "message": message}} | more, status=status)


def _guarded(route: Route, door: Door) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        visitor = await door.require(request)
        if visitor.actor.role not in RIGHTS[route.right]:
            raise WebError("forbidden", f"{visitor.role_label}账号不能做这件事，请找知识编辑或知识审核", 403)
        async with asyncio.timeout(route.within_s):
            return await route.handler(request, visitor)

    return handle


def _refusal(error: HotlineError) -> web.Response:
    """Errors of several rooms come here; those that have a ``status``, ``fields`` or ``retry_after`` tell it."""
    told: dict[str, Any] = {"code": error.code, "message": error.message}
    fields = getattr(error, "fields", ())
    if fields:
        told["fields"] = [{"field": name, "message": message} for name, message in fields]
    response = web.json_response({"error": told}, status=getattr(error, "status", 400))
    retry_after = getattr(error, "retry_after", 0)
    if retry_after:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _path(request: web.Request) -> str:
    """The route's pattern: no ids in the log."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""
