"""A set of entries as arrays, made in one go and never changed: what is on disk, or what was changed since.

Nothing in it grows with Python objects: 100,000 entries are a few large arrays, read from disk as they are needed.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from typing import Final

import numpy as np

from knowledge.contract import Entry
from knowledge.details import Details, details_of, written_details
from knowledge.kinds import (
    KINDS,
    Keys,
    Kind,
    Numbers,
    Offsets,
    code_points,
    distinct,
    gathered,
    pair_keys,
    sound_numbers,
    word_key,
)
from knowledge.strings import Strings, packed
from knowledge.text import normalise, telling_words, without_courtesy

Text = tuple[str, tuple[str, ...]]
"""A way of asking: normalised without courtesy, and its words."""
_BODY: Final = 600
"""Characters of an answer that are searched."""
_MANY: Final = 4000
"""From so many entries on two processes cut the words."""
_CHUNK: Final = 1000
_BODY_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Read:
    """What is taken from the text of an entry: its ways, the normalised answer, the numbers and places in its ways."""

    ways: tuple[Text, ...]
    body: str
    details: str


@dataclass(frozen=True, slots=True)
class Part:
    """``digests``: of each entry's content; ``first[e]:first[e+1]``: its ways, its own question first.

    ``written``: the keys of all ways as they are written, sorted, and ``writers`` the entry of each. ``bodies``: the
    normalised answers; ``details``: the numbers and places of each entry (:func:`knowledge.details.written_details`).
    """

    digests: Keys
    first: Offsets
    kinds: dict[str, Kind]
    body: Kind
    written: Keys
    writers: Numbers
    bodies: Strings
    details: Strings

    @property
    def size(self) -> int:
        """How many entries it holds."""
        return len(self.digests)

    def places_of(self, wanted: Iterable[int]) -> dict[int, int]:
        """Where the entries with these digests are, of those that it holds."""
        places = np.flatnonzero(np.isin(self.digests, np.fromiter(wanted, np.uint64)))
        return dict(zip(self.digests[places].tolist(), places.tolist(), strict=True))

    def writers_of(self, plain: str) -> Numbers:
        """The entries that have this normalised text among their ways of asking."""
        key = np.uint64(word_key(plain))
        low, high = self.written.searchsorted(key), self.written.searchsorted(key, side="right")
        return np.unique(self.writers[low:high]) if low < high else self.writers[:0]


def digest(entry: Entry) -> int:
    """64 bits of what search uses of an entry."""
    content = "\x1f".join((entry.id, entry.question, *entry.similar, "\x1e", entry.answer))
    return int.from_bytes(blake2b(content.encode(), digest_size=8).digest(), "little")


def digests(entries: Iterable[Entry]) -> Keys:
    """One digest an entry."""
    return np.fromiter((digest(entry) for entry in entries), np.uint64)


def make(entries: Sequence[Entry], processes: int = 2) -> Part:
    """Analyse ``entries``; many of them in ``processes`` processes."""
    many = len(entries) >= _MANY and processes > 1
    return assembled(digests(entries), _parallel(entries, processes) if many else read(entries))


def read(entries: Iterable[Entry]) -> list[Read]:
    """Analyse the texts of ``entries``."""
    return [_read((entry.question, *entry.similar), entry.answer) for entry in entries]


def assembled(entry_digests: Keys, texts: Sequence[Read]) -> Part:
    """The part of entries that were analysed before."""
    counts = np.fromiter((len(one.ways) for one in texts), np.int64, len(texts))
    first = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    entry_of = np.repeat(np.arange(len(texts), dtype=np.int32), counts)
    ways = [way for one in texts for way in one.ways]
    written = np.fromiter((word_key(plain) for plain, _ in ways), np.uint64, len(ways))
    order = np.argsort(written, kind="stable")
    bodies = packed(one.body for one in texts)
    return Part(
        entry_digests,
        first,
        {kind: _kind(kind, ways, entry_of, len(texts)) for kind in KINDS},
        _body(bodies),
        written[order],
        entry_of[order],
        bodies,
        packed(one.details for one in texts),
    )


def _read(asked: Sequence[str], answer: str) -> Read:
    plain = [normalise(way) for way in asked]
    details = [details_of(way) for way in plain]
    both = Details(
        frozenset().union(*(one.quantities for one in details)), frozenset().union(*(one.places for one in details))
    )
    return Read(tuple(map(_text, plain)), normalise(answer, _BODY), written_details(both))


def _text(plain: str) -> Text:
    kept = without_courtesy(plain)
    return kept, telling_words(kept)


def _read_all(texts: Sequence[tuple[Sequence[str], str]]) -> list[Read]:
    return [_read(asked, answer) for asked, answer in texts]


def _parallel(entries: Sequence[Entry], processes: int) -> list[Read]:
    texts = [((entry.question, *entry.similar), entry.answer) for entry in entries]
    chunks = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [one for chunk in pool.map(_read_all, chunks) for one in chunk]


def _kind(kind: str, ways: Sequence[Text], entry_of: Numbers, entry_count: int) -> Kind:
    if kind == "words":
        lengths = np.fromiter((len(words) for _, words in ways), np.int64, len(ways))
        keys = np.fromiter((word_key(word) for _, words in ways for word in words), np.uint64, int(lengths.sum()))
        return gathered(keys, np.repeat(np.arange(len(ways)), lengths), len(ways), entry_of, entry_count)
    points, lengths = _points([plain for plain, _ in ways])
    if kind == "chars":
        return gathered(points, np.repeat(np.arange(len(ways)), lengths), len(ways), entry_of, entry_count)
    keys, owner = pair_keys(sound_numbers(points) if kind == "sounds" else points, lengths)
    return gathered(keys, owner, len(ways), entry_of, entry_count)


def _points(texts: Sequence[str]) -> tuple[Keys, Offsets]:
    lengths = np.fromiter((len(text) for text in texts), np.int64, len(texts))
    return code_points("".join(texts)), lengths


def _body(bodies: Strings) -> Kind:
    """The character pairs of the answers, by entry; sorted piece by piece, for there are hundreds of each."""
    pieces: list[Keys] = []
    owners: list[Numbers] = []
    for start in range(0, len(bodies), _BODY_CHUNK):
        starts = bodies.starts[start : start + _BODY_CHUNK + 1]
        points = bodies.units[starts[0] : starts[-1]].astype(np.uint64)
        keys, owner = pair_keys(points, np.diff(starts))
        narrow = (keys >> np.uint64(32)) << np.uint64(48) | ((keys & np.uint64(0xFFFF)) << np.uint64(32))
        pairs = distinct(np.asarray(narrow | (owner + start).astype(np.uint64), np.uint64))
        pieces.append((pairs >> np.uint64(32)).astype(np.uint64))
        owners.append(pairs.astype(np.uint32).astype(np.int32))
    if not pieces:
        return gathered(np.zeros(0, np.uint64), np.zeros(0, np.int64), 0, np.zeros(0, np.int32), 0, forward=False)
    keys, holders = np.concatenate(pieces), np.concatenate(owners)
    order = np.argsort(keys, kind="stable")
    keys, holders = keys[order], holders[order]
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.zeros(0, np.int64)
    whole = keys[begins]
    known = ((whole >> np.uint64(16)) << np.uint64(32)) | (whole & np.uint64(0xFFFF))
    return Kind(
        known,
        np.zeros(1, np.int64),
        np.zeros(0, np.int32),
        np.concatenate((begins, [len(keys)])).astype(np.int64),
        holders,
    )
