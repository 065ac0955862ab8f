"""Taking recordings over from the nodes, on their listener: in parts, resumable, acknowledged when they are on disk here.

``HEAD /node/recordings/{id}`` tells how much is here (``Upload-Offset``); ``PATCH`` adds a part at that offset (204, or
409 where the offset is another); ``POST …/complete`` with the SHA-256 of the whole files it and answers with the same hash,
at which the node lets its copy go. Each request carries the nodes' secret.
"""

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from desk.recordings import StoredRecordings
from desk.web import body_of
from store.recording_file import RecordingUnreadable

log = structlog.get_logger("gateway")

OFFSET_HEADER: Final = "Upload-Offset"
PART_MOST: Final = 1024 * 1024
_ID: Final = re.compile(r"[0-9a-f]{32}")


class RecordingIntake:
    """Routes for the node listener. ``incoming``: where parts are gathered."""

    def __init__(self, secret: str, incoming: Path, stored: StoredRecordings) -> None:
        self._secret = secret
        self._incoming = incoming
        self._stored = stored
        self._busy: set[str] = set()

    def routes(self) -> list[web.RouteDef]:
        one = "/node/recordings/{id}"
        return [
            web.head(one, self._guarded(self._look)),
            web.patch(one, self._guarded(self._add)),
            web.post(one + "/complete", self._guarded(self._complete)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), self._secret.encode()):
                log.warning("node_refused", remote=request.remote)
                raise web.HTTPForbidden
            recording_id = request.match_info["id"]
            if not _ID.fullmatch(recording_id):
                raise web.HTTPNotFound
            if recording_id in self._busy:
                raise web.HTTPConflict
            self._busy.add(recording_id)
            try:
                return await handler(request)
            finally:
                self._busy.discard(recording_id)

        return guarded

    def _part_file(self, request: web.Request) -> Path:
        return self._incoming / f"{request.match_info['id']}.part"

    async def _look(self, request: web.Request) -> web.Response:
        recording_id = request.match_info["id"]
        known = await self._stored.size_of(recording_id)
        size = known if known is not None else await asyncio.to_thread(_size, self._part_file(request))
        return web.Response(headers={OFFSET_HEADER: str(size)})

    async def _add(self, request: web.Request) -> web.Response:
        part = await request.read()
        offset = request.headers.get(OFFSET_HEADER, "")
        if not offset.isdecimal() or not 0 < len(part) <= PART_MOST:
            raise web.HTTPBadRequest
        if not await asyncio.to_thread(_append, self._part_file(request), int(offset), part):
            raise web.HTTPConflict
        return web.Response(status=204)

    async def _complete(self, request: web.Request) -> web.Response:
        recording_id, wanted = request.match_info["id"], str((await body_of(request)).get("sha256"))
        known = await self._stored.hash_of(recording_id)
        if known is not None:
            if known != wanted:
                raise web.HTTPConflict
            return web.json_response({"sha256": known})
        file = self._part_file(request)
        found = await asyncio.to_thread(_seal, file)
        if found != wanted:
            log.error("recording_damaged_on_the_way", recording=recording_id)
            file.unlink(missing_ok=True)
            raise web.HTTPUnprocessableEntity
        try:
            await self._stored.take_in(recording_id, file, found)
        except RecordingUnreadable as error:
            log.error("recording_not_ours", recording=recording_id, error=error.code)
            raise web.HTTPUnprocessableEntity from error
        return web.json_response({"sha256": found})


def _size(file: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _append(file: Path, offset: int, part: bytes) -> bool:
    """Add ``part`` if the file has just ``offset`` bytes."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _size(file) != offset:
        return False
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab", buffering=0) as opened:
        if opened.write(part) != len(part):
            os.ftruncate(opened.fileno(), offset)
            return False
    return True


def _seal(file: Path) -> str:
    """Have it on the disk; its SHA-256, empty when there is none."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
        return hashlib.file_digest(opened, "sha256").hexdigest()
