"""The search index of the entries in force on one day: tantivy finds candidates, the terms beside it compare them.

An index lives in a folder named after what it was made from; it is opened when it is there and whole, else made anew.
"""

import hashlib
import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self

import tantivy
from structlog import get_logger

from knowledge.contract import Entry
from knowledge.text import Terms, analyse, lexicon_fingerprint, normalise, without_courtesy

log = get_logger("knowledge")

_FORMAT: Final = 1
"""Grows when terms or the index are made differently."""
_WRITER_BYTES: Final = 15_000_000
"""tantivy's smallest heap for one writing thread."""
_DOCUMENTS: Final = 90
"""How many ways of asking are fetched to find them."""
CANDIDATES: Final = 15
"""How many entries are compared closely."""
_BOOSTS: Final = {"words": 2.0, "grams": 1.0, "sounds": 0.6, "body": 0.4}
_TERMS_FILE: Final = "terms.json"


@dataclass(frozen=True, slots=True)
class Weighted:
    """The distinct terms of one kind in one text, the sum of their weights, and the length of their vector."""

    terms: frozenset[str]
    total: float
    length: float


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking: its words, character pairs and sounds."""

    words: Weighted
    grams: Weighted
    sounds: Weighted


@dataclass(frozen=True)
class Indexed:
    """An entry with its terms: the question first, then the other ways, and the words of the answer."""

    entry: Entry
    terms: tuple[Terms, ...]
    body: tuple[str, ...]

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of all ways of asking."""
        return frozenset(word for terms in self.terms for word in terms.words)

    @cached_property
    def grams(self) -> frozenset[str]:
        return frozenset(gram for terms in self.terms for gram in terms.grams)

    @cached_property
    def sounds(self) -> frozenset[str]:
        return frozenset(sound for terms in self.terms for sound in terms.sounds)

    @cached_property
    def word_counts(self) -> Counter[str]:
        """In how many ways of asking each word stands."""
        return Counter(word for terms in self.terms for word in terms.words)

    @cached_property
    def body_words(self) -> frozenset[str]:
        return frozenset(self.body)


class Weights:
    """How much each term of one kind tells: its inverse document frequency, an entry being a document (as in BM25)."""

    def __init__(self, documents: Sequence[frozenset[str]]) -> None:
        counts = Counter(term for document in documents for term in document)
        size = len(documents)
        self._weights = {term: math.log(1 + (size - count + 0.5) / (count + 0.5)) for term, count in counts.items()}
        self._unknown = math.log(1 + (size + 0.5) / 0.5)
        self._squares = {term: weight**2 for term, weight in self._weights.items()}

    def __contains__(self, term: str) -> bool:
        return term in self._weights

    def vector(self, terms: Iterable[str]) -> Weighted:
        """The known ones among ``terms``."""
        known = frozenset(term for term in terms if term in self._weights)
        return Weighted(
            known,
            sum(self._weights[term] for term in known),
            math.sqrt(sum(self._squares[term] for term in known)),
        )

    def likeness(self, one: Weighted, other: Weighted) -> float:
        """Cosine of two vectors, 0…1."""
        shared = one.terms & other.terms
        return sum(map(self._squares.__getitem__, shared)) / (one.length * other.length) if shared else 0.0

    def share(self, asked: Weighted, held: frozenset[str]) -> float:
        """Of the weight of ``asked`` how much is also in ``held``, 0…1."""
        shared = asked.terms & held
        return sum(map(self._weights.__getitem__, shared)) / asked.total if shared else 0.0

    def unknown_share(self, terms: Sequence[str]) -> float:
        """Of the weight of ``terms`` how much no entry has, 0…1; all of nothing is unknown."""
        unknown = self._unknown * sum(term not in self._weights for term in terms)
        total = unknown + sum(self._weights.get(term, 0.0) for term in terms)
        return unknown / total if total else 1.0


class Frequencies:
    """How often each word is asked, over all entries and in one of them."""

    _OWN: Final = 0.3
    """How much of what is asked is taken to be in the entry's own words, the rest being anybody's (Jelinek-Mercer)."""

    def __init__(self, indexed: Sequence[Indexed]) -> None:
        totals: Counter[str] = Counter()
        for item in indexed:
            totals.update(item.word_counts)
        everything = totals.total()
        self._share = {word: count / everything for word, count in totals.items()}

    def evidence(self, asked: Iterable[str], item: Indexed) -> float:
        """Log of how much likelier ``asked`` is from one who means ``item`` than from anybody (smoothed, ≥ 0)."""
        counts = item.word_counts
        odds = self._OWN / (1 - self._OWN) / max(1, counts.total())
        return sum(math.log1p(odds * counts[word] / self._share[word]) for word in asked if word in counts)


