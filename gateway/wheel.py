"""One hashed wheel from a package index, with nothing but the standard library (DESIGN §6.8: a Python without pip)."""

import hashlib
import html.parser
import io
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import Final

_LARGEST: Final = 100_000_000
_PLATFORM: Final = re.compile(r"-(py3|cp311)-none-manylinux[^-]*x86_64\.whl$")


class WheelNotFound(Exception):
    """The index is not configured, cannot be reached, or has no wheel with a hash of the lock."""


class _Links(html.parser.HTMLParser):
    """The links of a project's page (the simple repository API, PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attributes if name == "href" and value]


def fetch_wheel(index: str, lock: Path, target: Path) -> None:
    """Unpack into ``target`` the wheel that ``lock`` pins (its first requirement), its programs into ``target/bin``.

    Raises :class:`WheelNotFound`.
    """
    if not index:
        raise WheelNotFound("没有配置软件源 PIP_INDEX_URL")
    text = lock.read_text(encoding="ascii")
    pinned = re.match(r"([A-Za-z0-9_.-]+)==(\S+)", text)
    if pinned is None:
        raise WheelNotFound(f"{lock.name} 里没有版本")
    name, version = pinned.groups()
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", text))
    page = f"{index.rstrip('/')}/{name}/"
    links = _Links()
    links.feed(_get(page).decode("utf-8", "replace"))
    for link in links.found:
        address = urllib.parse.urljoin(page, link)
        file = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rsplit("/", 1)[-1])
        if file.startswith(f"{name}-{version}-") and _PLATFORM.search(file):
            content = _get(address)
            if hashlib.sha256(content).hexdigest() in hashes:
                _unpack(content, target)
                return
    raise WheelNotFound(f"软件源里没有 {name} {version}")


def _get(address: str) -> bytes:
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise WheelNotFound("软件源地址不是 http(s)")
    try:
        with urllib.request.urlopen(address, timeout=180) as answer:  # noqa: S310 # the scheme was checked
            content: bytes = answer.read(_LARGEST + 1)
    except (urllib.error.URLError, TimeoutError) as error:
        raise WheelNotFound(f"软件源连不上：{error}") from error
    if len(content) > _LARGEST:
        raise WheelNotFound("文件太大")
    return content


def _unpack(content: bytes, target: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        for item in wheel.infolist():
            scripts = re.match(r"[^/]+\.data/scripts/([^/]+)$", item.filename)
            if scripts:
                place = target / "bin" / scripts.group(1)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(wheel.read(item))
