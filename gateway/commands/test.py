"""``./hotline test``: the whole suite. What it needs was installed before (:mod:`gateway.bootstrap`)."""

import os
import subprocess
import sys
from typing import Annotated, Final

import typer

from config.settings import ROOT

_BESIDE: Final = (
    *("-m", "not alone", "-n", os.environ.get("HOTLINE_TEST_WORKERS", "2")),
    *("--dist", "loadfile", "--max-worker-restart", "1"),
)
"""Most of the suite waits for telephone calls in real time: two files at once take 11 minutes instead of 22 on 2 cores.
A file's tests stay in one process, because they share the instance that it started."""
_ALONE: Final = ("-m", "alone")
"""What measures the service under its own load; other tests beside it would falsify it."""


def test(arguments: Annotated[list[str] | None, typer.Argument(help="交给 pytest 的参数")] = None) -> None:
    """Hand over to pytest; options for it go after ``--``. Without any, the whole suite runs in two passes."""
    os.chdir(ROOT)
    pytest = (sys.executable, "-m", "pytest")
    if arguments:
        os.execv(sys.executable, [*pytest, *arguments])  # noqa: S606 # our own environment's pytest
    codes = [subprocess.run([*pytest, *given], check=False).returncode for given in (_BESIDE, _ALONE)]
    raise typer.Exit(next((code for code in codes if code), 0))
