"""A call's sound on disk: encrypted in blocks as it is written, readable up to its last whole block after a crash.

Caller on the left, bot and agent on the right, 8 kHz A-law: 16 kB a second, 58 MB an hour (the trunk carries no more than
A-law's 13 bits). Layout: a header with the recording's id, then blocks of ``kind, samples, length, nonce, sealed``. Each
block is sealed with AES-256-GCM under a key of this file alone; its place, kind and number of samples are authenticated.
Kinds: ``M`` what call it is (JSON), ``A`` sound, ``W`` withheld (a length of time without sound, CLAUSES Z14), ``L`` lost
(the disk was full or too slow), ``R`` a stretch that was blotted out afterwards (JSON), ``E`` the end.
"""

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from cryptography.exceptions import InvalidTag
from numpy.typing import NDArray

from config.errors import HotlineError
from store.g711 import SILENT_CODE, decode, encode
from store.vault import Vault

SAMPLE_RATE: Final = 8000
WAV_HEADER_BYTES: Final = 44
BYTES_A_SAMPLE: Final = 4
"""Two channels of int16 in the WAV that is listened to."""
_MAGIC: Final = b"HLREC1"
_HEADER: Final = struct.Struct("<6s4s16s")
_BLOCK: Final = struct.Struct("<cII12s")
_PLACE: Final = struct.Struct("<16sIcI")
_TAG_BYTES: Final = 16


class RecordingUnreadable(HotlineError):
    """The file is no recording of this installation."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "recording_unreadable", f"录音文件不能读取：{reason}。请核对数据密钥（secrets/data_key）与备份"
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``start_ms`` up to ``end_ms`` of the recording."""

    start_ms: int
    end_ms: int


