"""How well the demonstration model hears unseen sentences in unseen voices, by voice, rate, noise and G.711 law, without hints.

``python -m asr_models.evaluate_demo [--table] [--json] [--model FOLDER]``. The texts stand in ``eval/``: ``sentences.tsv`` is
citizens' speech in voices never trained on, ``bot.tsv`` the hotline's own way of answering in the bot's voice,
``development.tsv`` what choices of the recipe are made on. Speech is made anew each time.
"""

import argparse
import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from asr_models.disturbance import NOISES, noise, with_noise, without_packets
from asr_models.espeak import VOICE, Espeak, espeak_text
from asr_models.measure import cer, edit_distance, errors, likeness, transcribe
from asr_models.phonetics import espeak_spelling, syllables, with_third_tone_sandhi
from asr_models.telephone import RATE, Signal, alaw_round_trip, mulaw_round_trip, to_8k

_HERE: Final = Path(__file__).resolve().parent
SHIPPED: Final = _HERE / "hotline-demo-zh"
LISTS: Final = {
    "citizens": _HERE / "eval" / "sentences.tsv",
    "bot": _HERE / "eval" / "bot.tsv",
    "development": _HERE / "eval" / "development.tsv",
}
_LEVEL: Final = 2500.0
"""Root mean square of the speech on the int16 scale: −22 dBFS."""
_SILENCE: Final = np.zeros(RATE // 2)
_SEED: Final = 12345
LAWS: Final[dict[str, Callable[[Signal], Signal]]] = {
    "alaw": alaw_round_trip,
    "mulaw": mulaw_round_trip,
    "linear": np.rint,
}
_LAW_NAMES: Final = {"alaw": "A 律", "mulaw": "µ 律", "linear": "不压缩"}
_NOISE_NAMES: Final = {"white": "白噪声", "street": "街道", "hum": "交流声", "music": "音乐", "babble": "人声嘈杂"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, the espeak-ng variant that says it (empty: the plain voice), words a minute and pitch (0…99)."""

    text: str
    variant: str
    rate: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Condition:
    """What a line does to the speech. ``rate``: words a minute instead of each sentence's own; ``loss``: share of packets."""

    law: str = "alaw"
    noise: str = ""
    snr_db: float = 20.0
    rate: int = 0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence and what the model made of it; ``alike`` as ``measure.likeness`` has it, 0…1."""

    text: str
    heard: str
    variant: str
    cer: float
    alike: float


@dataclass(frozen=True, slots=True)
class Report:
    """Character error rates; ``syllable_errors`` is the same over syllables without their tones: what was misheard, and not
    merely written in the wrong character. ``real_time_factor`` is recognition time over audio time on one core.
    """

    sentences: int
    cer: float
    syllable_errors: float
    alike_mean: float
    alike_worst: float
    by_voice: dict[str, float]
    real_time_factor: float
    heard: tuple[Heard, ...]


def read_sentences(*lists: str) -> list[Sentence]:
    """The sentences of the named lists (default: all)."""
    found: list[Sentence] = []
    for name in lists or LISTS:
        with LISTS[name].open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE):
                found.append(Sentence(row["text"], row["variant"], int(row["rate"]), int(row["pitch"])))
    return found


def _spoken(sentences: list[Sentence], rate: int) -> list[tuple[Sentence, Signal]]:
    """Each sentence at 8 kHz and −22 dBFS, one process a voice."""
    made = []
    for variant, group in groupby(sorted(sentences, key=lambda one: one.variant), key=lambda one: one.variant):
        with Espeak("loader", f"{VOICE}+{variant}" if variant else VOICE) as voice:
            for sentence in group:
                said = [espeak_spelling(one) for one in with_third_tone_sandhi(syllables(sentence.text))]
                spoken = voice.speak(espeak_text(said), rate or sentence.rate, sentence.pitch)
                signal = to_8k(spoken.samples, spoken.rate)
                made.append((sentence, signal * (_LEVEL / (float(np.sqrt(np.mean(signal**2))) + 1e-9))))
    return made


def say(sentences: list[Sentence], condition: Condition = Condition()) -> Iterator[tuple[Sentence, bytes]]:
    """Each sentence as telephone speech, int16 mono 8 kHz, as it comes out of a line in ``condition``."""
    spoken = _spoken(sentences, condition.rate)
    voices = [signal for _, signal in spoken]
    draw = np.random.default_rng(_SEED)
    for sentence, signal in spoken:
        if condition.noise:
            padded = np.concatenate([_SILENCE, signal, _SILENCE])
            added = noise(condition.noise, len(padded), draw, voices)
            scale = np.sqrt(len(padded) / len(signal))
            line = with_noise(padded * scale, added, condition.snr_db) / scale
        else:
            line = np.concatenate([_SILENCE, signal, _SILENCE])
        coded = LAWS[condition.law](line)
        if condition.loss:
            coded = without_packets(coded, condition.loss, draw)
        yield sentence, coded.astype("<i2").tobytes()


def _syllable_errors(text: str, heard: str) -> tuple[int, int]:
    """Errors and length in toneless syllables."""
    codes: dict[str, str] = {}
    sides = [
        "".join(codes.setdefault(one.rstrip("12345"), chr(0x4E00 + len(codes))) for one in syllables(side))
        for side in (text, heard)
    ]
    return edit_distance(*sides), len(sides[0])


def evaluate(model_path: Path, sentences: list[Sentence], condition: Condition = Condition()) -> Report:
    """Synthesise, recognise, compare."""
    from vosk import Model, SetLogLevel

    SetLogLevel(-1)
    model = Model(str(model_path))
    heard: list[Heard] = []
    counts: dict[str, list[int]] = {}
    audio_s = work_s = 0.0
    for sentence, pcm in say(sentences, condition):
        started = time.process_time()
        text = transcribe(model, pcm, RATE)
        work_s += time.process_time() - started
        audio_s += len(pcm) / 2 / RATE
        alike = likeness(sentence.text, text)
        heard.append(Heard(sentence.text, text, sentence.variant, cer(sentence.text, text), alike))
        tally = counts.setdefault(sentence.variant or "plain", [0, 0, 0, 0])
        for place, value in enumerate((*errors(sentence.text, text), *_syllable_errors(sentence.text, text))):
            tally[place] += value
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    return Report(
        len(sentences),
        total[0] / total[1],
        total[2] / total[3],
        sum(one.alike for one in heard) / len(heard),
        min(one.alike for one in heard),
        {voice: tally[0] / tally[1] for voice, tally in counts.items()},
        work_s / audio_s,
        tuple(heard),
    )


def conditions() -> list[Condition]:
    """The table's rows: laws, rates, noises at three ratios, lost packets."""
    return [
        *(Condition(law=law) for law in LAWS),
        *(Condition(rate=rate) for rate in (120, 160, 200, 240)),
        *(Condition(noise=kind, snr_db=snr_db) for kind in NOISES for snr_db in (20.0, 10.0, 5.0)),
        *(Condition(loss=loss) for loss in (0.01, 0.05)),
    ]


def table(model_path: Path, sentences: list[Sentence]) -> list[tuple[Condition, Report]]:
    """``sentences`` in every one of :func:`conditions`."""
    return [(condition, evaluate(model_path, sentences, condition)) for condition in conditions()]


def _named(condition: Condition) -> str:
    said = [_LAW_NAMES[condition.law]]
    if condition.rate:
        said.append(f"每分钟 {condition.rate} 词")
    if condition.noise:
        said.append(f"{_NOISE_NAMES[condition.noise]} {condition.snr_db:.0f} dB")
    if condition.loss:
        said.append(f"丢包 {condition.loss:.0%}")
    return "，".join(said)


def _print(name: str, report: Report) -> None:
    for one in sorted(report.heard, key=lambda one: -one.cer):
        if one.cer:
            print(f"{one.cer:5.0%}  {one.variant or '默认':8} {one.text} → {one.heard}")
    print(
        f"{name}: {report.sentences} 句，字错率 {report.cer:.1%}，不计声调的音节错误率 {report.syllable_errors:.1%}，"
        f"相似度平均 {report.alike_mean:.3f}、最低 {report.alike_worst:.2f}，实时率 {report.real_time_factor:.3f}"
    )
    print("  各声音：" + "，".join(f"{voice} {rate:.1%}" for voice, rate in sorted(report.by_voice.items())))


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="演示模型在没见过的句子和声音上的字错率")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="Vosk 模型文件夹，默认为自带的演示模型")
    parser.add_argument("--list", choices=LISTS, nargs="*", default=["citizens", "bot"], help="量哪几组句子")
    parser.add_argument("--law", choices=LAWS, default="alaw")
    parser.add_argument("--noise", choices=NOISES, default="")
    parser.add_argument("--snr", type=float, default=20.0, help="信噪比，dB")
    parser.add_argument("--rate", type=int, default=0, help="语速，每分钟词数；0 为各句自己的")
    parser.add_argument("--loss", type=float, default=0.0, help="丢包的比例，0 到 1")
    parser.add_argument("--table", action="store_true", help="另把市民的句子在各种语速、噪声、编码下各量一遍（几分钟）")
    parser.add_argument("--every", type=int, default=1, help="表里每几句取一句")
    parser.add_argument("--json", action="store_true", help="只输出一个 JSON 文档")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    arguments = _arguments(given)
    condition = Condition(arguments.law, arguments.noise, arguments.snr, arguments.rate, arguments.loss)
    reports = {name: evaluate(arguments.model, read_sentences(name), condition) for name in arguments.list}
    rows = table(arguments.model, read_sentences("citizens")[:: arguments.every]) if arguments.table else []
    if arguments.json:
        document: dict[str, object] = {"model": arguments.model.name, "condition": asdict(condition)}
        document |= {name: asdict(report) for name, report in reports.items()}
        document["table"] = [
            asdict(row) | {"cer": report.cer, "syllable_errors": report.syllable_errors} for row, report in rows
        ]
        json.dump(document, sys.stdout, ensure_ascii=False)
        print()
        return 0
    for name, report in reports.items():
        _print(name, report)
    for row, report in rows:
        print(f"{report.cer:6.1%}  音节 {report.syllable_errors:6.1%}  {_named(row)}")
    print(f"内存峰值 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
