"""A spoken answer played in the hotline's own voice, as callers hear it."""

from typing import Final

from aiohttp import web

from knowledge.web.bodies import json_of, text_in
from knowledge.web.contract import RateLimit, Speak, Visitor, WebError
from knowledge.web.rights import Right
from knowledge.web.routing import Route

SPEECH_MOST: Final = 300
"""Characters; a spoken answer has 80."""
_TIMES: Final = 30
_WINDOW_S: Final = 60.0


class SpeechPages:
    """``/speech``."""

    def __init__(self, speak: Speak, limit: RateLimit) -> None:
        self._speak = speak
        self._limit = limit

    def routes(self) -> list[Route]:
        return [Route("POST", "/speech", Right.READ_DRAFTS, self._play)]

    async def _play(self, request: web.Request, visitor: Visitor) -> web.Response:
        text = text_in(await json_of(request), "text", "要念的话", most=SPEECH_MOST, needed=True)
        wait = await self._limit.hit(f"speech:{visitor.actor.id}", _TIMES, _WINDOW_S)
        if wait:
            raise WebError("rate_limited", "试听太频繁，请一分钟后再试", 429, retry_after=int(wait) + 1)
        return web.Response(body=await self._speak(text), content_type="audio/wav")
