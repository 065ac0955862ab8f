"""The index on disk: whole or made anew, through damage, changes and processes that die."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge import storage
from knowledge.base import Base
from knowledge.contract import Entry
from knowledge.index import Index

from .conftest import MakeForm


@pytest.fixture
def entries(make_form: MakeForm) -> list[Entry]:
    return [
        make_form("A-1", "身份证丢了怎么补", "补领身份证").entry(1),
        make_form("A-2", "驾驶证丢了怎么补", "驾照遗失").entry(1),
        make_form("A-3", "家里停水找谁", "水龙头没水").entry(1),
    ]


def folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir())


def found(index: Index, question: str) -> list[str]:
    return [index.entry(position).id for position in index.candidates(index.question(question)).tolist()]


def test_it_is_opened_again_and_answers_the_same(tmp_path: Path, entries: list[Entry]) -> None:
    built = Base(tmp_path).index(entries)
    before = folders(tmp_path)
    opened = Base(tmp_path).index(entries)
    assert folders(tmp_path) == before
    for question in ("身份证掉了", "停水", "驾照"):
        assert found(opened, question) == found(built, question)


@pytest.mark.parametrize("name", ["arrays.bin", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "first", "middle", "last", "empty", "gone"])
def test_a_damaged_index_is_made_anew(tmp_path: Path, entries: list[Entry], name: str, damage: str) -> None:
    Base(tmp_path).index(entries)
    file = folders(tmp_path)[0] / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage in {"cut", "empty"}:
        file.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    else:
        place = {"first": 0, "middle": len(content) // 2, "last": len(content) - 2}[damage]
        content[place] ^= 0x10
        file.write_bytes(content)
    assert found(Base(tmp_path).index(entries), "停水")[0] == "A-3"
    (folder,) = folders(tmp_path)
    assert storage.load(folder).size == 3


def test_a_change_stands_beside_what_is_on_disk(tmp_path: Path, entries: list[Entry], make_form: MakeForm) -> None:
    base = Base(tmp_path)
    base.index(entries)
    before = folders(tmp_path)
    changed = [*entries[:2], make_form("A-3", "家里停电找谁").entry(2), make_form("A-4", "飞艇怎么上牌").entry(1)]
    index = base.index(changed)
    assert folders(tmp_path) == before
    assert found(index, "停电")[0] == "A-3"
    assert found(index, "飞艇")[0] == "A-4"
    assert "A-3" not in found(index, "水龙头")
    assert index.size == 4
    assert found(base.index(entries), "水龙头")[0] == "A-3"


def test_many_changes_are_built_in_while_others_are_answered(tmp_path: Path, make_form: MakeForm) -> None:
    first = [make_form(f"A-{number}", f"第{number}件事怎么办").entry(1) for number in range(30)]
    base = Base(tmp_path)
    base.index(first)
    more = [*first, *(make_form(f"B-{number}", f"飞艇{number}号怎么上牌").entry(1) for number in range(50))]
    assert len(base.index(more).sides) == 2
    base.settle()
    (folder,) = folders(tmp_path)
    assert storage.load(folder).size == 80
    assert len(base.index(more).sides) == 1


def test_where_nothing_can_be_written_it_is_kept_in_memory(
    tmp_path: Path, entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("knowledge.storage._write", full)
    assert found(Base(tmp_path).index(entries), "停水")[0] == "A-3"
    assert folders(tmp_path) == []


def test_an_area_that_changes_is_the_new_one_at_once(tmp_path: Path, entries: list[Entry]) -> None:
    base = Base(tmp_path)
    base.index(entries)
    moved = [*entries[:2], replace(entries[2], version=2, area="赤坎区")]
    index = base.index(moved)
    assert [entry.area for _, entry in index.entries()] == ["", "", "赤坎区"]


_BUILDER = """
import json, sys, time
from datetime import date
from pathlib import Path
import knowledge.storage as storage
from knowledge.contract import Entry

entries = [
    Entry(str(n), 1, f"第{n}件事怎么办", (f"{n}号事项",), "到窗口办理。", "", "", "", "", date(2020, 1, 1), False)
    for n in range(200)
]
written = storage._write

def slowly(folder, part):
    written(folder, part)
    print("written", flush=True)
    time.sleep(60)

if sys.argv[2] == "late":
    storage._write = slowly
else:
    storage.make = lambda *_: (print("making", flush=True), time.sleep(60))
with storage.building(Path(sys.argv[1]), wait=True):
    storage.build(Path(sys.argv[1]), entries)
"""


@pytest.mark.parametrize("when", ["early", "late"])
def test_a_process_killed_while_it_builds_loses_nothing(tmp_path: Path, entries: list[Entry], when: str) -> None:
    Base(tmp_path).index(entries)
    process = subprocess.Popen([sys.executable, "-c", _BUILDER, str(tmp_path), when], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    half = [folder for folder in folders(tmp_path) if folder.name.startswith("making-")]
    assert half
    base = Base(tmp_path)
    assert found(base.index(entries), "停水")[0] == "A-3"
    os.utime(half[0], (time.time() - 86_400, time.time() - 86_400))
    storage.remove_unused(tmp_path, "")
    assert half[0] not in folders(tmp_path)
    with storage.building(tmp_path, wait=False) as mine:
        assert mine
        with storage.building(tmp_path, wait=False) as another:
            assert not another


def test_the_manifest_names_every_array(tmp_path: Path, entries: list[Entry]) -> None:
    folder, part = storage.build(tmp_path, entries)
    named = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["arrays"]
    assert {"digests", "first", "words.keys", "body.entries"} <= named.keys()
    assert part.size == len(entries)
