"""``python -m benchmarks.measure_confusions [--write]``: how the shipped recogniser mishears, measured by speaking to it.

Sentences that neither trained the recogniser nor are asked in any evaluation are said by espeak-ng voices that the recogniser
was not trained on, at several rates and pitches, quietly and amid noise, through 8 kHz and A-law; what is heard is aligned with what
was said. ``--write`` puts the counts, and the model of errors fitted to them, where :mod:`benchmarks.recognition_errors` finds them.
"""

import argparse
import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

from asr_models.evaluate_demo import SHIPPED, Condition, Sentence, evaluate, read_sentences
from asr_models.measure import spoken
from benchmarks.recognition_errors import CONFUSIONS, Confusions, Spoiler, position
from benchmarks.sound_alignment import Kind, Pair, align, kind

SENTENCES: Final = Path(__file__).parent / "data" / "recognition_sentences.txt"
VOICES: Final = ("Andrea", "Diogo", "belinda", "f4", "klatt3", "m7", "quincy", "steph3")
"""Variants that the demonstration model was not trained on (those of ``asr_models/eval/sentences.tsv``)."""
_RATES: Final = (140, 160, 175, 190, 205)
_PITCHES: Final = (30, 40, 50, 60, 70)
CONDITIONS: Final = (
    Condition(),
    Condition(noise="street", snr_db=15),
    Condition(noise="babble", snr_db=15),
    Condition(noise="white", snr_db=20, loss=0.01),
)
_STAYS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
_SHAPES: Final = (0.25, 0.4, 0.6, 0.8, 1.2, 2.0, 4.0)
_FIT_ROUNDS: Final = 3
_KIND_ROUNDS: Final = 4
_LENGTHS: Final = {11: "1-11", 15: "12-15", 19: "16-19", 10_000: "20-"}
"""Characters of a sentence, at most: what the group is called."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over aligned sentences; ``after_wrong``: characters that follow a wrong one, and how many of them are wrong."""

    said: int
    replaced: int
    left_out: int
    put_in: int
    kinds: Counter[Kind]
    spoiled: int
    sentences: int
    after_wrong: tuple[int, int]

    @property
    def rate(self) -> float:
        """Character error rate."""
        return (self.replaced + self.left_out + self.put_in) / self.said

    @property
    def spoiled_share(self) -> float:
        """Of the sentences how many have an error."""
        return self.spoiled / self.sentences

    @property
    def stay(self) -> float:
        """Chance that the character after a wrong one is wrong."""
        return self.after_wrong[1] / max(1, self.after_wrong[0])


def tally(aligned: Sequence[Sequence[Pair]]) -> Tally:
    """Count ``aligned``, one alignment a sentence."""
    steps = [step for one in aligned for step in one]
    replaced = [step for step in steps if step.wrong and step.said and step.heard]
    following = [
        after.wrong
        for one in aligned
        for before, after in pairwise([step for step in one if step.said])
        if before.wrong
    ]
    return Tally(
        said=sum(bool(step.said) for step in steps),
        replaced=len(replaced),
        left_out=sum(not step.heard for step in steps),
        put_in=sum(not step.said for step in steps),
        kinds=Counter(kind(step.said, step.heard) for step in replaced),
        spoiled=sum(any(step.wrong for step in one) for one in aligned),
        sentences=len(aligned),
        after_wrong=(len(following), sum(following)),
    )


def plain(text: str) -> str:
    """As it is said, without punctuation."""
    return "".join(character for character in spoken(text) if character.isalnum())


