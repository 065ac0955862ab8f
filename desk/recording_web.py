"""Listening to recordings over HTTP: one audited permission, then the sound in ranges, as a browser's player asks for it."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from desk.contract import DeskError, Signer
from desk.recordings import StoredRecording, StoredRecordings, to_json
from desk.sessions import Sessions
from store.recording_file import Recording

_PURPOSE: Final = "recording"
LISTEN_S: Final = 3600.0
"""For so long one permission, one audit row, lets the sound be fetched."""
PART_BYTES: Final = 128 * 1024
"""Four seconds of sound are decrypted at a time."""
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RecordingApi:
    """Routes under ``/api/desk/conversations/{id}/recording``. ``answered`` turns typed errors into answers."""

    def __init__(
        self, stored: StoredRecordings, sessions: Sessions, signer: Signer, answered: Callable[[Handler], Handler]
    ) -> None:
        self._stored = stored
        self._sessions = sessions
        self._signer = signer
        self._answered = answered

    def routes(self) -> list[web.RouteDef]:
        one = "/api/desk/conversations/{id}/recording"
        return [
            web.get(one, self._answered(self._about)),
            web.post(one + "/listen", self._answered(self._listen)),
            web.get(one + "/sound", self._answered(self._sound)),
        ]

    async def _about(self, request: web.Request) -> web.Response:
        """Whether there is one, how long it is, and what of it was withheld or lost."""
        session = await self._sessions.require(request)
        found = await self._stored.require(session.account, request.match_info["id"])
        return web.json_response(await asyncio.to_thread(self._describe, found))

    async def _listen(self, request: web.Request) -> web.Response:
        session = await self._sessions.require(request)
        conversation_id = request.match_info["id"]
        found = await self._stored.require(session.account, conversation_id)
        await self._stored.note_listening(found, session.account.id, "话务台播放")
        claims = {"recording": found.id, "agent": session.account.id}
        token = self._signer.sign(_PURPOSE, claims, LISTEN_S)
        return web.json_response({"url": f"/api/desk/conversations/{conversation_id}/recording/sound?permit={token}"})

    async def _sound(self, request: web.Request) -> web.StreamResponse:
        session = await self._sessions.require(request)
        claims = self._signer.read(_PURPOSE, request.query.get("permit", "")) or {}
        found = await self._stored.require(session.account, request.match_info["id"])
        if claims.get("recording") != found.id or claims.get("agent") != session.account.id:
            raise DeskError("forbidden", "请从话务台点“听录音”，每次收听都会留下记录", 403)
        recording = await asyncio.to_thread(self._stored.open, found)
        try:
            return await _send(request, recording)
        finally:
            recording.close()

    def _describe(self, found: StoredRecording) -> dict[str, Any]:
        with self._stored.open(found) as recording:
            stretches = {
                kind: [[one.start_ms, one.end_ms] for one in recording.stretches(kind)] for kind in ("withheld", "lost")
            }
        return to_json(found) | stretches


async def _send(request: web.Request, recording: Recording) -> web.StreamResponse:
    """The part of the WAV that the header ``Range`` names (RFC 9110 §14); without one, the whole."""
    size = recording.wav_bytes
    asked = request.headers.get("Range", "")
    start, end = asked_range(asked, size)
    if start >= end:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "Content-Type": "audio/wav"}
    if asked:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    answer = web.StreamResponse(status=206 if asked else 200, headers=headers)
    answer.content_length = end - start
    await answer.prepare(request)
    for at in range(start, end, PART_BYTES):
        await answer.write(await asyncio.to_thread(recording.wav, at, min(end, at + PART_BYTES)))
    await answer.write_eof()
    return answer


def asked_range(asked: str, size: int) -> tuple[int, int]:
    """From which byte up to which; an empty range where what was asked for cannot be given."""
    if not asked:
        return 0, size
    match = _RANGE.fullmatch(asked)
    first, last = match.groups() if match else ("", "")
    if first:
        return int(first), min(int(last) + 1 if last else size, size)
    return (max(0, size - int(last)), size) if last else (0, 0)
