"""What a worker process and its parent say to each other over pipes: ``kind, id, size`` and ``size`` bytes."""

import asyncio
import json
import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, BinaryIO, Final, NamedTuple

_HEADER: Final = struct.Struct("!BII")
MAX_PAYLOAD: Final = 64 * 1024 * 1024


class Kind(IntEnum):
    """``READY``, ``PONG``, ``STUCK``, ``PARTIAL``, ``RESULT``, ``AUDIO_OUT`` and ``FAILED`` come from the worker.

    ``STUCK`` answers a ping too: the worker lives, but what it was doing will not end.
    """

    READY = 1
    PING = 2
    PONG = 3
    OPEN = 4
    AUDIO = 5
    FINISH = 6
    CLOSE = 7
    PARTIAL = 8
    RESULT = 9
    SPEAK = 10
    AUDIO_OUT = 11
    FAILED = 12
    STUCK = 13


class PipeFrame(NamedTuple):
    """One message; ``id`` is the call's or the request's number."""

    kind: Kind
    id: int
    payload: bytes

    def json(self) -> Any:
        return json.loads(self.payload)


class BrokenPipe(Exception):
    """The other side sent what is no frame; its process is not to be trusted any further."""

    def __init__(self) -> None:
        super().__init__("工作进程发来的数据无法识别，将重新启动该进程")


def pack(kind: Kind, id: int, payload: bytes | Mapping[str, object] = b"") -> bytes:
    """A frame ready to be written; a mapping travels as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    return _HEADER.pack(kind, id, len(body)) + body


def _unpack_header(header: bytes) -> tuple[Kind, int, int]:
    kind, id, size = _HEADER.unpack(header)
    if size > MAX_PAYLOAD or kind not in Kind.__members__.values():
        raise BrokenPipe
    return Kind(kind), id, size


async def read_frame(stream: asyncio.StreamReader) -> PipeFrame | None:
    """The next frame, ``None`` at the end; raises :class:`BrokenPipe`."""
    try:
        kind, id, size = _unpack_header(await stream.readexactly(_HEADER.size))
        return PipeFrame(kind, id, await stream.readexactly(size))
    except asyncio.IncompleteReadError:
        return None


def read_frame_blocking(stream: BinaryIO) -> PipeFrame | None:
    """As :func:`read_frame`, for the worker's side; ``stream`` is buffered."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, id, size = _unpack_header(header)
    payload = stream.read(size)
    return PipeFrame(kind, id, payload) if len(payload) == size else None
