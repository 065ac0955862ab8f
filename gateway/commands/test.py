"""``./hotline test``: the whole suite. What it needs was installed before (:mod:`gateway.bootstrap`)."""

import os
import sys
from typing import Annotated, Final

import typer

from config.settings import ROOT

_WHOLE_SUITE: Final = (
    "-n",
    os.environ.get("HOTLINE_TEST_WORKERS", "2"),
    "--dist",
    "loadfile",
    "--max-worker-restart",
    "1",
)
"""Most of the suite waits for telephone calls in real time: two files at once take 11 minutes instead of 22 on 2 cores.
A file's tests stay in one process, because they share the instance that it started."""


def test(arguments: Annotated[list[str] | None, typer.Argument(help="交给 pytest 的参数")] = None) -> None:
    """Hand over to pytest; options for it go after ``--``."""
    os.chdir(ROOT)
    given = arguments or _WHOLE_SUITE
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *given])  # noqa: S606 # our own environment's pytest
