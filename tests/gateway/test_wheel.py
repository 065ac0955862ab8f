"""A wheel from an index without pip: only what the lock's hash vouches for is unpacked."""

import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.wheel import WheelNotFound, fetch_wheel

FILE = "tool-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"


def a_wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr("tool-1.0.data/scripts/tool", "#!/bin/sh\necho 1\n")
        wheel.writestr("tool-1.0.data/scripts/../../outside", "no")
    return buffer.getvalue()


@pytest.fixture
def index() -> Iterator[tuple[str, bytes]]:
    """A package index on loopback that serves one wheel."""
    content = a_wheel()

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content if self.path.endswith(".whl") else f'<a href="../files/{FILE}#sha256=0">x</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the test's stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/simple", content
    server.shutdown()
    thread.join()
    server.server_close()


def lock_with(tmp_path: Path, digest: str) -> Path:
    lock = tmp_path / "tool.lock"
    lock.write_text(f"tool==1.0 \\\n    --hash=sha256:{digest}\n", encoding="ascii")
    return lock


def test_the_program_is_unpacked_and_nothing_outside(tmp_path: Path, index: tuple[str, bytes]) -> None:
    address, content = index
    target = tmp_path / "tools"
    fetch_wheel(address, lock_with(tmp_path, hashlib.sha256(content).hexdigest()), target)
    assert [file.relative_to(target) for file in target.rglob("*") if file.is_file()] == [Path("bin/tool")]


def test_another_hash_is_refused(tmp_path: Path, index: tuple[str, bytes]) -> None:
    with pytest.raises(WheelNotFound):
        fetch_wheel(index[0], lock_with(tmp_path, "0" * 64), tmp_path / "tools")
    assert not (tmp_path / "tools").exists()


def test_no_index_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(WheelNotFound, match="PIP_INDEX_URL"):
        fetch_wheel("", lock_with(tmp_path, "0" * 64), tmp_path / "tools")


def test_an_index_that_does_not_answer(tmp_path: Path, unused_tcp_port: int) -> None:
    with pytest.raises(WheelNotFound, match="连不上"):
        fetch_wheel(f"http://127.0.0.1:{unused_tcp_port}/", lock_with(tmp_path, "0" * 64), tmp_path / "tools")
