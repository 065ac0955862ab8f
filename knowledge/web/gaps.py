"""What could not be answered at once: the board, what is done about a gap, and the instant rate."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from config.clock import LOCAL_ZONE, Clock
from knowledge.apart import Apart
from knowledge.consultations import Consultations, RateRow
from knowledge.document import MAX_BYTES, Document, read_document
from knowledge.drafts import DraftConflict
from knowledge.gaps import Gap, Gaps
from knowledge.web.bodies import id_of, json_of, query_number, query_text, text_in, upload_of
from knowledge.web.contract import Visitor, WebError
from knowledge.web.drafts import DraftShapes, conflicting, theirs_json
from knowledge.web.rights import Right
from knowledge.web.routing import UPLOAD_WITHIN_S, Route

_DAYS: Final = 30
_DAYS_MOST: Final = 366
_BY: Final = ("day", "unit", "topic", "channel")
_CHANNELS: Final = {"phone": "电话", "web": "网页", "wechat_mp": "小程序", "desk": "话务台"}
_UNSAID: Final = {"unit": "未定单位", "topic": "未定领域"}
_FAR: Final = timedelta(days=36_500)
_CHANGED: Final = (("reason", "原因", 24), ("unit", "承办单位", 100), ("status", "状态", 16), ("note", "备注", 500))

_ORDERS: Final[Mapping[str, Callable[[Gap], Any]]] = {
    "askers": lambda gap: (-gap.askers, -gap.asked),
    "due": lambda gap: gap.due_at or gap.first_at + _FAR,
    "unit": lambda gap: (gap.unit, -gap.askers),
    "topic": lambda gap: (gap.topic, -gap.askers),
}
"""How the board may be sorted; without a wish, by the topic × unit that most people asked about."""


class GapPages:
    """``/gaps`` and ``/rate``. ``folder``: where a unit's document is kept while ``apart`` reads it."""

    def __init__(
        self,
        gaps: Gaps,
        shapes: DraftShapes,
        consultations: Consultations,
        clock: Clock,
        folder: Path,
        apart: Apart,
    ) -> None:
        self._gaps = gaps
        self._shapes = shapes
        self._folder = folder
        self._consultations = consultations
        self._clock = clock
        self._apart = apart

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/gaps", Right.READ_DRAFTS, self._board),
            Route("PUT", "/gaps/{id}", Right.GAPS, self._change),
            Route("POST", "/gaps/{id}/draft", Right.EDIT, self._draft),
            Route("POST", "/gaps/{id}/document", Right.EDIT, self._document, UPLOAD_WITHIN_S),
            Route("GET", "/rate", Right.OVERSEE, self._rate),
        ]

    async def _board(self, request: web.Request, visitor: Visitor) -> web.Response:
        status, by = query_text(request, "status", 16), query_text(request, "by", 16)
        if by and by not in _ORDERS:
            raise WebError("bad_request", f"排序只能是 {'、'.join(_ORDERS)}")
        board = await self._gaps.board(
            visitor.actor,
            "" if status == "all" else status or "open",
            query_text(request, "unit"),
            query_text(request, "topic"),
        )
        found = sorted(board.gaps, key=_ORDERS[by]) if by else board.gaps
        groups = [
            {"topic": group.topic, "unit": group.unit, "askers": group.askers, "asked": group.asked, "gaps": group.gaps}
            for group in board.groups
        ]
        return web.json_response({"gaps": [gap.to_json() for gap in found], "groups": groups})

    async def _change(self, request: web.Request, visitor: Visitor) -> web.Response:
        body = await json_of(request)
        changes = {name: text_in(body, name, label, most=most) for name, label, most in _CHANGED if name in body}
        return web.json_response((await self._gaps.change(id_of(request), visitor.actor, **changes)).to_json())

    async def _draft(self, request: web.Request, visitor: Visitor) -> web.Response:
        return await self._drafted(visitor, id_of(request))

    async def _document(self, request: web.Request, visitor: Visitor) -> web.Response:
        """The duty unit's answer, for a person to finish and a second one to approve."""
        gap = await self._gaps.get(id_of(request), visitor.actor)
        async with upload_of(request, MAX_BYTES, self._folder) as upload:
            document = await read_document(self._apart, upload.path, upload.name)
        return await self._drafted(visitor, gap.id, document)

    async def _drafted(self, visitor: Visitor, gap_id: str, document: Document | None = None) -> web.Response:
        try:
            draft = await self._gaps.draft_from(gap_id, visitor.actor, document)
        except DraftConflict as conflict:
            return conflicting(conflict, await theirs_json(self._shapes, visitor.actor, conflict))
        return web.json_response(await self._shapes.draft(visitor.actor, draft), status=201)

    async def _rate(self, request: web.Request, visitor: Visitor) -> web.Response:
        by = query_text(request, "by", 16) or "day"
        if by not in _BY:
            raise WebError("bad_request", f"by 只能是 {'、'.join(_BY)}")
        until = self._clock.now() + timedelta(microseconds=1)
        days = query_number(request, "days", _DAYS, 1, _DAYS_MOST)
        rate = await self._consultations.rate(by, _since(until, days), until)
        rows = [{"key": row.key, "label": _label(by, row)} | _numbers(row.instant, row.total) for row in rate.rows]
        return web.json_response(_numbers(rate.instant, rate.total) | {"rows": rows})


def _since(until: datetime, days: int) -> datetime:
    """The beginning of the first of ``days`` days in Asia/Shanghai, today being the last."""
    today = until.astimezone(LOCAL_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


def _numbers(instant: int, total: int) -> dict[str, Any]:
    """``share`` 0…1; null where nothing was asked."""
    return {"instant": instant, "total": total, "share": round(instant / total, 4) if total else None}


def _label(by: str, row: RateRow) -> str:
    if by == "channel":
        return _CHANNELS.get(row.key, row.key)
    return row.key or _UNSAID.get(by, "未定")
