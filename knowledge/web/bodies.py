"""What a request brings, taken in with limits: JSON objects, pages of lists, files."""

import asyncio
import hashlib
import json
import re
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import BodyPartReader, web

from config.clock import LOCAL_ZONE
from knowledge.web.contract import WebError

JSON_MOST: Final = 256 * 1024
DRAFT_MOST: Final = 640 * 1024
"""An entry with an official text of 100,000 characters."""
ATTACHMENT_MOST: Final = 10 * 1024 * 1024
IMPORT_MOST: Final = 20 * 1024 * 1024
PAGE_DEFAULT: Final = 50
PAGE_MOST: Final = 200
_PAGES_MOST: Final = 100_000
_NAME_MOST: Final = 100
_CHUNK: Final = 64 * 1024
_MEGABYTE: Final = 1024 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came in. ``path`` is there until the request is answered; ``name`` is safe to show and to store."""

    name: str
    path: Path
    bytes: int
    sha256: str


async def json_of(request: web.Request, most: int = JSON_MOST) -> dict[str, Any]:
    """The JSON object of a request of at most ``most`` bytes; an empty body is an empty object. Raises ``too_large`` or ``bad_request``."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most:
            raise WebError("too_large", f"内容超过 {most // 1024} KB，请缩短，或作为附件上传", 413)
    try:
        found = json.loads(body, parse_constant=_no_number) if body.strip() else {}
        storable = _storable(found)
    except (ValueError, RecursionError) as error:
        raise WebError("bad_request", "请求内容应为 JSON") from error
    if not storable:
        raise WebError("bad_request", "内容里有不能保存的控制字符，请重新填写")
    if not isinstance(found, dict):
        raise WebError("bad_request", "请求内容应为 JSON 对象")
    return found


def _storable(value: object) -> bool:
    """Whether every database takes all of its texts. Raises ``ValueError`` for half a surrogate pair."""
    written = json.dumps(value, ensure_ascii=False)
    return bool(written.encode()) and "\\u0000" not in written


def _no_number(name: str) -> float:
    raise ValueError(name)


def id_of(request: web.Request, name: str = "id") -> str:
    """An id from the path. Raises ``not_found`` for what cannot be one."""
    found = request.match_info[name]
    if not _ID.fullmatch(found):
        raise WebError("not_found", "没有找到，请刷新列表后再试", 404)
    return found


def text_in(body: dict[str, Any], name: str, label: str, *, most: int = 1000, needed: bool = False) -> str:
    """A text of the body; ``label`` is what people call it."""
    found = body.get(name)
    if found is None:
        found = ""
    if not isinstance(found, str):
        raise WebError("bad_request", f"“{label}”应为文字")
    found = found.strip()
    if needed and not found:
        raise WebError("bad_request", f"请填写“{label}”")
    if len(found) > most:
        raise WebError("bad_request", f"“{label}”最多 {most} 个字，现在有 {len(found)} 个字")
    return found


def number_in(body: dict[str, Any], name: str, label: str) -> int:
    """A whole number of the body that must be there."""
    found = body.get(name)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise WebError("bad_request", f"缺少“{label}”（{name}），请刷新页面后再试")
    return found


def object_in(body: dict[str, Any], name: str, label: str) -> dict[str, Any]:
    """An object of the body that must be there."""
    found = body.get(name)
    if not isinstance(found, dict):
        raise WebError("bad_request", f"缺少“{label}”（{name}）")
    return found


def texts_in(body: dict[str, Any], name: str, label: str, *, most: int, length: int = 200) -> list[str]:
    """A list of texts of the body."""
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(one, str) and len(one) <= length for one in found):
        raise WebError("bad_request", f"“{label}”应为文字列表，每项最多 {length} 个字")
    if len(found) > most:
        raise WebError("bad_request", f"“{label}”一次最多 {most} 项")
    return list(found)


def query_number(request: web.Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query; what is no number is refused, what is out of bounds is brought within."""
    given = request.query.get(name, "").strip()
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", given):
        raise WebError("bad_request", f"{name} 应为数字")
    return min(max(int(given), least), most)


def page_of(request: web.Request) -> tuple[int, int]:
    """Which page (from 1) of how many rows each."""
    return query_number(request, "page", 1, 1, _PAGES_MOST), query_number(request, "size", PAGE_DEFAULT, 1, PAGE_MOST)


def query_text(request: web.Request, name: str, most: int = 200) -> str:
    """A text of the query, cut to ``most`` characters."""
    return request.query.get(name, "").strip()[:most]


def moment(written: str, label: str) -> datetime:
    """An ISO 8601 moment; one without a zone is meant in Asia/Shanghai."""
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise WebError("bad_request", f"“{label}”应写成 2026-01-31T08:00:00+08:00 的形式") from error
    return found if found.tzinfo else found.replace(tzinfo=LOCAL_ZONE)


def told(value: date | datetime | None) -> str | None:
    """A day or a moment as the pages read it: moments in Asia/Shanghai."""
    if isinstance(value, datetime):
        return value.astimezone(LOCAL_ZONE).isoformat(timespec="seconds")
    return value.isoformat() if value else None


def safe_name(given: str) -> str:
    """A file's name without folders, control characters or tricks of direction, at most 100 characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", given))[-1]
    kept = "".join(one for one in last if not unicodedata.category(one).startswith("C") and one not in '<>:"|?*')
    kept = re.sub(r"\s+", " ", kept).strip(" .")
    stem, dot, suffix = kept.rpartition(".")
    if not dot:
        return kept[:_NAME_MOST] or "附件"
    return f"{stem[: _NAME_MOST - len(suffix[:10]) - 1] or '附件'}.{suffix[:10]}"


@asynccontextmanager
async def upload_of(request: web.Request, most: int, folder: Path) -> AsyncIterator[Upload]:
    """The first file of a ``multipart/form-data`` request, streamed to a file in ``folder`` that ends with the context.

    Raises ``bad_request`` or ``too_large``.
    """
    if request.content_type != "multipart/form-data":
        raise WebError("bad_request", "请以文件方式上传（multipart/form-data）")
    if (request.content_length or 0) > most + _CHUNK:
        raise _too_large(most)
    path = await asyncio.to_thread(_temporary, folder)
    try:
        try:
            upload = await _received(request, most, path)
        except (ValueError, AssertionError) as error:
            raise WebError("bad_request", "上传的内容不完整，请重新选择文件") from error
        yield upload
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


async def _received(request: web.Request, most: int, path: Path) -> Upload:
    reader = await request.multipart()
    async for part in reader:
        if isinstance(part, BodyPartReader) and part.filename:
            size, digest = await _written(part, most, path)
            if not size:
                raise WebError("bad_request", "文件是空的，请重新选择")
            return Upload(safe_name(part.filename), path, size, digest)
    raise WebError("bad_request", "没有收到文件，请重新选择")


async def _written(part: BodyPartReader, most: int, path: Path) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("wb") as file:
        while chunk := await part.read_chunk(_CHUNK):
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    return size, digest.hexdigest()


def _temporary(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="upload-", delete=False) as file:
        return Path(file.name)


def _too_large(most: int) -> WebError:
    return WebError("too_large", f"文件超过 {most // _MEGABYTE} MB，请压缩或拆分后再传", 413)
