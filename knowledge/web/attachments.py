"""Files of entries, up and down: taken with limits, given only as downloads."""

from urllib.parse import quote

from aiohttp import web

from knowledge.attachments import Attachments
from knowledge.catalogue import Catalogue
from knowledge.contract import Actor
from knowledge.web.bodies import ATTACHMENT_MOST, id_of, upload_of
from knowledge.web.contract import Visitor, WebError
from knowledge.web.rights import Right
from knowledge.web.routing import UPLOAD_WITHIN_S, Route


class AttachmentPages:
    """``/attachments``."""

    def __init__(self, attachments: Attachments, catalogue: Catalogue) -> None:
        self._attachments = attachments
        self._catalogue = catalogue

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/attachments", Right.EDIT, self._take, UPLOAD_WITHIN_S),
            Route("GET", "/attachments/{id}", Right.ENTER, self._give, UPLOAD_WITHIN_S),
        ]

    async def _take(self, request: web.Request, visitor: Visitor) -> web.Response:
        async with upload_of(request, ATTACHMENT_MOST, self._attachments.incoming) as upload:
            taken = await self._attachments.take(
                upload.path, upload.name, upload.bytes, upload.sha256, visitor.actor.id
            )
        return web.json_response(
            {"id": taken.id, "name": taken.name, "bytes": taken.bytes, "media": taken.media}, status=201
        )

    async def _give(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        stored = await self._attachments.find(id_of(request))
        if not await self._may_read(visitor.actor, stored.attachment.id, stored.by):
            raise WebError("not_found", "附件不在了，请联系上传的人重新上传", 404)
        headers = download_headers(stored.attachment.name) | {"Content-Type": stored.attachment.media}
        return web.FileResponse(stored.path, headers=headers)

    async def _may_read(self, actor: Actor, id: str, uploaded_by: str) -> bool:
        return actor.id == uploaded_by or await self._catalogue.holds_attachment(actor, id)


def download_headers(name: str) -> dict[str, str]:
    """What makes a browser save a file under ``name`` and never show it as a page of ours (RFC 6266)."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "no-store",
    }