class RecordingWriter:
    """Writes one recording, block by block. Not thread-safe: one thread writes a file."""

    def __init__(self, path: Path, vault: Vault, recording_id: str, about: Mapping[str, Any]) -> None:
        """Raises ``OSError``. ``about`` is kept encrypted: the Call-ID and when the call began."""
        self._id = bytes.fromhex(recording_id)
        self._cipher = vault.file_cipher(recording_id)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "r+b", buffering=0)
        self._number = 0
        self._blocks: list[tuple[int, int, int, int]] = []
        self.samples = 0
        """Written so far, withheld and lost ones included."""
        self._lost = 0
        self._whole = self._file.write(_HEADER.pack(_MAGIC, bytes.fromhex(vault.key_id), self._id))
        self._add(b"M", 0, json.dumps(about).encode())

    def sound(self, heard: NDArray[np.int16], sent: NDArray[np.int16]) -> None:
        """Add a stretch of both sides, equally long. Raises ``OSError``; its time is then kept as lost."""
        codes = np.empty(2 * len(heard), np.uint8)
        codes[0::2], codes[1::2] = encode(heard), encode(sent)
        self._timed(b"A", len(heard), codes.tobytes())

    def withheld(self, samples: int) -> None:
        """Add a stretch in which nothing may be recorded."""
        self._timed(b"W", samples, b"")

    def lost(self, samples: int) -> None:
        """Note a stretch that could not be recorded; it is written with the next block."""
        self._lost += samples

    def blot_out(self, start: int, end: int) -> None:
        """Overwrite the sound from sample ``start`` up to ``end`` with silence, and say so in the file."""
        for number, offset, begins, samples in self._blocks:
            low, high = max(start, begins), min(end, begins + samples)
            if low >= high:
                continue
            self._file.seek(offset)
            kind, count, length, nonce = _BLOCK.unpack(self._file.read(_BLOCK.size))
            place = _PLACE.pack(self._id, number, kind, count)
            codes = bytearray(self._cipher.decrypt(nonce, self._file.read(length), place))
            codes[2 * (low - begins) : 2 * (high - begins)] = bytes([SILENT_CODE]) * (2 * (high - low))
            nonce = os.urandom(12)
            self._file.seek(offset)
            self._file.write(_BLOCK.pack(kind, count, length, nonce) + self._cipher.encrypt(nonce, bytes(codes), place))
        self._file.seek(self._whole)
        self._add(b"R", 0, json.dumps([_ms(start), _ms(end)]).encode())

    def end(self) -> None:
        """Say that it is complete, and have it on the disk. Raises ``OSError``."""
        try:
            self._pay_lost()
            self._add(b"E", 0, b"")
            os.fsync(self._file.fileno())
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file as it is."""
        self._file.close()

    def _timed(self, kind: bytes, samples: int, content: bytes) -> None:
        try:
            self._pay_lost()
            self._add(kind, samples, content)
        except OSError:
            self._lost += samples
            raise

    def _pay_lost(self) -> None:
        if self._lost:
            self._add(b"L", self._lost, b"")
            self._lost = 0

    def _add(self, kind: bytes, samples: int, content: bytes) -> None:
        nonce = os.urandom(12)
        sealed = self._cipher.encrypt(nonce, content, _PLACE.pack(self._id, self._number, kind, samples))
        block = _BLOCK.pack(kind, samples, len(sealed), nonce) + sealed
        try:
            written = self._file.write(block)
            if written != len(block):
                raise OSError(28, "short write")
        except OSError:
            os.ftruncate(self._file.fileno(), self._whole)
            self._file.seek(self._whole)
            raise
        if kind == b"A":
            self._blocks.append((self._number, self._whole, self.samples, samples))
        self._number += 1
        self._whole += len(block)
        self.samples += samples


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    kind: bytes
    offset: int
    """Of the sealed content."""
    length: int
    nonce: bytes
    starts: int
    samples: int


class Recording:
    """A recording to be listened to. Use as a context manager."""

    def __init__(self, path: Path, vault: Vault) -> None:
        """Raises :class:`RecordingUnreadable` or ``OSError``."""
        self._file = path.open("rb")
        try:
            head = self._file.read(_HEADER.size)
            if len(head) != _HEADER.size or not head.startswith(_MAGIC):
                raise RecordingUnreadable("不是录音文件")
            _, key_id, self._id = _HEADER.unpack(head)
            if key_id.hex() != vault.key_id:
                raise RecordingUnreadable("加密它的不是现在的密钥")
            self._cipher = vault.file_cipher(self._id.hex())
            self._blocks = list(self._scan())
            self.about: Final[Mapping[str, Any]] = self._about()
        except BaseException:
            self._file.close()
            raise
        self.id: Final = self._id.hex()
        timed = [block for block in self._blocks if block.samples]
        self.samples: Final = timed[-1].starts + timed[-1].samples if timed else 0
        self.complete: Final = bool(self._blocks) and self._blocks[-1].kind == b"E"
        """Whether it ends as it should; false after a crash of the node."""

    def __enter__(self) -> "Recording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def duration_ms(self) -> int:
        return _ms(self.samples)

    @property
    def wav_bytes(self) -> int:
        """Length of the whole WAV."""
        return WAV_HEADER_BYTES + self.samples * BYTES_A_SAMPLE

    def stretches(self, kind: str) -> list[Stretch]:
        """What is ``withheld`` or ``lost``, in order."""
        wanted = b"W" if kind == "withheld" else b"L"
        found = [
            Stretch(_ms(block.starts), _ms(block.starts + block.samples))
            for block in self._blocks
            if block.kind == wanted
        ]
        if wanted == b"W":
            found += [Stretch(*json.loads(self._open(block))) for block in self._blocks if block.kind == b"R"]
        return sorted(found, key=lambda one: one.start_ms)

    def pcm(self, start: int, end: int) -> bytes:
        """Both channels, interleaved int16, from sample ``start`` up to ``end``; silence where nothing was kept."""
        end = min(end, self.samples)
        sound = np.zeros((max(0, end - start), 2), np.int16)
        for block in self._blocks:
            low, high = max(start, block.starts), min(end, block.starts + block.samples)
            if low >= high or block.kind != b"A":
                continue
            try:
                codes = np.frombuffer(self._open(block), np.uint8).reshape(-1, 2)
            except InvalidTag:
                continue  # a block torn by a crash in the middle of blotting out: silence
            sound[low - start : high - start] = decode(codes[low - block.starts : high - block.starts])
        return sound.astype("<i2").tobytes()

    def wav(self, start: int, end: int) -> bytes:
        """Bytes ``start`` up to ``end`` of the recording as a stereo WAV."""
        head = wav_header(self.samples)[start:end]
        first = max(0, start - WAV_HEADER_BYTES) // BYTES_A_SAMPLE
        last = -(-max(0, end - WAV_HEADER_BYTES) // BYTES_A_SAMPLE)
        if last <= first:
            return head
        skip = max(0, start - WAV_HEADER_BYTES) - first * BYTES_A_SAMPLE
        body = self.pcm(first, last)[skip:]
        return (head + body)[: end - start]

    def _scan(self) -> Any:
        number, starts, offset = 0, 0, _HEADER.size
        size = os.fstat(self._file.fileno()).st_size
        while offset + _BLOCK.size <= size:
            self._file.seek(offset)
            kind, samples, length, nonce = _BLOCK.unpack(self._file.read(_BLOCK.size))
            content = offset + _BLOCK.size
            if length < _TAG_BYTES or content + length > size:
                return
            yield _Block(number, kind, content, length, nonce, starts, samples)
            number, starts, offset = number + 1, starts + samples, content + length

    def _open(self, block: _Block) -> bytes:
        self._file.seek(block.offset)
        place = _PLACE.pack(self._id, block.number, block.kind, block.samples)
        return self._cipher.decrypt(block.nonce, self._file.read(block.length), place)

    def _about(self) -> Mapping[str, Any]:
        if not self._blocks or self._blocks[0].kind != b"M":
            raise RecordingUnreadable("开头不完整")
        try:
            about: Mapping[str, Any] = json.loads(self._open(self._blocks[0]))
        except InvalidTag as error:
            raise RecordingUnreadable("内容被改动过") from error
        return about


def wav_header(samples: int) -> bytes:
    """The 44 bytes before ``samples`` of stereo int16 at 8 kHz."""
    size = samples * BYTES_A_SAMPLE
    form = struct.pack("<HHIIHH", 1, 2, SAMPLE_RATE, SAMPLE_RATE * BYTES_A_SAMPLE, BYTES_A_SAMPLE, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", size)
    )


def _ms(samples: int) -> int:
    return samples * 1000 // SAMPLE_RATE
