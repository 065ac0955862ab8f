"""The command line: it finds commands, explains itself, and keeps stdout clean under ``--json``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import COMMANDS, application, overview

NOT_PYTHON = {"doctor"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NOT_PYTHON))
def test_every_command_exists(name: str) -> None:
    assert application(name).registered_groups or application(name).registered_commands


def test_the_overview_names_every_command() -> None:
    assert all(name in overview() for name in COMMANDS)


def test_an_unknown_command_says_so_and_lists_them() -> None:
    result = run("frobnicate")
    assert result.returncode == 2
    assert "没有“frobnicate”这条命令" in result.stderr
    assert "./hotline up" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--json"),
        ("ticket", "list", "--json"),
        ("ticket", "show", "000", "--json"),
        ("restrict", "list", "--json"),
        ("incidents", "show", "--json"),
        ("kb", "search", "公积金怎么提取", "--json"),
        ("elements", "昨天晚上赤坎区海滨大道的工地一直施工", "--json"),
        ("asr", "info", "--json"),
        ("down", "--json"),
    ],
)
def test_json_commands_print_one_document_and_nothing_else(arguments: tuple[str, ...], tmp_path: Path) -> None:
    result = run(*arguments, "--data", str(tmp_path))
    assert json.loads(result.stdout) is not None, result.stderr
