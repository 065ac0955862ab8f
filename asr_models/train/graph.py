"""The decoding graph: ``HCLr.fst`` (sounds → words, look-ahead) and ``Gr.fst`` (the language model), as Vosk composes them."""

import glob
import math
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from asr_models.train.kaldi import transition_ids
from asr_models.train.language import LanguageModel
from asr_models.train.phones import NO_WORDS, OUTPUTS, PHONE_IDS, POSITIONS, in_word

_HALF: Final = math.log(2)
_LOOKAHEAD: Final = "/usr/lib/*/libfstlookahead.so*"
_UNUSED_TRANSITION: Final = 1_000_000
"""Vosk wants the ids of disambiguation symbols; this graph has none."""

Arc = tuple[int, int, int, int, float]
Way = tuple[tuple[str, ...], float]
"""A pronunciation in phones, with its cost."""
PhonePath = tuple[tuple[str, int], ...]
UNKNOWN: Final = "[unk]"
"""The word of grammars for whatever is none of theirs: any run of sounds. The language model does not hold it."""
_UNKNOWN_SOUND: Final = 1.5
"""What each sound of ``UNKNOWN`` costs, lest it take the place of a grammar's own words."""
_NOISE_COST: Final = {"noise": 1.0}
"""What a pause costs by its sound, beyond its share."""


class GraphFailed(Exception):
    """OpenFst's programs are missing or failed; the message says how to get them."""


class _Sounds:
    """The transducer from transition ids to words, with silence between words where there is any.

    Words share their beginnings as a tree up to the sound that tells them from all others; there the word is put out, and from
    there on they share their endings.
    """

    _START, _BETWEEN, _PAUSE, _WORD_END, _QUIET = range(5)

    def __init__(self, words: Mapping[int, Sequence[Way]], unknown: int) -> None:
        self.arcs: list[Arc] = []
        self._ids = transition_ids()
        self._states = 5
        self._tree: dict[PhonePath, int] = {(): self._BETWEEN}
        self._endings: dict[PhonePath, int] = {}
        self._frame()
        ways = [(in_word(phones), word, cost) for word, all_ways in words.items() for phones, cost in all_ways]
        followers = Counter(tuple(path[:depth]) for path, _, _ in ways for depth in range(1, len(path) + 1))
        for path, word, cost in ways:
            self._add(tuple(path), word, cost, followers)
        self._add_unknown(unknown)

    def _frame(self) -> None:
        self.arcs.append((self._START, self._BETWEEN, 0, 0, _HALF))
        self.arcs.append((self._START, self._PAUSE, 0, 0, _HALF))
        for sound in NO_WORDS:
            last = self._phone(self._PAUSE, (sound, PHONE_IDS[sound]), _NOISE_COST.get(sound, 0.0))
            self.arcs.append((last, self._QUIET, 0, 0, 0.0))
        self.arcs.append((self._QUIET, self._BETWEEN, 0, 0, 0.1))
        self.arcs.append((self._QUIET, self._PAUSE, 0, 0, 2.3))
        self.arcs.append((self._WORD_END, self._BETWEEN, 0, 0, _HALF))
        self.arcs.append((self._WORD_END, self._PAUSE, 0, 0, _HALF))

    def _state(self) -> int:
        self._states += 1
        return self._states - 1

    def _go(self, phone: tuple[str, int], index: int = 0) -> int:
        return self._ids[(phone[1], index)][1]

    def _states_of(self, phone: tuple[str, int]) -> tuple[int, int]:
        """First and last state of one phone, each with its loop; the way in is not there yet."""
        first = last = self._state()
        for index in range(len(OUTPUTS[phone[0]])):
            if index:
                following = self._state()
                self.arcs.append((last, following, self._go(phone, index), 0, _HALF))
                last = following
            self.arcs.append((last, last, self._ids[(phone[1], index)][0], 0, _HALF))
        return first, last

    def _phone(self, source: int, phone: tuple[str, int], cost: float = 0.0) -> int:
        first, last = self._states_of(phone)
        self.arcs.append((source, first, self._go(phone), 0, cost + _HALF))
        return last

    def _ending(self, rest: PhonePath) -> int:
        """The first state of what is left of a word, shared by all words that end so."""
        if rest not in self._endings:
            first, last = self._states_of(rest[0])
            self._endings[rest] = first
            if len(rest) == 1:
                self.arcs.append((last, self._WORD_END, 0, 0, 0.0))
            else:
                self.arcs.append((last, self._ending(rest[1:]), self._go(rest[1]), 0, _HALF))
        return self._endings[rest]

    def _add(self, path: PhonePath, word: int, cost: float, followers: Counter[PhonePath]) -> None:
        depth = next((depth for depth in range(1, len(path)) if followers[path[:depth]] == 1), len(path))
        for known in range(1, depth + 1):
            if path[:known] not in self._tree:
                self._tree[path[:known]] = self._phone(self._tree[path[: known - 1]], path[known - 1])
        state, rest = self._tree[path[:depth]], path[depth:]
        if rest:
            self.arcs.append((state, self._ending(rest), self._go(rest[0]), word, cost + _HALF))
        else:
            self.arcs.append((state, self._WORD_END, 0, word, cost))

    def _add_unknown(self, word: int) -> None:
        """One sound alone, or a first one, any number of others and a last one."""
        within = self._state()
        for mark in POSITIONS:
            begins = mark in ("_B", "_S")
            for name, number in PHONE_IDS.items():
                if name.endswith(mark) and name not in NO_WORDS:
                    phone = (name.removesuffix(mark), number)
                    first, last = self._states_of(phone)
                    source = self._BETWEEN if begins else within
                    label = word if begins else 0
                    self.arcs.append((source, first, self._go(phone), label, _HALF + _UNKNOWN_SOUND))
                    target = self._WORD_END if mark in ("_E", "_S") else within
                    self.arcs.append((last, target, 0, 0, 0.0))


