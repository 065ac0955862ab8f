"""How well the demonstration model hears unseen sentences, unseen voices, through A-law, without hints.

``python -m asr_models.evaluate_demo [--json] [--model FOLDER]``. The texts stand in ``eval/``: ``sentences.tsv`` is citizens' speech in
voices never trained on, ``bot.tsv`` the hotline's own way of answering in the bot's voice. Speech is made anew each time.
"""

import argparse
import csv
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from asr_models.espeak import VOICE, Espeak, espeak_text
from asr_models.measure import cer, errors, transcribe
from asr_models.phonetics import espeak_spelling, syllables, with_third_tone_sandhi
from asr_models.telephone import RATE, alaw_round_trip, to_8k

_HERE: Final = Path(__file__).resolve().parent
SHIPPED: Final = _HERE / "hotline-demo-zh"
LISTS: Final = {"citizens": _HERE / "eval" / "sentences.tsv", "bot": _HERE / "eval" / "bot.tsv"}
_LEVEL: Final = 2500.0
"""Root mean square of the speech on the int16 scale: −22 dBFS."""
_SILENCE: Final = np.zeros(RATE // 2)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, the espeak-ng variant that says it (empty: the plain voice), words a minute and pitch (0…99)."""

    text: str
    variant: str
    rate: int
    pitch: int


@dataclass(frozen=True, slots=True)
class Heard:
    """A sentence and what the model made of it."""

    text: str
    heard: str
    variant: str
    cer: float


@dataclass(frozen=True, slots=True)
class Report:
    """Character error rates; ``real_time_factor`` is recognition time over audio time on one core."""

    sentences: int
    cer: float
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


def say(sentences: list[Sentence]) -> Iterator[tuple[Sentence, bytes]]:
    """Each sentence as telephone speech (int16 mono 8 kHz after A-law), one process a voice."""
    for variant, group in groupby(sorted(sentences, key=lambda one: one.variant), key=lambda one: one.variant):
        with Espeak("loader", f"{VOICE}+{variant}" if variant else VOICE) as voice:
            for sentence in group:
                said = [espeak_spelling(one) for one in with_third_tone_sandhi(syllables(sentence.text))]
                spoken = voice.speak(espeak_text(said), sentence.rate, sentence.pitch)
                signal = to_8k(spoken.samples, spoken.rate)
                signal *= _LEVEL / (float(np.sqrt(np.mean(signal**2))) + 1e-9)
                line = alaw_round_trip(np.concatenate([_SILENCE, signal, _SILENCE]))
                yield sentence, line.astype("<i2").tobytes()


def evaluate(model_path: Path, sentences: list[Sentence]) -> Report:
    """Synthesise, recognise, compare."""
    from vosk import Model, SetLogLevel

    SetLogLevel(-1)
    model = Model(str(model_path))
    heard: list[Heard] = []
    counts: dict[str, list[int]] = {}
    audio_s = work_s = 0.0
    for sentence, pcm in say(sentences):
        started = time.process_time()
        text = transcribe(model, pcm, RATE)
        work_s += time.process_time() - started
        audio_s += len(pcm) / 2 / RATE
        heard.append(Heard(sentence.text, text, sentence.variant, cer(sentence.text, text)))
        wrong, length = errors(sentence.text, text)
        tally = counts.setdefault(sentence.variant or "plain", [0, 0])
        tally[0], tally[1] = tally[0] + wrong, tally[1] + length
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    return Report(
        len(sentences),
        total[0] / total[1],
        {voice: wrong / length for voice, (wrong, length) in counts.items()},
        work_s / audio_s,
        tuple(heard),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="演示模型在没见过的句子和声音上的字错率")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="Vosk 模型文件夹，默认为自带的演示模型")
    parser.add_argument("--json", action="store_true", help="只输出一个 JSON 文档")
    arguments = parser.parse_args()
    reports = {name: evaluate(arguments.model, read_sentences(name)) for name in LISTS}
    if arguments.json:
        document = {name: asdict(report) for name, report in reports.items()}
        json.dump({"model": arguments.model.name, **document}, sys.stdout, ensure_ascii=False)
        print()
        return 0
    for name, report in reports.items():
        for one in sorted(report.heard, key=lambda one: -one.cer):
            if one.cer:
                print(f"{one.cer:5.0%}  {one.variant or '默认':8} {one.text} → {one.heard}")
        print(f"{name}: {report.sentences} 句，字错率 {report.cer:.1%}，实时率 {report.real_time_factor:.3f}")
        print("  各声音：" + "，".join(f"{voice} {rate:.1%}" for voice, rate in sorted(report.by_voice.items())))
    print(f"内存峰值 {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
