"""Documents that units send (DOCX, PDF, HTML, Markdown, plain text) as text, with their title, number and date.

Files from outside are read in a process of their own, with limits on time and memory (:mod:`knowledge.apart`).
"""

import asyncio
import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from knowledge.apart import Apart, Failed, Limits
from knowledge.contract import KnowledgeError

SUFFIXES: Final = (".docx", ".pdf", ".html", ".htm", ".md", ".txt")
MAX_BYTES: Final = 10 * 1024 * 1024
MAX_TEXT: Final = 100_000
LIMITS: Final = Limits(seconds=30, cpu_s=25, memory_mb=1024, told_mb=4)
_TITLE_MOST: Final = 200
_NUMBER: Final = re.compile(r"[\u4e00-\u9fff]{1,12}[〔\[(（]\d{4}[〕\])）]\d{1,5}号")
_DATE_LINE: Final = re.compile(r"^(\d{4})年(\d{1,2})月(\d{1,2})日$", re.MULTILINE)
_SPACES: Final = re.compile(r"[ \t\u3000\xa0]+")
_SCANNED: Final = (
    "这份 PDF 里只有图片，没有读到文字，多半是扫描件：请上传有文字的原件（.docx 或 .txt），或先做文字识别再上传"
)
_RADICALS: Final = dict(
    zip(
        map(ord, "⺟⺠⻁⻄⻅⻆⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻨⻩⻬⻮⻰⻳"),
        "母民虎西见角贝车长门青韦页风飞食马骨鬼鱼鸟麦黄齐齿龙龟",
        strict=True,
    )
) | {point: unicodedata.normalize("NFKC", chr(point)) for point in (*range(0x2F00, 0x2FD6), *range(0xF900, 0xFB00))}
"""Characters that only look like ordinary ones: browsers write 金 and 月 so into a PDF, for the fonts draw both alike."""
_REFUSALS: Final = {
    "too_long": "文件太复杂，读不完，请另存为 .docx 或 .txt 后再上传",
    "too_big": "文件展开后太大，读它占用的内存超过上限，请只上传有关的部分",
    "broken": "文件读不出来（可能已损坏或加了密码），请另存为 .docx 或 .txt 后再上传",
}


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says. ``title``: its first line; ``number``, ``date``: as printed in it, empty where there is none."""

    name: str
    title: str
    text: str
    number: str
    date: date | None


async def read_document(apart: Apart, file: Path, name: str) -> Document:
    """The document in ``file``, which its sender called ``name``. Raises ``invalid`` with what to do."""
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise KnowledgeError("invalid", f"只能上传 {'、'.join(SUFFIXES)} 文件，请另存为其中一种")
    size = (await asyncio.to_thread(file.stat)).st_size
    if size > MAX_BYTES:
        raise KnowledgeError("invalid", f"文件有 {size / 1e6:.0f} MB，最多 {MAX_BYTES // 1024**2} MB")
    text = _tidy(await _text(apart, file, suffix))
    if not text:
        raise KnowledgeError("invalid", _SCANNED if suffix == ".pdf" else "文件里没有读到文字，请上传有文字的文件")
    if len(text) > MAX_TEXT:
        raise KnowledgeError("invalid", f"文件有 {len(text)} 个字，最多 {MAX_TEXT} 个字，请只上传有关的部分")
    return document_of(text, name)


def document_of(text: str, name: str) -> Document:
    """Title, number and date out of tidied text."""
    number = _NUMBER.search(_SPACES.sub("", text))
    dates = [found for match in _DATE_LINE.finditer(_SPACES.sub("", text)) if (found := _day(match))]
    title = text.split("\n", 1)[0].lstrip("#").strip()[:_TITLE_MOST]
    return Document(name, title, text, number[0] if number else "", dates[-1] if dates else None)


async def _text(apart: Apart, file: Path, suffix: str) -> str:
    lines: list[bytes] = []
    try:
        await apart.run("knowledge.document_text", [str(file), suffix], LIMITS, lines.append)
    except Failed as failed:
        raise KnowledgeError("invalid", _REFUSALS[failed.code]) from failed
    return b"\n".join(lines).decode("utf-8", "replace")


def _tidy(text: str) -> str:
    """Lines without spaces around them, one blank line at most between paragraphs, nothing that cannot be shown."""
    plain = text.translate(_RADICALS)
    shown = "".join(character for character in plain if character == "\n" or character == "\t" or character >= " ")
    lines = (_SPACES.sub(" ", line).strip() for line in shown.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _day(match: re.Match[str]) -> date | None:
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