def _preload() -> str:
    found = sorted(glob.glob(_LOOKAHEAD))
    if not found or shutil.which("fstcompile") is None:
        raise GraphFailed("缺少 OpenFst 的命令：apt-get install libfst-tools")
    return found[0]


def _pipe(folder: Path, *commands: Sequence[str]) -> None:
    """Run OpenFst programs one after another, each on the last one's output."""
    environment = os.environ | {"LD_PRELOAD": _preload()}
    data = b""
    for command in commands:
        done = subprocess.run(command, input=data, capture_output=True, cwd=folder, env=environment, check=False)
        if done.returncode:
            raise GraphFailed(f"{command[0]} 失败：{done.stderr.decode(errors='replace').strip()}")
        data = done.stdout


def build_graph(folder: Path, pronunciations: Mapping[str, Sequence[Way]], model: LanguageModel) -> None:
    """Write ``graph/`` of the Vosk model in ``folder``: every word's phones with their costs, and the language model."""
    graph = folder / "graph"
    graph.mkdir(parents=True, exist_ok=True)
    word_ids = {word: number for number, word in enumerate([*pronunciations, UNKNOWN], 1)}
    sounds = _Sounds({word_ids[word]: ways for word, ways in pronunciations.items()}, word_ids[UNKNOWN])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        with (work / "sounds.txt").open("w", encoding="ascii") as sink:
            sink.writelines("{}\t{}\t{}\t{}\t{:.4f}\n".format(*arc) for arc in sounds.arcs)
            sink.write("1\n")
        with (work / "grammar.txt").open("w", encoding="ascii") as sink:
            model.write(sink, word_ids)
        _pipe(
            work,
            ("fstcompile", "sounds.txt"),
            ("fstarcsort", "--sort_type=olabel"),
            ("fstconvert", "--fst_type=olabel_lookahead", "--save_relabel_opairs=relabel", "-", "HCLr.fst"),
        )
        _pipe(
            work,
            ("fstcompile", "grammar.txt"),
            ("fstrelabel", "--relabel_ipairs=relabel", "--relabel_opairs=relabel"),
            ("fstarcsort", "--sort_type=ilabel"),
            ("fstconvert", "--fst_type=const", "-", "Gr.fst"),
        )
        relabelled = dict(
            tuple(map(int, line.split())) for line in (work / "relabel").read_text(encoding="ascii").splitlines()
        )
        for file in ("HCLr.fst", "Gr.fst"):
            shutil.copyfile(work / file, graph / file)
    table = sorted((relabelled[number], word) for word, number in word_ids.items())
    lines = ["<eps> 0", *(f"{word} {number}" for number, word in table)]
    (graph / "words.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (graph / "disambig_tid.int").write_text(f"{_UNUSED_TRANSITION}\n", encoding="ascii")
