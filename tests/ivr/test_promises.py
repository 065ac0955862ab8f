from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivr.promises import Promises
from ivr.protocol import CallbackRecorded
from store.vault import Vault

AT = datetime(2023, 4, 3, 2, 0, tzinfo=UTC)


def made(promises: Promises, call: str = "call-1") -> CallbackRecorded:
    return promises.record(call=call, number="13800000001", at=AT, promise="工作人员会尽快给您回电。")


def test_a_promise_survives_the_process_until_it_is_acknowledged(tmp_path: Path, vault: Vault) -> None:
    first = made(Promises(tmp_path / "promises", vault))
    again = Promises(tmp_path / "promises", vault)
    assert again.undelivered() == [first]
    again.acknowledged(first.id)
    assert again.undelivered() == []
    again.acknowledged(first.id)


def test_nothing_personal_lies_open_on_the_disk(tmp_path: Path, vault: Vault) -> None:
    made(Promises(tmp_path / "promises", vault))
    [file] = (tmp_path / "promises").iterdir()
    assert b"138" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_no_promises_yet(tmp_path: Path, vault: Vault) -> None:
    assert Promises(tmp_path / "promises", vault).undelivered() == []


@pytest.mark.parametrize("id", ["../../etc/passwd", "", "A" * 32])
def test_an_acknowledgement_names_nothing_but_promises(tmp_path: Path, vault: Vault, id: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        Promises(tmp_path, vault).acknowledged(id)
