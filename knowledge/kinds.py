"""Terms as numbers in compressed rows: which ways of asking hold a term, and which entries.

One :class:`Kind` each for words, characters, character pairs and sounds. Keys are 64-bit; a term's number is the place of
its key among the sorted keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from knowledge.text import sound_of

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

KINDS: Final = ("words", "chars", "grams", "sounds")
"""The kinds of terms of a way of asking; an answer has ``body`` (character pairs) besides."""
_WAY_BITS: Final = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Kind:
    """``keys`` sorted; ``terms[starts[w]:starts[w+1]]``: the terms of way ``w``; ``entries[of[t]:of[t+1]]``: who has ``t``."""

    keys: Keys
    starts: Offsets
    terms: Numbers
    of: Offsets
    entries: Numbers

    def number(self, keys: Keys) -> Numbers:
        """The terms' numbers; -1 where no way holds a key."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int32)
        places = np.minimum(self.keys.searchsorted(keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1).astype(np.int32)

    def counts(self) -> Numbers:
        """In how many entries each term stands."""
        return np.diff(self.of).astype(np.int32)


@lru_cache(maxsize=200_000)
def word_key(word: str) -> int:
    """64 bits for a word."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little")


def distinct(keys: Keys) -> Keys:
    """The keys sorted, each once: ``np.unique``, which takes a table for it and is many times slower with millions."""
    held = np.sort(keys)
    return held[np.concatenate(([True], held[1:] != held[:-1]))] if len(held) else held


def code_points(text: str) -> Keys:
    """The characters as numbers."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)


def pair_keys(items: Keys, lengths: Offsets) -> tuple[Keys, Offsets]:
    """Keys of neighbouring items within each text, and in which text each is; a text of one item is its own pair.

    ``items``: those of all texts, one after the other; ``lengths``: how many each text has.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    following = np.zeros(len(items), np.uint64)
    following[:-1] = items[1:]
    last = np.zeros(len(items), bool)
    last[np.cumsum(lengths)[lengths > 0] - 1] = True
    alone = np.repeat(lengths == 1, lengths)
    following[last] = 0
    kept = ~last | alone
    return (items[kept] << _WAY_BITS) | following[kept], owner[kept]


def sound_numbers(text_points: Keys) -> Keys:
    """The syllable of each character as a number."""
    distinct, back = np.unique(text_points, return_inverse=True)
    numbers = np.fromiter((_sound_number(int(point)) for point in distinct), np.uint64, len(distinct))
    return np.asarray(numbers[back], np.uint64)


@lru_cache(maxsize=100_000)
def _sound_number(point: int) -> int:
    return int.from_bytes(blake2b(sound_of(chr(point)).encode(), digest_size=4).digest(), "little")


def keys_of(kind: str, words: Sequence[str], plain: str) -> Keys:
    """The distinct keys of one text in one kind, ``words`` and ``plain`` as :func:`knowledge.text.analyse` has them."""
    if kind == "words":
        return _sorted({word_key(word) for word in words})
    points = [ord(character) for character in plain]
    if kind == "chars":
        return _sorted(set(points))
    items = [_sound_number(point) for point in points] if kind == "sounds" else points
    pairs = {(first << 32) | second for first, second in pairwise(items)}
    return _sorted(pairs or {item << 32 for item in items})


def _sorted(keys: set[int]) -> Keys:
    return np.array(sorted(keys), np.uint64)


def gathered(
    keys: Keys, ways: Offsets, way_count: int, entry_of: Numbers, entry_count: int, *, forward: bool = True
) -> Kind:
    """A kind of (key, way) pairs in any order; ``entry_of``: the entry of each way. Without ``forward`` no ``terms``."""
    known, numbers = np.unique(keys, return_inverse=True)
    terms, starts = np.zeros(0, np.int32), np.zeros(1, np.int64)
    if forward:
        pairs = distinct((ways.astype(np.uint64) << _WAY_BITS) | numbers.astype(np.uint64))
        terms = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int32)
        starts = _offsets(pairs >> _WAY_BITS, way_count)
    held = distinct((numbers.astype(np.uint64) << _WAY_BITS) | entry_of[ways].astype(np.uint64))
    return Kind(known, starts, terms, _offsets(held >> _WAY_BITS, len(known)), held.astype(np.uint32).astype(np.int32))


def _offsets(sorted_rows: Any, count: int) -> Offsets:
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(sorted_rows.astype(np.int64), minlength=count), out=offsets[1:])
    return offsets


def ranges(starts: Offsets, lengths: Offsets) -> Offsets:
    """``[s, s+1, … s+n-1]`` of each start and length, one after the other."""
    total = int(lengths.sum())
    if total == 0:
        return np.zeros(0, np.int64)
    begins = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.asarray(begins + np.arange(total), np.int64)