class Index:
    """A searchable set of entries. ``folder``: where it lives; ``None``: in memory."""

    def __init__(self, indexed: Sequence[Indexed], engine: tantivy.Index) -> None:
        self.indexed: Final = tuple(indexed)
        self._engine = engine
        self._searcher = engine.searcher()
        self.words: Final = Weights([item.words for item in self.indexed])
        self.grams: Final = Weights([item.grams for item in self.indexed])
        self.sounds: Final = Weights([item.sounds for item in self.indexed])
        self.frequencies: Final = Frequencies(self.indexed)
        self._as_written = _one_entry_each(self.indexed)
        self.ways: Final = tuple(
            tuple(
                Way(self.words.vector(terms.words), self.grams.vector(terms.grams), self.sounds.vector(terms.sounds))
                for terms in item.terms
            )
            for item in self.indexed
        )

    def asked_as_written(self, question: str) -> int | None:
        """The position of the entry that has ``question`` among its ways of asking, courtesy aside; only if one has."""
        return self._as_written.get(without_courtesy(normalise(question)))

    @classmethod
    def in_memory(cls, entries: Iterable[Entry]) -> Self:
        """An index that is written nowhere."""
        indexed = [_analysed(entry) for entry in entries]
        return cls(indexed, _write(indexed, None))

    @classmethod
    def open(cls, root: Path, entries: Sequence[Entry]) -> Self:
        """The index of ``entries`` under ``root``: the one that is there, or a new one in its place."""
        folder = root / fingerprint(entries)
        if folder.is_dir():
            try:
                return cls._load(folder, entries)
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("index_unusable", reason=type(error).__name__)
        return cls._build(folder, entries)

    def candidates(self, terms: Terms) -> tuple[int, ...]:
        """Positions in ``indexed`` of the entries most worth comparing with a question, best first (BM25)."""
        clauses = [
            (tantivy.Occur.Should, _term(field, term))
            for field, known, terms_of_kind in (
                ("words", self.words, terms.words),
                ("grams", self.grams, terms.grams),
                ("sounds", self.sounds, terms.sounds),
            )
            for term in terms_of_kind
            if term in known
        ]
        clauses += [(tantivy.Occur.Should, _term("body", word)) for word in terms.words]
        if not clauses:
            return ()
        hits = self._searcher.search(tantivy.Query.boolean_query(clauses), _DOCUMENTS, count=False).hits
        found = dict.fromkeys(self._searcher.doc(address)["position"][0] for _, address in hits)
        return tuple(found)[:CANDIDATES]

    @classmethod
    def _load(cls, folder: Path, entries: Sequence[Entry]) -> Self:
        stored = json.loads((folder / _TERMS_FILE).read_text(encoding="utf-8"))
        if len(stored) != len(entries):
            raise ValueError("the terms are not those of the entries")
        indexed = [_restored(entry, item) for entry, item in zip(entries, stored, strict=True)]
        index = cls(indexed, tantivy.Index.open(str(folder)))
        if index._searcher.num_docs != _count(indexed):
            raise ValueError("the index does not hold all entries")
        return index

    @classmethod
    def _build(cls, folder: Path, entries: Sequence[Entry]) -> Self:
        """Made in a folder of its own and moved into place whole, so that no process ever opens half of one."""
        indexed = [_analysed(entry) for entry in entries]
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix="making-", dir=folder.parent))
        _write(indexed, made)
        terms = [{"ways": [asdict(way) for way in item.terms], "body": item.body} for item in indexed]
        (made / _TERMS_FILE).write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)
        try:
            made.rename(folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            return cls._load(folder, entries)
        log.info("index_built", entries=len(indexed))
        return cls(indexed, tantivy.Index.open(str(folder)))


def fingerprint(entries: Iterable[Entry]) -> str:
    """Changes whenever an index of ``entries`` would."""
    digest = hashlib.sha256(f"{_FORMAT} {version('tantivy')} {lexicon_fingerprint()}".encode())
    for entry in entries:
        digest.update(json.dumps([entry.id, entry.version, entry.question, entry.similar, entry.answer]).encode())
    return digest.hexdigest()[:24]


def _one_entry_each(indexed: Iterable[Indexed]) -> dict[str, int]:
    """Way of asking → position, without those that several entries share."""
    found: dict[str, set[int]] = {}
    for position, item in enumerate(indexed):
        for way in (item.entry.question, *item.entry.similar):
            found.setdefault(without_courtesy(normalise(way)), set()).add(position)
    return {way: positions.pop() for way, positions in found.items() if len(positions) == 1}


def _analysed(entry: Entry) -> Indexed:
    ways = tuple(analyse(way) for way in (entry.question, *entry.similar))
    return Indexed(entry, ways, analyse(entry.answer).words)


def _restored(entry: Entry, stored: Mapping[str, list[object]]) -> Indexed:
    ways = tuple(
        Terms(**{kind: tuple(terms) for kind, terms in way.items()}) for way in stored["ways"] if isinstance(way, dict)
    )
    return Indexed(entry, ways, tuple(map(str, stored["body"])))


def _count(indexed: Iterable[Indexed]) -> int:
    return sum(len(item.terms) + 1 for item in indexed)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("position", stored=True)
    for field in _BOOSTS:
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


_SCHEMA: Final = _schema()


def _term(field: str, term: str) -> tantivy.Query:
    return tantivy.Query.boost_query(tantivy.Query.term_query(_SCHEMA, field, term), _BOOSTS[field])


def _write(indexed: Sequence[Indexed], folder: Path | None) -> tantivy.Index:
    engine = tantivy.Index(_SCHEMA, path=str(folder) if folder else None)
    writer = engine.writer(heap_size=_WRITER_BYTES, num_threads=1)
    for position, item in enumerate(indexed):
        for way in item.terms:
            document = tantivy.Document()
            document.add_unsigned("position", position)
            document.add_text("words", " ".join(way.words))
            document.add_text("grams", " ".join(way.grams))
            document.add_text("sounds", " ".join(way.sounds))
            writer.add_document(document)
        document = tantivy.Document()
        document.add_unsigned("position", position)
        document.add_text("body", " ".join(item.body))
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()
    engine.reload()
    return engine
