"""A missing outside program skips a test, and fails it where everything must run."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Need = Callable[[str, str], Path]


def test_what_is_there_is_found(need: Need) -> None:
    assert need(sys.executable, "").samefile(sys.executable)


def test_what_is_missing_skips_with_the_hint(need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTLINE_TEST_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="缺少 no-such-program：请安装"):
        need("no-such-program", "请安装")


def test_what_is_missing_fails_where_nothing_may_be_skipped(need: Need, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_TEST_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="请安装"):
        need("no-such-program", "请安装")
