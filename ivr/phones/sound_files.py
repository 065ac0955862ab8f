"""Recordings to speak from: any PCM WAV made into telephone audio."""

import wave
from pathlib import Path

import numpy as np

from config.errors import HotlineError
from ivr.speech.telephone_band import TELEPHONE_RATE, to_telephone_rate


class UnreadableSound(HotlineError):
    """A file that cannot be spoken."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__("unreadable_sound", f"{path} 不能播放：{why}；请提供 16 位 PCM 的 WAV，采样率不低于 8000 Hz")


def read_sound(path: Path) -> bytes:
    """The samples of ``path`` as int16 mono at 8 kHz; several channels are mixed. Raises :class:`UnreadableSound`."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise UnreadableSound(path, "读不出来") from error
    if width != 2 or rate < TELEPHONE_RATE:
        raise UnreadableSound(path, f"是 {8 * width} 位、{rate} Hz")
    samples = np.frombuffer(raw, dtype="<i2").reshape(-1, channels).mean(axis=1)
    mono = samples.astype("<i2").tobytes()
    if rate == TELEPHONE_RATE:
        return bytes(mono)
    floats = to_telephone_rate(mono, rate)
    return bytes(np.clip(np.round(floats * 32768), -32768, 32767).astype("<i2").tobytes())
