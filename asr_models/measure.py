"""How well something was recognised: character error rate, likeness, and the measurement of a folder of recordings.

Text is compared as it is *spoken*: punctuation and spaces do not count, numbers are read out in Chinese, 幺 is 一, 两 is 二.
A number that has two usual readings (110: 幺幺零 or 一百一十) is given the one that is nearer to the other side.
"""

import csv
import json
import re
import time
import wave
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, product
from pathlib import Path
from typing import Final

import numpy as np

from asr_models.telephone import RATE, to_8k

_DIGITS: Final = "零一二三四五六七八九"
_SAME_SOUNDING: Final = str.maketrans({"幺": "一", "〇": "零", "两": "二", "俩": "二", "○": "零"})
_LONGEST_CARDINAL: Final = 8
"""A longer run of digits is a telephone or ticket number and is never read as one number."""
_MOST_READINGS: Final = 64
"""Combinations of readings tried for one text; beyond that the usual reading of each number is taken."""
_CHUNK_S: Final = 0.2
_RATES: Final = (8000, 16_000)


class MeasureError(Exception):
    """A folder of recordings cannot be measured; the message says in Chinese what to do."""


def cardinal(number: int) -> str:
    """``number`` (0 ≤ number < 10⁸) as it is counted: 10592 → 一万零五百九十二, 15 → 十五."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        gap = "零" if 0 < low < 1000 else ""
        return f"{cardinal(high)}万{gap}{'一' if 10 <= low < 20 else ''}{cardinal(low) if low else ''}"
    if number < 10:
        return _DIGITS[number]
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        if number >= unit:
            high, low = divmod(number, unit)
            head = "" if unit == 10 and high == 1 else _DIGITS[high]
            gap = "零" if low and low < unit // 10 else ""
            tail = cardinal(low) if low else ""
            if 10 <= low < 20:
                tail = "一" + tail
            return f"{head}{name}{gap}{tail}"
    raise AssertionError(number)


def _one_by_one(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _readings(digits: str, following: str) -> list[str]:
    """The usual readings of a run of digits, the likelier first."""
    single = _one_by_one(digits)
    if len(digits) > _LONGEST_CARDINAL or (len(digits) > 1 and digits[0] == "0"):
        return [single]
    counted = cardinal(int(digits))
    if len(digits) == 4 and following.startswith("年"):
        return [single]
    if len(digits) <= 2:
        return [counted]
    return [single, counted] if len(digits) >= 5 else [counted, single]


_NUMBER: Final = re.compile(
    r"(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2}(?!\d))"
    r"|(?P<clock>(?<!\d)\d{1,2}[:：]\d{2}(?!\d))"
    r"|(?P<number>\d[\d,，]*\d|\d)(?:\.(?P<fraction>\d+))?(?P<percent>\s*[%％])?"
)


def _spoken_number(match: re.Match[str], text: str) -> list[str]:
    if match["date"]:
        year, month, day = re.split(r"[-/]", match["date"])
        return [f"{_one_by_one(year)}年{cardinal(int(month))}月{cardinal(int(day))}日"]
    if match["clock"]:
        hour, minute = re.split(r"[:：]", match["clock"])
        minutes = "" if minute == "00" else (("零" if minute[0] == "0" else "") + cardinal(int(minute)) + "分")
        readings = [f"{cardinal(int(hour))}点{minutes}"]
        return [*readings, f"{cardinal(int(hour))}点半"] if minute == "30" else readings
    grouped = re.fullmatch(r"\d{1,3}(?:[,，]\d{3})+", match["number"])
    parts = [match["number"]] if grouped else re.split(r"[,，]", match["number"])
    if len(parts) > 1:
        return ["".join(_readings(part, "")[0] for part in parts)]
    readings = _readings(re.sub(r"[,，]", "", parts[0]), text[match.end() :])
    if match["fraction"]:
        readings = [f"{_readings(re.sub(r'[,，]', '', parts[0]), '')[0]}点{_one_by_one(match['fraction'])}"]
    return [f"百分之{reading}" for reading in readings] if match["percent"] else readings


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum()).translate(_SAME_SOUNDING)


def _spoken_forms(text: str) -> list[str]:
    pieces: list[list[str]] = []
    at = 0
    text = text.translate(str.maketrans("０１２３４５６７８９", "0123456789"))
    for match in _NUMBER.finditer(text):
        pieces += [[text[at : match.start()]], _spoken_number(match, text)]
        at = match.end()
    pieces.append([text[at:]])
    return ["".join(choice) for choice in islice(product(*pieces), _MOST_READINGS)]


def spoken(text: str) -> str:
    """``text`` as it is read out, numbers in Chinese characters, punctuation left in: 2024年 → 二零二四年."""
    return _spoken_forms(text)[0]


def edit_distance(reference: str, hypothesis: str) -> int:
    """Insertions, deletions and substitutions of characters that turn one into the other (Levenshtein)."""
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != got))
    return row[-1]


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Character errors of ``hypothesis`` and the length of ``reference`` as spoken, at the most favourable reading."""
    expected = [_plain(form) for form in _spoken_forms(reference)]
    heard = [_plain(form) for form in _spoken_forms(hypothesis)]
    return min(
        ((edit_distance(one, other), len(one)) for one, other in product(expected, islice(heard, 4))),
        key=lambda pair: pair[0] / max(1, pair[1]),
    )


