"""The text of a document on stdout: :func:`main` runs in a process of its own (:mod:`knowledge.apart`), with FILE and SUFFIX."""

import sys
import zipfile
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

_MAX_XML: Final = 50 * 1024 * 1024
_MAX_PAGES: Final = 500
_MOST_CHARACTERS: Final = 500_000
_WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "br",
        "dd",
        "div",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "section",
        "table",
        "tr",
        "ul",
    ]
)
_UNSEEN: Final = frozenset({"script", "style", "head", "template", "noscript"})


def text_of(file: Path, suffix: str) -> str:
    """The text of a file. Raises whatever its format raises."""
    match suffix:
        case ".docx":
            return _docx(file)
        case ".pdf":
            return _pdf(file)
        case ".html" | ".htm":
            return _html(_decoded(file.read_bytes()))
        case _:
            return _decoded(file.read_bytes())


def _docx(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        part = archive.getinfo("word/document.xml")
        if part.file_size > _MAX_XML:
            raise ValueError("too big")
        data = archive.read(part)
    if b"<!DOCTYPE" in data:
        raise ValueError("a document type has no place in it")
    lines = []
    for paragraph in ElementTree.fromstring(data).iter(f"{_WORD}p"):  # noqa: S314 (no DTD; limits of its own)
        pieces = []
        for node in paragraph.iter():
            if node.tag == f"{_WORD}t":
                pieces.append(node.text or "")
            elif node.tag in (f"{_WORD}tab", f"{_WORD}br"):
                pieces.append(" " if node.tag.endswith("tab") else "\n")
        lines.append("".join(pieces))
    return "\n".join(lines)


def _pdf(file: Path) -> str:
    from pypdf import PdfReader

    reader = PdfReader(file)
    if len(reader.pages) > _MAX_PAGES:
        raise ValueError("too many pages")
    return "\n".join(page.extract_text() for page in reader.pages)


def _html(text: str) -> str:
    reader = _Text()
    reader.feed(text)
    reader.close()
    return "".join(reader.pieces)


class _Text(HTMLParser):
    """Gathers what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(" ".join(data.split()) if data.strip() else "")


def _decoded(data: bytes) -> str:
    if b"\x00" in data:
        raise ValueError("not text")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ValueError("no encoding that we know")


def main(arguments: Sequence[str]) -> None:
    file, suffix = arguments
    said = text_of(Path(file), suffix)[:_MOST_CHARACTERS]
    sys.stdout.buffer.write(said.encode("utf-8", "replace"))
