"""A lock that one process holds at a time, and falls with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.files import alone

_HOLDER = """
import sys
from pathlib import Path
from store.files import alone
with alone(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_one_process_holds_it_at_a_time_and_it_falls_with_the_process(tmp_path: Path) -> None:
    lock = tmp_path / "below" / "a.lock"
    command = [sys.executable, "-c", _HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with alone(lock) as mine:
            assert not mine
        holder.kill()
        holder.wait()
    with alone(lock, wait=True) as mine, alone(lock) as second:
        assert mine
        assert not second
    with alone(lock) as mine:
        assert mine


def test_what_is_done_under_it_may_fail_and_frees_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"), alone(tmp_path / "a.lock"):
        raise ValueError("broken")
    with alone(tmp_path / "a.lock") as mine:
        assert mine


def test_where_it_cannot_be_made_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"), alone(tmp_path / "file" / "a.lock"):
        pass
