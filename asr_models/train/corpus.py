"""The text that the language model is made of: drawn from templates, read from the sample knowledge and the rulebooks.

No line shares six characters in a row with a sentence of ``asr_models/eval``, so that the evaluation is of unseen text.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Final

import jieba
import yaml

from asr_models.evaluate_demo import read_sentences
from asr_models.measure import spoken
from asr_models.phonetics import is_syllable, syllables
from asr_models.train.grammar import Grammar, read_slots, read_templates
from asr_models.train.places import MADE, place_names

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_TEXT: Final = Path(__file__).resolve().parent / "text"
RUN_LENGTH: Final = 6
_KNOWLEDGE_TIMES: Final = 6
"""How often the knowledge base's lines count: few lines, but what most calls are about."""
_SAYINGS_TIMES: Final = 20
"""How often each saying counts: there are few of them, and no template makes their like."""
_PLACE_SLOTS: Final = ("street", "community", "landmark", "office", "official_unit")
_LONGEST_WORD: Final = 6
_CHARACTERS: Final = 4500
"""So many of the commonest characters are words by themselves: whatever a word list lacks is heard character by character."""
_NOT_SPOKEN: Final = re.compile(r"[^一-鿿〇]+")
_SENTENCE: Final = re.compile(r"[。！？；\n]+")
_TELEPHONE_DIGITS: Final = re.compile("[零一二三四五六七八九]{3,}")


def runs(text: str) -> set[str]:
    """All runs of six characters of ``text``, punctuation left out."""
    plain = _NOT_SPOKEN.sub("", text)
    return {plain[start : start + RUN_LENGTH] for start in range(len(plain) - RUN_LENGTH + 1)}


def evaluation_runs() -> set[str]:
    """Runs of six characters that no line of the text may hold."""
    return {run for sentence in read_sentences() for run in runs(sentence.text)}


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _read_out(text: str) -> Iterator[str]:
    """``text`` in Chinese characters only, whole and sentence by sentence, telephone digits also with 幺."""
    said = spoken(text)
    for part in dict.fromkeys([said, *_SENTENCE.split(said)]):
        plain = _NOT_SPOKEN.sub("", part)
        if len(plain) < 2:
            continue
        yield plain
        telephone = _TELEPHONE_DIGITS.sub(lambda match: match[0].replace("一", "幺"), plain)
        if telephone != plain:
            yield telephone


def written_texts(root: Path = ROOT) -> tuple[list[str], list[str]]:
    """(knowledge, rules): lines of the sample knowledge base and of rulebooks and prompts, as far as they exist."""
    knowledge: list[str] = []
    rules: list[str] = []
    for file in sorted((root / "knowledge" / "sample").glob("**/*.yaml")):
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or []:
            asked = [entry.get("question", ""), *entry.get("similar", [])]
            for text in [*asked, *asked, entry.get("speech", ""), entry.get("speech", ""), entry.get("answer", "")]:
                knowledge += _read_out(text)
    for pattern in ("config/**/*.yaml", "dialog/bot/domain*.yml", "dialog/bot/domain/*.yml", "ivr/**/*.yaml"):
        for file in sorted(root.glob(pattern)):
            for text in _strings(yaml.safe_load(file.read_text(encoding="utf-8"))):
                rules += _read_out(text)
    return knowledge, rules


def drawn_sentences(count: int, seed: int) -> list[str]:
    """``count`` sentences from the templates, by the groups' weights; the same for the same seed."""
    draw = Random(seed)
    grammar = Grammar(read_slots(_TEXT / "slots.txt"), MADE, draw)
    groups = read_templates(_TEXT / "templates.txt")
    total = sum(group.weight for group in groups)
    return [
        _NOT_SPOKEN.sub("", grammar.sentence(draw.choice(group.templates)))
        for group in groups
        for _ in range(round(count * group.weight / total))
    ]


def short_answers() -> list[str]:
    """Whole utterances of a word or two, each as often as ``answers.txt`` says."""
    lines: list[str] = []
    for row in (_TEXT / "answers.txt").read_text(encoding="utf-8").splitlines():
        answer, colon, times = row.partition(":")
        if colon and not row.startswith("#"):
            lines += [answer] * int(times)
    return lines


def sayings() -> list[str]:
    """Sentences written out one by one, for what templates do not hold."""
    rows = (_TEXT / "sayings.txt").read_text(encoding="utf-8").splitlines()
    return [row.strip() for row in rows if row.strip() and not row.startswith("#")]


def build_text(count: int, seed: int) -> tuple[list[str], int]:
    """All lines of the text, and how many were left out because they share a run with the evaluation."""
    knowledge, rules = written_texts()
    forbidden = evaluation_runs()
    lines = [
        *drawn_sentences(count, seed),
        *knowledge * _KNOWLEDGE_TIMES,
        *rules,
        *short_answers(),
        *sayings() * _SAYINGS_TIMES,
    ]
    kept = [line for line in lines if line and not runs(line) & forbidden]
    return kept, len(lines) - len(kept)


class Vocabulary:
    """The words the recogniser knows: those of the text, places, and jieba's most frequent; single characters to fall back on."""

    def __init__(self, lines: Iterable[str], size: int) -> None:
        self._tokenizer = jieba.Tokenizer()
        self._tokenizer.initialize()
        slots = read_slots(_TEXT / "slots.txt")
        for name in place_names() | {value for slot in _PLACE_SLOTS for value in slots[slot] if "{" not in value}:
            if len(name) <= _LONGEST_WORD:
                self._tokenizer.add_word(name)
        self._frequency = {
            word: count
            for word, count in self._tokenizer.FREQ.items()
            if count and len(word) <= _LONGEST_WORD and not _NOT_SPOKEN.search(word)
        }
        self.sentences = [self._cut(line) for line in lines]
        self.words = self._chosen({word for sentence in self.sentences for word in sentence}, size)

    def _cut(self, line: str) -> tuple[str, ...]:
        cut: list[str] = []
        for word in self._tokenizer.cut(line, HMM=False):
            cut.extend([word] if len(word) <= _LONGEST_WORD else word)
        return tuple(cut)

    def _chosen(self, own: set[str], size: int) -> list[str]:
        chosen = dict.fromkeys(sorted(own | place_names()))
        frequent = sorted(self._frequency, key=lambda word: (-self._frequency[word], word))
        for word in [word for word in frequent if len(word) == 1][:_CHARACTERS]:
            chosen.setdefault(word, None)
        for word in frequent:
            if len(chosen) >= size:
                break
            chosen.setdefault(word, None)
        return [word for word in chosen if _readable(word)]

    def general_weights(self) -> dict[str, float]:
        """How common each word is in general; single characters count less, since they only fill gaps."""
        return {word: self._frequency.get(word, 1) ** 0.75 * (0.2 if len(word) == 1 else 1.0) for word in self.words}


def _readable(word: str) -> bool:
    said = syllables(word)
    return len(said) == len(word) and all(map(is_syllable, said))
