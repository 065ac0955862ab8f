"""How each word is said, in toned syllables with costs: as the text has it, with tone sandhi, and a character's other readings."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from asr_models.phonetics import is_syllable, syllables, toned_readings, with_third_tone_sandhi

Reading = tuple[str, ...]
Readings = Mapping[str, Sequence[tuple[Reading, float]]]

_OTHER_READING: Final = 2.5
"""Cost of a character's readings that the text does not show."""
_BEFORE_A_THIRD: Final = 0.7
"""Cost of a last third tone that became a second because the next word begins with a third."""
_RAREST_SHARE: Final = 0.03
"""A word's reading that is rarer in the text than this is an accident of its neighbours."""


def _in_sentences(sentences: Iterable[Sequence[str]]) -> "dict[str, Counter[Reading]]":
    """How often the words of ``sentences`` are read in which way, each sentence read as a whole."""
    found: dict[str, Counter[Reading]] = defaultdict(Counter)
    for sentence in sentences:
        said = syllables("".join(sentence))
        if len(said) != sum(map(len, sentence)):
            continue
        at = 0
        for word in sentence:
            found[word][said[at : at + len(word)]] += 1
            at += len(word)
    return found


def _yi_and_bu(word: str, reading: Reading) -> Iterable[tuple[Reading, float]]:
    """``reading`` with 一 and 不 in the tones they take before others, where they stand in the word or at its end."""
    ways = [reading]
    for index, character in enumerate(word):
        if character not in "一不" or not reading[index].startswith(("yi", "bu")):
            continue
        last = index == len(word) - 1
        changed = "24" if last else ("2" if reading[index + 1].endswith("4") else "4")
        tones = dict.fromkeys([reading[index][-1], *(changed if character == "一" else changed.replace("4", ""))])
        ways = [(*way[:index], way[index][:-1] + tone, *way[index + 1 :]) for way in ways for tone in tones]
    return ((way, 0.0) for way in ways)


def _spoken(word: str, reading: Reading) -> Iterable[tuple[Reading, float]]:
    """The forms that ``reading`` takes in running speech, with what each adds to the cost."""
    for way, cost in _yi_and_bu(word, reading):
        within = with_third_tone_sandhi(way)
        yield within, cost
        if within[-1].endswith("3"):
            yield (*within[:-1], within[-1][:-1] + "2"), cost + _BEFORE_A_THIRD


def _basic(word: str, counted: Mapping[Reading, int]) -> dict[Reading, float]:
    """Readings without sandhi and their costs: those of the text by their share, then the others of a character."""
    usual = syllables(word)
    most = max(counted.values(), default=0)
    costs = {
        reading: -math.log(count / most) for reading, count in counted.items() if count >= max(2, _RAREST_SHARE * most)
    }
    if len(usual) == len(word):
        costs.setdefault(usual, 0.0 if not costs else 1.0)
    if len(word) == 1:
        for one in toned_readings(word):
            costs.setdefault((one,), _OTHER_READING)
    return {reading: cost for reading, cost in costs.items() if all(map(is_syllable, reading))}


def lexicon(words: Iterable[str], sentences: Iterable[Sequence[str]]) -> Readings:
    """Each of ``words`` with its readings and their costs, the likeliest first; words that cannot be read are left out.

    ``sentences``: cut into words; how words are read there decides between readings.
    """
    counted = _in_sentences(dict.fromkeys(map(tuple, sentences)))
    found: dict[str, list[tuple[Reading, float]]] = {}
    for word in words:
        costs: dict[Reading, float] = {}
        for basic, cost in _basic(word, counted.get(word, {})).items():
            for reading, added in _spoken(word, basic):
                costs[reading] = min(cost + added, costs.get(reading, math.inf))
        if costs:
            found[word] = sorted(costs.items(), key=lambda item: item[1])
    return found
