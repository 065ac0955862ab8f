"""Files of entries: a short list of kinds, told by their content; kept in the data folder under their SHA-256."""

import asyncio
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import insert, select

from config.clock import Clock
from knowledge.contract import Attachment, KnowledgeError
from store import audit
from store.engine import Database
from store.ids import new_id
from store.schema import attachments

_HEAD: Final = 1024
_TEXT_LOOKED_AT: Final = 256 * 1024
_PARTS_MOST: Final = 5000
_CONTROL: Final = frozenset(range(32)) - {9, 10, 12, 13}


@dataclass(frozen=True, slots=True)
class Media:
    """One kind of file that is taken. ``suffixes``: how its names end."""

    media: str
    suffixes: tuple[str, ...]
    recognised: Callable[[Path], bool]


@dataclass(frozen=True, slots=True)
class Stored:
    """An attachment and where its bytes are; ``by``: who uploaded it."""

    attachment: Attachment
    path: Path
    by: str


class Attachments:
    """Takes files in and gives them out again. ``folder``: the data folder's ``attachments``."""

    def __init__(self, database: Database, clock: Clock, folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._folder = folder

    @property
    def incoming(self) -> Path:
        """Where uploads are written to before they are taken: on the same file system."""
        return self._folder / "incoming"

    async def take(self, upload: Path, name: str, size: int, sha256: str, by: str) -> Attachment:
        """Keep an uploaded file. Raises ``invalid`` for a kind that is not taken or a name that says another."""
        media = await asyncio.to_thread(media_of, upload, name)
        await asyncio.to_thread(_keep, upload, self._folder / sha256)
        attachment = Attachment(id=new_id(), name=name, bytes=size, media=media)
        now = self._clock.now()
        async with self._database.begin() as connection:
            await connection.execute(
                insert(attachments).values(
                    id=attachment.id, sha256=sha256, name=name, media=media, bytes=size, by=by, at=now
                )
            )
            await audit.record(
                connection, at=now, by=by, action="knowledge.attachment", subject=attachment.id, detail=f"{size} 字节"
            )
        return attachment

    async def find(self, id: str) -> Stored:
        """The file of that id. Raises ``not_found``."""
        async with self._database.connect() as connection:
            row = (await connection.execute(select(attachments).where(attachments.c.id == id))).first()
        path = self._folder / row.sha256 if row else None
        if row is None or path is None or not await asyncio.to_thread(path.is_file):
            raise KnowledgeError("not_found", "附件不在了，请联系上传的人重新上传")
        return Stored(Attachment(id=row.id, name=row.name, bytes=row.bytes, media=row.media), path, row.by)


def media_of(file: Path, name: str) -> str:
    """The media type that the file's content shows. Raises ``invalid``."""
    suffix = Path(name).suffix.lower()
    found = next((kind for kind in TAKEN if kind.recognised(file)), None)
    if found is None:
        raise KnowledgeError("invalid", "只能上传 PDF、PNG、JPG、DOCX、XLSX（不带宏）和 TXT 文件，请转换后再传")
    if suffix not in found.suffixes:
        expected = "、".join(found.suffixes)
        raise KnowledgeError("invalid", f"文件内容与扩展名不符：内容应以 {expected} 结尾，请改名后再传")
    return found.media


def _keep(upload: Path, place: Path) -> None:
    """Put the file in its place for good; the same content is kept once."""
    if place.is_file():
        return
    with upload.open("rb") as file:
        os.fsync(file.fileno())
    upload.replace(place)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _starts(*beginnings: bytes) -> Callable[[Path], bool]:
    def recognised(file: Path) -> bool:
        with file.open("rb") as opened:
            return opened.read(_HEAD).startswith(beginnings)

    return recognised


def _office(part: str) -> Callable[[Path], bool]:
    """An Office Open XML document with ``part`` and no macros."""

    def recognised(file: Path) -> bool:
        try:
            with zipfile.ZipFile(file) as document:
                names = document.namelist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            return False
        return (
            len(names) <= _PARTS_MOST
            and {"[Content_Types].xml", part} <= set(names)
            and not any(name.lower().endswith("vbaproject.bin") for name in names)
        )

    return recognised


def _text(file: Path) -> bool:
    """Readable text: UTF-8 or GB18030 without control characters."""
    with file.open("rb") as opened:
        head = opened.read(_TEXT_LOOKED_AT)
    if _CONTROL & set(head):
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            head.decode(encoding)
        except UnicodeDecodeError as error:
            if len(head) == _TEXT_LOOKED_AT and error.start > len(head) - 4:
                return True
        else:
            return True
    return False


TAKEN: Final = (
    Media("application/pdf", (".pdf",), _starts(b"%PDF-")),
    Media("image/png", (".png",), _starts(b"\x89PNG\r\n\x1a\n")),
    Media("image/jpeg", (".jpg", ".jpeg"), _starts(b"\xff\xd8\xff")),
    Media(
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        (".docx",),
        _office("word/document.xml"),
    ),
    Media("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (".xlsx",), _office("xl/workbook.xml")),
    Media("text/plain", (".txt",), _text),
)
"""Kinds of files, in the order in which they are tried: anything may look like text."""