def cer(reference: str, hypothesis: str) -> float:
    """Character error rate: errors over the length of the reference as spoken; may exceed 1.

    Two empty texts give 0, a text heard where nothing was said gives 1.
    """
    wrong, length = errors(reference, hypothesis)
    return wrong / length if length else float(bool(wrong))


def likeness(reference: str, hypothesis: str) -> float:
    """How alike two texts sound: 1 − CER, never below 0."""
    return max(0.0, 1.0 - cer(reference, hypothesis))


@dataclass(frozen=True, slots=True)
class FileResult:
    """One recording: what was said, what was heard."""

    file: str
    reference: str
    heard: str
    cer: float
    audio_s: float
    recognition_s: float


@dataclass(frozen=True, slots=True)
class OwnWord:
    """One of the hotline's own words in the recordings: how often said, how often heard, and what was heard in its place."""

    word: str
    said: int
    right: int
    heard_as: dict[str, int]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A folder of recordings. ``cer`` weighs every character alike; ``real_time_factor`` is work time over audio time."""

    files: tuple[FileResult, ...]
    cer: float
    audio_s: float
    real_time_factor: float
    own_words: tuple[OwnWord, ...] = ()


def read_transcripts(folder: Path) -> list[tuple[Path, str]]:
    """The pairs of ``folder/transcripts.tsv``: file name, tab, what is said in it; a heading line is skipped.

    Raises ``MeasureError`` when the list or a recording is missing.
    """
    listing = folder / "transcripts.tsv"
    if not listing.is_file():
        raise MeasureError(
            f"{folder} 里没有 transcripts.tsv：每行写“文件名<Tab>录音里说的话”，与 WAV 放在同一个文件夹。"
        )
    pairs: list[tuple[Path, str]] = []
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MeasureError(
            f"{listing.name} 不是 UTF-8 编码，请另存为 UTF-8（记事本：另存为，编码选 UTF-8）。"
        ) from error
    if lines:
        for number, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if not row or not any(cell.strip() for cell in row) or (number == 1 and row[0].strip().lower() == "file"):
                continue
            if len(row) < 2:
                raise MeasureError(f"{listing.name} 第 {number} 行缺少制表符：应为“文件名<Tab>文字”。")
            file = folder / row[0].strip()
            if not file.is_file():
                raise MeasureError(f"{listing.name} 第 {number} 行的录音 {row[0].strip()} 不在 {folder} 里。")
            pairs.append((file, row[1].strip()))
    if not pairs:
        raise MeasureError(f"{listing.name} 是空的：每行写“文件名<Tab>录音里说的话”。")
    return pairs


def _read_wav(file: Path) -> bytes:
    """The samples at 8 kHz."""
    try:
        with wave.open(str(file), "rb") as recording:
            if recording.getsampwidth() != 2 or recording.getnchannels() != 1:
                raise MeasureError(f"{file.name} 应为单声道 16 位 PCM 的 WAV，请先转换。")
            pcm, rate = recording.readframes(recording.getnframes()), recording.getframerate()
    except (wave.Error, EOFError) as error:
        raise MeasureError(f"{file.name} 不是可读的 PCM WAV（{error}），请先转换为单声道 16 位。") from error
    if rate not in _RATES:
        raise MeasureError(f"{file.name} 的采样率是 {rate} 赫兹，应为 8000 或 16000，请先转换。")
    if not pcm:
        raise MeasureError(f"{file.name} 里没有声音，请去掉这一行或换一份录音。")
    if rate == RATE:
        return pcm
    samples = to_8k(np.frombuffer(pcm, dtype="<i2"), rate)
    return bytes(np.rint(samples).clip(-32768, 32767).astype("<i2").tobytes())


def transcribe(model: object, pcm: bytes, rate: int) -> str:
    """What ``model`` (a ``vosk.Model``) hears in ``pcm`` (int16, mono, ``rate`` Hz), without hints and without spaces."""
    from vosk import KaldiRecognizer

    recogniser = KaldiRecognizer(model, rate)
    step = 2 * int(rate * _CHUNK_S)
    heard = [
        json.loads(recogniser.Result())["text"]
        for start in range(0, len(pcm), step)
        if recogniser.AcceptWaveform(pcm[start : start + step])
    ]
    heard.append(json.loads(recogniser.FinalResult())["text"])
    return "".join(heard).replace(" ", "")


def heard_in_place(word: str, reference: str, heard: str) -> list[str]:
    """What stands in ``heard`` where ``word`` is said in ``reference``, once for each time it is said (both as spoken)."""
    expected, got = _plain(spoken(reference)), _plain(spoken(heard))
    wanted = _plain(spoken(word))
    places = [match.start() for match in re.finditer(re.escape(wanted), expected)] if wanted else []
    if not places:
        return []
    matcher = SequenceMatcher(None, expected, got, autojunk=False)
    moved = [0] * (len(expected) + 1)
    for _, start, end, to_start, to_end in matcher.get_opcodes():
        for at in range(start, end + 1):
            moved[at] = min(to_start + at - start, to_end) if at < end else to_end
    return [got[moved[at] : moved[at + len(wanted)]] for at in places]


def own_words(words: Iterable[str], results: Sequence[FileResult]) -> tuple[OwnWord, ...]:
    """How each of ``words`` that was said was heard, the worst first."""
    found = []
    for word in dict.fromkeys(words):
        heard = [one for result in results for one in heard_in_place(word, result.reference, result.heard)]
        if heard:
            right = heard.count(_plain(spoken(word)))
            wrong = Counter(one for one in heard if one != _plain(spoken(word)))
            found.append(OwnWord(word, len(heard), right, dict(wrong.most_common())))
    return tuple(sorted(found, key=lambda one: (one.right - one.said, one.word)))


def evaluate(
    folder: Path, model_path: Path, *, words: Iterable[str] = (), progress: Callable[[int, int], None] | None = None
) -> Evaluation:
    """Recognise every recording that ``folder/transcripts.tsv`` lists with the Vosk model in ``model_path``.

    Recordings are mono 16-bit PCM WAV at 8 kHz, or at 16 kHz and brought to what a telephone passes. ``words``: the hotline's own, of
    which confusions are told; ``progress`` is told (done, all). Raises ``MeasureError``.
    """
    from vosk import Model, SetLogLevel

    SetLogLevel(-1)
    pairs = [(file, text, _read_wav(file)) for file, text in read_transcripts(folder)]
    model = Model(str(model_path))
    results: list[FileResult] = []
    wrong = characters = 0
    for number, (file, text, pcm) in enumerate(pairs, 1):
        started = time.perf_counter()
        heard = transcribe(model, pcm, RATE)
        spent = time.perf_counter() - started
        missed, length = errors(text, heard)
        wrong, characters = wrong + missed, characters + length
        results.append(FileResult(file.name, text, heard, cer(text, heard), len(pcm) / 2 / RATE, spent))
        if progress:
            progress(number, len(pairs))
    audio_s = sum(result.audio_s for result in results)
    work_s = sum(result.recognition_s for result in results)
    factor = work_s / audio_s if audio_s else 0.0
    return Evaluation(tuple(results), wrong / max(1, characters), audio_s, factor, own_words(words, results))
