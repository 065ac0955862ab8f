"""espeak-ng in a process of its own: numbered pinyin in, 8 kHz int16 out.

The library can bring its process down when voices change (DESIGN §6.1), so one process serves one voice, and nothing else of
ours runs in it. ``python -m ivr.speech.voice_worker VOICE RATE PITCH``; frames on stdin and stdout.
"""

import ctypes
import os
import signal
import sys
from typing import Final

import espeakng_loader

from ivr.speech.pipe_frames import Kind, pack, read_frame_blocking
from ivr.speech.telephone_band import faded, levelled, to_telephone_rate, trimmed

_AUDIO_SYNCHRONOUS: Final = 2
_POSITION_CHARACTER: Final = 1
_CHARACTERS_UTF8: Final = 1
_PARAMETER_RATE: Final = 1
_PARAMETER_PITCH: Final = 3

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library with one voice set. ``rate`` in words a minute, ``pitch`` 0…99."""

    def __init__(self, voice: str, rate: int, pitch: int) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._heard = bytearray()
        self._callback = _Callback(self._collect)
        self.sample_rate: int = self._library.espeak_Initialize(
            _AUDIO_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0
        )
        if self.sample_rate <= 0 or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng 无法载入语音 {voice}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(_PARAMETER_RATE, rate, 0)
        self._library.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: object) -> int:
        if samples and count:
            self._heard.extend(ctypes.string_at(samples, 2 * count))
        return 0

    def speak(self, pinyin: str) -> bytes:
        """int16 mono at :attr:`sample_rate`."""
        self._heard.clear()
        text = pinyin.encode() + b"\0"
        self._library.espeak_Synth(text, len(text), 0, _POSITION_CHARACTER, 0, _CHARACTERS_UTF8, None, None)
        self._library.espeak_Synchronize()
        return bytes(self._heard)


def telephone_speech(espeak: Espeak, pinyin: str) -> bytes:
    """``pinyin`` spoken, as it goes onto the line: int16, 8 kHz, at one level, without silence or clicks at its ends."""
    return levelled(faded(trimmed(to_telephone_rate(espeak.speak(pinyin), espeak.sample_rate))))


def main() -> None:
    voice, rate, pitch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints must not reach the frames
    espeak = Espeak(voice, rate, pitch)
    telephone_speech(espeak, "ni2 hao3")
    sink.write(pack(Kind.READY, 0, {"voice": voice, "rate": espeak.sample_rate}))
    sink.flush()
    while (frame := read_frame_blocking(source)) is not None:
        if frame.kind is Kind.PING:
            sink.write(pack(Kind.PONG, frame.id))
        elif frame.kind is Kind.SPEAK:
            sink.write(pack(Kind.AUDIO_OUT, frame.id, telephone_speech(espeak, frame.payload.decode())))
        sink.flush()


if __name__ == "__main__":
    main()