def sentences() -> list[str]:
    """What is spoken: this benchmark's own sentences and the citizens' of the recogniser's evaluation."""
    own = [line for line in SENTENCES.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return list(dict.fromkeys([*own, *(one.text for one in read_sentences("citizens", "development"))]))


def voiced(texts: Sequence[str], turn: int) -> list[Sentence]:
    """Each sentence with a voice, rate and pitch; another ``turn`` gives others."""
    return [
        Sentence(
            text,
            VOICES[(number + 3 * turn) % len(VOICES)],
            _RATES[(number + turn) % len(_RATES)],
            _PITCHES[(number // len(_RATES) + turn) % len(_PITCHES)],
        )
        for number, text in enumerate(texts)
    ]


def model_hash(folder: Path) -> str:
    """SHA-256 over the names and bytes of all files of the model."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        digest.update(file.read_bytes())
    return digest.hexdigest()


def measure() -> list[tuple[Condition, list[tuple[str, str]]]]:
    """(said, heard) of every sentence in every condition."""
    texts = sentences()
    with ProcessPoolExecutor(2) as processes:
        reports = list(
            processes.map(
                evaluate,
                [SHIPPED] * len(CONDITIONS),
                [voiced(texts, turn) for turn in range(len(CONDITIONS))],
                CONDITIONS,
            )
        )
    return [
        (condition, [(plain(one.text), plain(one.heard)) for one in report.heard])
        for condition, report in zip(CONDITIONS, reports, strict=True)
    ]


def document(heard: list[tuple[Condition, list[tuple[str, str]]]]) -> dict[str, Any]:
    """The frozen document: where it comes from, what was counted, and the model of errors."""
    by_condition = {_name(condition): [align(*one) for one in pairs] for condition, pairs in heard}
    aligned = [one for some in by_condition.values() for one in some]
    counted = tally(aligned)
    rates = {name: round(tally(some).rate, 5) for name, some in by_condition.items()}
    said = dict.fromkeys(text for _, pairs in heard for text, _ in pairs)
    return {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "recogniser": SHIPPED.name,
        "recogniser_sha256": model_hash(SHIPPED),
        "utterances": len(aligned),
        "characters": counted.said,
        "cer": round(counted.rate, 5),
        "replaced": counted.replaced,
        "left_out": counted.left_out,
        "put_in": counted.put_in,
        "spoiled_sentences": round(counted.spoiled_share, 4),
        "wrong_after_wrong": round(counted.stay, 4),
        "kinds": kind_shares(counted),
        "cer_by_condition": rates,
        "cer_by_length": _by_length(aligned),
        "model_of_errors": fitted(counted, model_of_errors(counted, aligned, rates[_name(CONDITIONS[0])]), list(said)),
    }


def kind_shares(counted: Tally) -> dict[str, float]:
    """Of the replacements how many are of each kind."""
    return {one.value: round(counted.kinds[one] / max(1, counted.replaced), 4) for one in Kind}


def model_of_errors(counted: Tally, aligned: Sequence[Sequence[Pair]], quiet: float) -> dict[str, Any]:
    """All of the model that is counted; ``quiet``: the error rate on a line without noise, which is the default one."""
    wrong = counted.replaced + counted.left_out + counted.put_in
    steps = [step for one in aligned for step in one]
    pairs: dict[str, Counter[str]] = {}
    for step in steps:
        if step.wrong and step.said and step.heard:
            pairs.setdefault(step.said, Counter())[step.heard] += 1
    return {
        "rate": quiet,
        "left_out": round(counted.left_out / wrong, 4),
        "put_in": round(counted.put_in / wrong, 4),
        "kinds": kind_shares(counted),
        "pairs": {said: dict(heard.most_common()) for said, heard in sorted(pairs.items())},
        "insertions": dict(Counter(step.heard for step in steps if not step.said).most_common()),
        "positions": _by_position(aligned),
        "characters": _characters(SHIPPED / "graph" / "words.txt"),
        "stay": 0.3,
        "shape": 1.0,
    }


def fitted(counted: Tally, model: dict[str, Any], said: Sequence[str]) -> dict[str, Any]:
    """``model`` so that spoiling ``said`` at the measured rate gives the measured kinds and gathers errors as was measured.

    Kinds are weighed, since not every character has others of every kind.
    """
    for _ in range(_KIND_ROUNDS):
        made = kind_shares(spoiled(Confusions.of(model), said, _FIT_ROUNDS, counted.rate))
        wanted = kind_shares(counted)
        weights = {name: model["kinds"][name] * wanted[name] / max(made[name], 0.001) for name in wanted}
        model = model | {"kinds": {name: round(one / sum(weights.values()), 4) for name, one in weights.items()}}
    first = Confusions.of(model)
    choices = [replace(first, stay=stay, shape=shape) for stay, shape in product(_STAYS, _SHAPES)]
    best = min(choices, key=lambda one: _distance(counted, spoiled(one, said, _FIT_ROUNDS, counted.rate)))
    return model | {"stay": best.stay, "shape": best.shape}


def spoiled(confusions: Confusions, texts: Iterable[str], rounds: int, rate: float | None = None) -> Tally:
    """What the simulator does to ``texts``, ``rounds`` times over, counted as the recogniser's errors are."""
    spoiler, rng = Spoiler(confusions), random.Random(12345)
    return tally([align(text, spoiler.spoil(text, rng, rate)) for text in texts for _ in range(rounds)])


def _distance(one: Tally, other: Tally) -> float:
    return (one.spoiled_share - other.spoiled_share) ** 2 + (one.stay - other.stay) ** 2


def _by_position(aligned: Iterable[Sequence[Pair]]) -> dict[str, float]:
    """How much likelier than elsewhere a character is wrong at the start, inside and at the end."""
    places: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for one in aligned:
        said = [step for step in one if step.said]
        for step in said:
            places[position(step.at, len(said))] += 1
            wrong[position(step.at, len(said))] += step.wrong
    mean = wrong.total() / places.total()
    return {name: round(wrong[name] / places[name] / mean, 3) for name in ("first", "middle", "last")}


def _by_length(aligned: Iterable[Sequence[Pair]]) -> dict[str, float]:
    groups: dict[str, list[Sequence[Pair]]] = {}
    for one in aligned:
        length = sum(bool(step.said) for step in one)
        name = next(name for most, name in _LENGTHS.items() if length <= most)
        groups.setdefault(name, []).append(one)
    return {name: round(tally(groups[name]).rate, 5) for name in _LENGTHS.values() if name in groups}


def _characters(words: Path) -> dict[str, int]:
    """The characters that the recogniser can write, with the number of its words that have them."""
    counts: Counter[str] = Counter()
    for line in words.read_text(encoding="utf-8").splitlines():
        counts.update({one for one in line.split()[0] if "\u3400" <= one <= "\u9fff"})
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _name(condition: Condition) -> str:
    noise = f"{condition.noise} {condition.snr_db:g} dB" if condition.noise else "quiet"
    return f"{noise}, {condition.loss:.0%} lost" if condition.loss else noise


def main() -> int:
    """Measure, show, and write when asked to."""
    parser = argparse.ArgumentParser(description="量自带的识别模型怎样听错（几分钟）")
    parser.add_argument("--write", action="store_true", help=f"写进 {CONFUSIONS.name}")
    arguments = parser.parse_args()
    made = document(measure())
    if arguments.write:
        CONFUSIONS.write_text(written(made), encoding="utf-8")
    shown = {name: value for name, value in made.items() if name != "model_of_errors"}
    json.dump(shown, sys.stdout, ensure_ascii=False, indent=1)
    print()
    return 0


def written(made: dict[str, Any]) -> str:
    """As JSON, one field a line."""
    model = made["model_of_errors"]
    outer = {name: value for name, value in made.items() if name != "model_of_errors"}
    lines = [f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in outer.items()]
    inner = [f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in model.items()]
    return "{\n" + ",\n".join([*lines, ' "model_of_errors": {\n' + ",\n".join(inner) + "\n }"]) + "\n}\n"


if __name__ == "__main__":
    raise SystemExit(main())
