"""Synthetic speech for training and evaluating the demonstration model: espeak-ng in a program of its own.

The library can crash when voices change, so a process serves one voice and is started anew when it dies.
``python -m asr_models.espeak BUILD VOICE``: one request a line on stdin, JSON and samples on stdout.
"""

import ctypes
import ctypes.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

import numpy as np
from numpy.typing import NDArray

VOICE: Final = "cmn-latn-pinyin"
"""The voice that takes numbered pinyin; variants follow after a plus sign."""
BUILDS: Final = ("loader", "system")
"""Which espeak-ng: the one in the ``espeakng-loader`` wheel (the bot's), or the one that the system has installed."""

_AUDIO_SYNCHRONOUS: Final = 2
_WITH_PHONEME_EVENTS: Final = 1
_UTF8: Final = 1
_WORD, _PHONEME = 1, 7
_RATE, _PITCH, _RANGE = 1, 3, 4


class SpeechFailed(Exception):
    """The synthesiser died or read something as English; the message says which."""


class _Identifier(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Phone:
    """A sound of the ``syllable``-th syllable, starting at ``sample``; ``name`` is espeak-ng's, ``_…`` for a pause."""

    sample: int
    name: str
    syllable: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech: int16, mono, at ``rate`` Hz, with where each sound begins."""

    samples: NDArray[np.int16]
    rate: int
    phones: tuple[Phone, ...]


class _Library:
    def __init__(self, build: str, voice: str) -> None:
        path, data = _library_path(build)
        self._library = ctypes.CDLL(path)
        self.rate: int = self._library.espeak_Initialize(_AUDIO_SYNCHRONOUS, 0, data, _WITH_PHONEME_EVENTS)
        if self.rate <= 0 or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng（{build}）没有语音 {voice}")
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pcm = bytearray()
        self._phones: list[tuple[int, str, int]] = []
        self._syllable = -1

    def _collect(
        self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, 2 * count)
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == _WORD:
                self._syllable += 1
            elif event.type == _PHONEME:
                name = bytes(event.id.string).split(b"\0")[0].decode(errors="replace")
                self._phones.append((event.sample, name, self._syllable))
            index += 1
        return 0

    def speak(self, text: str, rate: int, pitch: int, pitch_range: int) -> tuple[bytes, list[tuple[int, str, int]]]:
        self._pcm, self._phones, self._syllable = bytearray(), [], -1
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode() + b"\0"
        self._library.espeak_Synth(encoded, len(encoded), 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._pcm), self._phones


def _library_path(build: str) -> tuple[str, bytes | None]:
    if build == "loader":
        import espeakng_loader

        return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path()).encode()
    found = ctypes.util.find_library("espeak-ng")
    if found is None:
        raise SystemExit("系统里没有 espeak-ng：apt-get install espeak-ng")
    return found, None


class Espeak:
    """One voice of one build, in its own process. ``voice`` is ``cmn-latn-pinyin`` or that with ``+variant``."""

    def __init__(self, build: str, voice: str) -> None:
        self._command = (sys.executable, "-m", "asr_models.espeak", build, voice)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).resolve().parent.parent,
            )
        return self._process

    def speak(self, pinyin: str, rate: int = 175, pitch: int = 50, pitch_range: int = 50) -> Utterance:
        """Syllables with tone digits, separated by spaces, commas for pauses. Raises ``SpeechFailed``."""
        process = self._running()
        source, sink = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stdin)
        try:
            sink.write(f"{rate} {pitch} {pitch_range} {pinyin}\n".encode())
            sink.flush()
            line = source.readline()
        except BrokenPipeError as error:
            raise SpeechFailed(f"espeak-ng 中途退出：{' '.join(self._command[3:])}") from error
        if not line:
            raise SpeechFailed(f"espeak-ng 中途退出：{' '.join(self._command[3:])}")
        answer = json.loads(line)
        samples = np.frombuffer(source.read(answer["bytes"]), "<i2")
        phones = tuple(Phone(*phone) for phone in answer["phones"])
        if any(phone.name.startswith("(") for phone in phones):
            raise SpeechFailed(f"espeak-ng 把其中的音节读成了别的语言：{pinyin}")
        return Utterance(samples, answer["rate"], phones)


def espeak_text(spelt: Sequence[str], breaks: frozenset[int] = frozenset()) -> str:
    """Syllables as espeak-ng reads them, with a comma after those whose index is in ``breaks``."""
    return " ".join(one + ("," if index in breaks else "") for index, one in enumerate(spelt))


def main() -> None:
    """Serve one voice: ``RATE PITCH RANGE SYLLABLES`` a line → a line of JSON, then the samples."""
    build, voice = sys.argv[1:3]
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    library = _Library(build, voice)
    for line in sys.stdin:
        rate, pitch, pitch_range, text = line.rstrip("\n").split(" ", 3)
        pcm, phones = library.speak(text, int(rate), int(pitch), int(pitch_range))
        sink.write(json.dumps({"bytes": len(pcm), "rate": library.rate, "phones": phones}).encode() + b"\n" + pcm)
        sink.flush()


if __name__ == "__main__":
    main()
