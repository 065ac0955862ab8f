"""``./hotline bench NAME``: a benchmark from :mod:`benchmarks`."""

import sys
from importlib import import_module
from inspect import signature
from typing import Annotated, Any

import typer

from config.settings import ROOT
from gateway.commands.common import DataOption, JsonOption, fail, settings_for


def names() -> list[str]:
    """Every benchmark: the modules of ``benchmarks`` that have a ``run``."""
    return sorted(
        file.stem
        for file in (ROOT / "benchmarks").glob("*.py")
        if "\ndef run(" in file.read_text(encoding="utf-8") and file.stem != "__init__"
    )


def bench(
    name: Annotated[str, typer.Argument(metavar="名称")],
    data: DataOption = None,
    as_json: JsonOption = False,
    calls: Annotated[int | None, typer.Option("--calls", help="通话数")] = None,
    turns: Annotated[int | None, typer.Option("--turns", help="话轮数")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="持续的分钟数")] = None,
    until_break: Annotated[bool, typer.Option("--until-break", help="逐步加压，直到不达标")] = False,
    sample: Annotated[bool, typer.Option("--sample", help="kb：冻结的 600 个问题，另加识别错误")] = False,
    pairs: Annotated[str | None, typer.Option("--pairs", metavar="lcqmc|bq", help="kb：公开句对上的检索")] = None,
    size: Annotated[int | None, typer.Option("--size", help="kb：生成这么多条目，量速度和内存")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="kb：发布后多久通话和聊天答新内容")] = False,
    show: Annotated[bool, typer.Option("--show", help="kb --sample：在标准错误上列出没有直接答对的问题")] = False,
) -> None:
    """Run one benchmark; exit code 0 only when every target is met."""
    if name not in names():
        fail("unknown_bench", f"没有“{name}”这项基准；有：{'、'.join(names())}", as_json)
    options: dict[str, Any] = {
        "calls": calls,
        "turns": turns,
        "minutes": minutes,
        "until_break": until_break or None,
        "sample": sample or None,
        "pairs": pairs,
        "size": size,
        "publish": publish or None,
        "show": show or None,
    }
    given = {key: value for key, value in options.items() if value is not None}
    run = import_module(f"benchmarks.{name}").run
    foreign = [f"--{key.replace('_', '-')}" for key in given if key not in signature(run).parameters]
    if foreign:
        fail("unknown_option", f"基准“{name}”没有选项 {'、'.join(foreign)}", as_json)
    sys.exit(run(settings_for(data, as_json=as_json), as_json=as_json, **given))
