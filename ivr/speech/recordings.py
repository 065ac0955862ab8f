"""Recorded prompts: a WAV named after the prompt is heard instead of the synthesised voice.

``config/prompts/recorded/<name>.wav`` is shipped with a city's edition, ``<data>/prompts/<name>.wav`` is the operator's own and
goes first. ``<name>`` is a prompt of ``config/prompts/phone.yaml``; any other fixed sentence (a greeting, a phrase) is recorded
as ``<name>.wav`` with the exact sentence in ``<name>.txt`` beside it.
"""

import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from config.errors import HotlineError
from config.settings import ROOT
from ivr.speech.telephone_band import active_level, faded, levelled, to_telephone_rate

_log = structlog.get_logger("ivr")

SHIPPED: Final = ROOT / "config" / "prompts" / "recorded"
FOLDER: Final = "prompts"
"""In the data folder."""
RATES: Final = (8000, 16_000)
LONGEST_S: Final = 60
_SHORTEST_S: Final = 0.2
_FAINTEST_DBFS: Final = -50.0
_CLIPPED_SHARE: Final = 0.001


class RecordingRefused(HotlineError):
    """A recording that cannot be used; the message says what to do."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__("bad_recording", f"录音 {file.name} 不能用：{reason}")


@dataclass(frozen=True, slots=True)
class Recordings:
    """The recorded prompts: telephone audio by the text it says. ``problems``: why others are not among them."""

    by_text: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    """By prompt."""
    problems: tuple[str, ...] = ()

    def saying(self, text: str) -> bytes | None:
        """The recording that says ``text``, if there is one."""
        return self.by_text.get(text.strip())


NONE: Final = Recordings()


def read_recording(file: Path) -> bytes:
    """int16 at 8 kHz and at the level of the voice. Raises :class:`RecordingRefused`."""
    try:
        with wave.open(str(file), "rb") as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            seconds = sound.getnframes() / max(1, form[2])
            if form[:2] != (1, 2) or form[2] not in RATES:
                raise RecordingRefused(
                    file,
                    f"应为 8 kHz 或 16 kHz、单声道、16 位，现在是 {form[2]} Hz、{form[0]} 声道、{8 * form[1]} 位，请转换后再放入",
                )
            if not _SHORTEST_S <= seconds <= LONGEST_S:
                raise RecordingRefused(file, f"长 {seconds:.1f} 秒，应在 {_SHORTEST_S}～{LONGEST_S} 秒之间")
            pcm = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise RecordingRefused(file, "不是 PCM 编码的 WAV 文件，请重新导出") from error
    except OSError as error:
        raise RecordingRefused(file, f"文件读不出来（{error.strerror}）") from error
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    if np.mean(np.abs(samples.astype(np.int32)) >= 32_700) > _CLIPPED_SHARE:
        raise RecordingRefused(file, "录得太响，声音已经失真，请降低音量重录")
    level = active_level(samples.astype(np.float32) / np.float32(32768))
    if level < _FAINTEST_DBFS:
        raise RecordingRefused(file, "几乎没有声音，请检查话筒后重录")
    return levelled(faded(to_telephone_rate(samples.tobytes(), form[2])))


def load_recordings(prompts: Mapping[str, str], own: Path | None = None, shipped: Path = SHIPPED) -> Recordings:
    """All recordings that are fit for use; one that is not is told among ``problems`` and its prompt is synthesised."""
    by_text: dict[str, bytes] = {}
    files: dict[str, Path] = {}
    problems: list[str] = []
    for folder in (shipped, own):
        for file in sorted(folder.glob("*.wav")) if folder and folder.is_dir() else ():
            try:
                text = _text(file, prompts)
                by_text[text] = read_recording(file)
                files[file.stem] = file
            except RecordingRefused as refused:
                _log.warning("recording_refused", file=file.name)
                problems.append(refused.message)
    return Recordings(by_text, files, tuple(problems))


def _text(file: Path, prompts: Mapping[str, str]) -> str:
    beside = file.with_suffix(".txt")
    try:
        text = prompts.get(file.stem) or beside.read_text(encoding="utf-8")
    except FileNotFoundError:
        known = "、".join(sorted(prompts))
        raise RecordingRefused(
            file, f"没有叫“{file.stem}”的提示语（有：{known}）；录别的固定语句时，请把原文写在 {beside.name} 里"
        ) from None
    except (OSError, UnicodeDecodeError):
        raise RecordingRefused(file, f"{beside.name} 读不出来，请用 UTF-8 编码保存") from None
    if not text.strip():
        raise RecordingRefused(file, f"{beside.name} 是空的，请写上录音里说的话")
    return text.strip()
