"""``./hotline test``: the whole suite. What it needs was installed before (:mod:`gateway.bootstrap`)."""

import os
import sys
from typing import Annotated

import typer

from config.settings import ROOT


def test(arguments: Annotated[list[str] | None, typer.Argument(help="交给 pytest 的参数")] = None) -> None:
    """Hand over to pytest; options for it go after ``--``."""
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *(arguments or [])])  # noqa: S606 # our own environment's pytest
