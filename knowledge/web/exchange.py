"""Whole files in and out: a dry run says what an import would do, an import makes one batch of drafts in review."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from config.clock import Clock, local
from knowledge.apart import Apart
from knowledge.content import stored
from knowledge.contract import Actor, Entry
from knowledge.exporter import MEDIA, export
from knowledge.importer import ImportRefused, Row, RowError
from knowledge.importer_apart import read_apart
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from knowledge.web.attachments import download_headers
from knowledge.web.bodies import IMPORT_MOST, query_text, upload_of
from knowledge.web.contract import Visitor, WebError
from knowledge.web.rights import Right
from knowledge.web.routing import UPLOAD_WITHIN_S, Route, problem

ERRORS_SHOWN: Final = 500
COMPARED_MOST: Final = 500
"""Rows of a dry run that are compared with the knowledge base for near-duplicates."""
COMPARED_WITHIN_S: Final = 30.0
"""So long a dry run compares; the rows that are left then are told not to be compared."""


class ExchangePages:
    """``/export`` and ``/import``. ``folder``: where uploads are kept while ``apart`` reads them."""

    def __init__(self, lifecycle: Lifecycle, repository: Repository, clock: Clock, folder: Path, apart: Apart) -> None:
        self._lifecycle = lifecycle
        self._repository = repository
        self._clock = clock
        self._folder = folder
        self._apart = apart

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/export", Right.IMPORT, self._export, UPLOAD_WITHIN_S),
            Route("POST", "/import", Right.IMPORT, self._import, UPLOAD_WITHIN_S),
        ]

    async def _export(self, request: web.Request, visitor: Visitor) -> web.Response:
        """The newest published version of every entry."""
        format = query_text(request, "format", 8) or "csv"
        if format not in MEDIA:
            raise WebError("bad_request", f"只能导出 {'、'.join(MEDIA)}")
        known = await self._repository.all_versions()
        newest: dict[str, Entry] = {entry.id: entry for entry in known}
        file = await asyncio.to_thread(export, newest.values(), format)
        name = f"知识库-{local(self._clock.now()):%Y%m%d}.{format}"
        return web.Response(body=file, headers=download_headers(name) | {"Content-Type": MEDIA[format]})

    async def _import(self, request: web.Request, visitor: Visitor) -> web.Response:
        today = local(self._clock.now()).date()
        dry = query_text(request, "dry", 4) == "1"
        async with upload_of(request, IMPORT_MOST, self._folder) as upload:
            try:
                rows = await read_apart(self._apart, upload.path, upload.name, today)
                if dry:
                    return web.json_response(await self._tried(visitor.actor, rows))
                ids = await self._lifecycle.import_drafts(visitor.actor, rows, f"由文件“{upload.name}”导入")
            except ImportRefused as refused:
                return _refused(refused, dry=dry)
        return web.json_response({"drafts": list(ids)}, status=201)

    async def _tried(self, actor: Actor, rows: Sequence[Row]) -> dict[str, Any]:
        plan = await self._lifecycle.plan_import(actor, rows)
        fresh = {*plan.added, *plan.changed}
        compared, duplicates = await self._compared([row for row in rows if row.form.id in fresh][:COMPARED_MOST])
        return {
            "rows": len(rows),
            "added": len(plan.added),
            "changed": len(plan.changed),
            "unchanged": len(plan.unchanged),
            "errors": [_error(one) for one in plan.errors[:ERRORS_SHOWN]],
            "errors_total": len(plan.errors),
            "duplicates": duplicates,
            "compared": compared,
        }

    async def _compared(self, rows: Sequence[Row]) -> tuple[int, list[dict[str, Any]]]:
        """How many of ``rows`` there was time to compare, and what they resemble."""
        compared, duplicates = 0, []
        with suppress(TimeoutError):
            async with asyncio.timeout(COMPARED_WITHIN_S):
                for row in rows:
                    duplicates += await self._alike(row)
                    compared += 1
        return compared, duplicates

    async def _alike(self, row: Row) -> list[dict[str, Any]]:
        found = await self._lifecycle.similar_entries(stored(row.form))
        return [{"line": row.line, "id": row.form.id, "likeness": one.likeness, "with": one.id} for one in found]


def _refused(refused: ImportRefused, *, dry: bool) -> web.Response:
    """A dry run tells the wrong rows; an import is refused with them."""
    errors = [_error(one) for one in refused.errors[:ERRORS_SHOWN]]
    if dry and errors:
        nothing: dict[str, Any] = dict.fromkeys(("rows", "added", "changed", "unchanged", "compared"), 0)
        return web.json_response(
            nothing | {"errors": errors, "errors_total": len(refused.errors), "duplicates": []},
        )
    return problem(refused.code, refused.message, 422, errors=errors)


def _error(error: RowError) -> dict[str, Any]:
    return {"line": error.line, "id": error.id, "message": error.message}
