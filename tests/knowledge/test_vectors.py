from pathlib import Path

import numpy as np
import pytest

from knowledge.vectors import VectorStore

_SIZE = 4


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def rows(*numbers: int) -> np.ndarray:
    return np.array([[number, number / 2, 0, 1] for number in numbers], np.float32)


def test_what_is_added_is_found_by_key_and_the_rest_is_told_apart(tmp_path: Path) -> None:
    store = VectorStore([tmp_path], _SIZE)
    store.add(keys(9, 3), rows(9, 3))
    found, known = store.rows(keys(3, 4, 9))
    assert known.tolist() == [True, False, True]
    assert found.tolist() == [rows(3)[0].tolist(), [0, 0, 0, 0], rows(9)[0].tolist()]


def test_another_process_finds_what_was_written_before_and_since(tmp_path: Path) -> None:
    one = VectorStore([tmp_path], _SIZE)
    one.add(keys(1), rows(1))
    other = VectorStore([tmp_path], _SIZE)
    assert other.rows(keys(1))[1].all()
    assert not other.refresh()
    one.add(keys(2), rows(2))
    assert other.refresh()
    assert other.rows(keys(1, 2))[1].all()


def test_folders_that_are_only_read_are_read_and_never_written(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    VectorStore([shipped], _SIZE).add(keys(1), rows(1))
    before = sorted(shipped.iterdir())
    store = VectorStore([tmp_path / "own", shipped], _SIZE)
    store.add(keys(2), rows(2))
    assert store.rows(keys(1, 2))[1].all()
    assert sorted(shipped.iterdir()) == before


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "other"])
def test_a_damaged_file_is_passed_over_and_can_be_made_again(tmp_path: Path, damage: str) -> None:
    VectorStore([tmp_path], _SIZE).add(keys(1), rows(1))
    (file,) = tmp_path.glob("*.vec")
    raw = file.read_bytes()
    changed = {
        "cut": raw[:-3],
        "flipped": raw[:-1] + bytes([raw[-1] ^ 1]),
        "emptied": b"",
        "other": b"not vectors at all",
    }
    file.write_bytes(changed[damage])
    store = VectorStore([tmp_path], _SIZE)
    assert len(store) == 0
    store.add(keys(1), rows(1))
    assert VectorStore([tmp_path], _SIZE).rows(keys(1))[1].all()


def test_many_files_become_one_and_nothing_is_lost(tmp_path: Path) -> None:
    store, reader = VectorStore([tmp_path], _SIZE), VectorStore([tmp_path], _SIZE)
    for number in range(40):
        store.add(keys(number), rows(number))
    assert len(list(tmp_path.glob("*.vec"))) < 20
    every = keys(*range(40))
    assert store.rows(every)[1].all()
    reader.refresh()
    assert reader.rows(every)[1].all()
    found, known = VectorStore([tmp_path], _SIZE).rows(every)
    assert known.all()
    assert found[:, 0].tolist() == list(range(40))


def test_rewriting_leaves_only_what_is_wanted(tmp_path: Path) -> None:
    store = VectorStore([tmp_path], _SIZE)
    store.add(keys(1, 2), rows(1, 2))
    store.add(keys(3), rows(3))
    store.rewrite(keys(1, 3, 5))
    fresh = VectorStore([tmp_path], _SIZE)
    assert fresh.rows(keys(1, 2, 3, 5))[1].tolist() == [True, False, True, False]
    assert len(list(tmp_path.glob("*.vec"))) == 1


def test_where_nothing_can_be_written_it_is_kept_in_memory(tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("no folder")
    for store in (VectorStore([file / "below"], _SIZE), VectorStore([], _SIZE)):
        store.add(keys(1), rows(1))
        assert store.rows(keys(1))[1].all()


def test_what_one_learned_from_another_it_does_not_write(tmp_path: Path) -> None:
    store = VectorStore([tmp_path], _SIZE)
    store.add(keys(1), rows(1))
    scratch = VectorStore([], _SIZE)
    scratch.learn(store)
    scratch.add(keys(2), rows(2))
    assert scratch.rows(keys(1, 2))[1].all()
    assert store.rows(keys(1, 2))[1].tolist() == [True, False]
    assert len(list(tmp_path.iterdir())) == 1
