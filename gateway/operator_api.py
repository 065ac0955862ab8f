"""The operator interface, on loopback only, behind the operator's token: health, calls, metrics, desk sessions."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from desk.contract import DeskError
from desk.web import DeskApi, answered, body_of
from gateway import metrics
from gateway.health import Health
from gateway.phone import Phone


class OperatorApi:
    """Routes of the operator listener. ``gauge`` brings the gauges up to date before they are read."""

    def __init__(
        self, *, token: str, health: Health, phone: Phone, desk_api: DeskApi, gauge: Callable[[], None]
    ) -> None:
        self._token = token
        self._health = health
        self._phone = phone
        self._desk_api = desk_api
        self._gauge = gauge

    def application(self) -> web.Application:
        """The listener's application; every route asks for the token."""
        application = web.Application(middlewares=[self._guard()])
        application.add_routes(
            [
                web.get("/health", self._look),
                web.get("/operator/calls/{call}", answered(self._call)),
                web.post("/operator/desk-token", answered(self._desk_token)),
                web.get("/metrics", self._metrics),
            ]
        )
        return application

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._token.encode()):
                error = {"code": "not_logged_in", "message": "需要运维令牌：数据目录下 secrets/operator 的内容"}
                return web.json_response({"error": error}, status=401)
            answer: Awaitable[web.StreamResponse] = handler(request)
            return await answer

        return guard

    async def _look(self, request: web.Request) -> web.Response:
        required = [name for name in request.query.get("require", "").split(",") if name]
        ok, document = await self._health.look(required)
        return web.json_response(document, status=200 if ok else 503)

    async def _call(self, request: web.Request) -> web.Response:
        timeline = await self._phone.timeline(request.match_info["call"])
        if timeline is None:
            raise DeskError("not_found", "没有这通电话", 404)
        return web.json_response(timeline.to_json())

    async def _desk_token(self, request: web.Request) -> web.Response:
        agent = str((await body_of(request)).get("agent") or "")
        return web.json_response(await self._desk_api.admit(agent))

    async def _metrics(self, request: web.Request) -> web.Response:
        self._gauge()
        return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
