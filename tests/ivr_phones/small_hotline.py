"""A hotline small enough for a test: greets, answers what it hears with a longer sound, serves the operator interface."""

import asyncio
from typing import Any

from aiohttp import web

from ivr.phones.listening import Pauses, tone
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg

TOKEN = "operator-token"


class SmallHotline:
    """Real SIP, RTP and HTTP; its conversation is a list of sounds."""

    def __init__(self) -> None:
        self.endpoint = AiosipuaEndpoint("127.0.0.1", 0)
        self.endpoint.on_call(self._take)
        self.greeting = tone(500, 400) + bytes(16 * 500) + tone(500, 700)
        self.answer = tone(700, 1200)
        self.document: dict[str, Any] = {"admission": "normal", "emergency": False, "turns": [], "transfer": None}
        self.heard_ms: list[int] = []
        self.keys: list[str] = []
        self.transfer_on_key: str = ""
        self.numbers: list[str | None] = []
        self.hang_up_after = 99
        self.greeting_ended = 0.0
        self.speech_began: list[float] = []
        self._runner: web.AppRunner | None = None
        self.operator_port = 0

    async def start(self) -> None:
        await self.endpoint.start()
        app = web.Application()
        app.router.add_get("/operator/calls/{call}", self._show)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.operator_port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.endpoint.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def uri(self) -> str:
        return f"sip:12345@127.0.0.1:{self.endpoint.address[1]}"

    async def _show(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        return web.json_response({"call": request.match_info["call"], **self.document})

    async def _take(self, leg: CallLeg) -> None:
        self.numbers.append(leg.number)
        frames = leg.frames()
        await leg.answer()
        began = asyncio.get_running_loop().time()
        leg.play(self.greeting)
        self.greeting_ended = began + len(self.greeting) / 16000
        self._record("", "greet", began)
        keys = asyncio.create_task(self._obey_keys(leg))
        pauses = Pauses()
        async for frame in frames:
            before = pauses.spoken_ms
            pauses.feed(frame)
            if not before and pauses.spoken_ms:
                self.speech_began.append(asyncio.get_running_loop().time())
            if pauses.spoken_ms and pauses.quiet_ms >= 300:
                self.heard_ms.append(pauses.spoken_ms)
                self._record(f"话{len(self.heard_ms)}", "ask", began)
                if len(self.heard_ms) > self.hang_up_after:
                    self.document["ended_by"] = "bot"
                    await leg.hangup()
                    break
                leg.play(self.answer)
                pauses.restart()
        self.document.setdefault("ended_by", "caller")
        keys.cancel()
        await asyncio.gather(keys, return_exceptions=True)

    async def _obey_keys(self, leg: CallLeg) -> None:
        async for key in leg.dtmf():
            self.keys.append(key)
            if self.transfer_on_key:
                leg.flush()
                self.document["transfer"] = {"agent": "8001", "ms": None, "connected": False}
                agent = await self.endpoint.dial(self.transfer_on_key)
                self.document["transfer"] = {"agent": "8001", "ms": 812.4, "connected": True}
                await leg.bridge(agent)
                await agent.hangup()

    def _record(self, said: str, act: str, began: float) -> None:
        number = len(self.document["turns"])
        self.document["turns"].append(
            {
                "seq": number,
                "said": said,
                "act": act,
                "engine": "rasa",
                "reply": {
                    "text": f"答{number}",
                    "speech": f"答{number}",
                    "entry_id": f"kb-{number}" if said else None,
                    "entry_version": 2 if said else None,
                },
                "at_ms": 1000 * (asyncio.get_running_loop().time() - began),
            }
        )
