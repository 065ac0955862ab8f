"""``./hotline kb tune``: fit the weights of search on this installation's own questions, and take them when they are no worse."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from config.clock import SystemClock
from config.errors import HotlineError
from gateway.commands.common import (
    DataOption,
    JsonOption,
    opened_store,
    print_json,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from config.settings import Settings
    from knowledge.contract import Entry
    from knowledge.tuning import Material, Measured, Part

BY_COMMAND: Final = "kb tune"
_MOST_PAIRS: Final = 5000
"""Confirmed answers that are looked at, the newest."""
_MONTH: Final = timedelta(days=31)
_STEPS: Final = {"read": "读懂知识", "fit": "配权重", "compare": "比较"}
_PARTS: Final = {"words": "只看字词", "meaning": "也看意思"}


def tune(
    months: Annotated[
        int, typer.Option("--months", metavar="几个月", min=1, max=120, help="用最近几个月确认过的答案")
    ] = 12,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只比较，不换上")] = False,
    force: Annotated[bool, typer.Option("--force", help="更差也换上")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="退回随程序的权重")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """用本库各条的其他问法、市民点选的和话务员标记的答案重配检索权重；在没有用来配的问题上不更差才换上。"""
    from config.logs import set_up_logs

    set_up_logs("WARNING")
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        if sum((dry_run, force, reset)) > 1:
            raise HotlineError("bad_options", "--dry-run、--force、--reset 只能用一个")
        if reset:
            _reset(settings, as_json)
        else:
            _tune(settings, months, as_json, dry_run=dry_run, force=force)


def _reset(settings: "Settings", as_json: bool) -> None:
    from knowledge.tuned import TunedWeights

    there = TunedWeights(settings).remove()
    if there:
        run_async(_audit(settings, "退回随程序的权重"))
    if as_json:
        print_json({"reset": there})
    else:
        typer.echo("已退回随程序的权重，几秒内生效" if there else "用的就是随程序的权重，没有改动")


def _tune(settings: "Settings", months: int, as_json: bool, *, dry_run: bool, force: bool) -> None:
    from knowledge.tuned import Origin, TunedWeights
    from knowledge.tuning import gathered
    from knowledge.tuning_process import run

    clock = SystemClock()
    entries, confirmed = run_async(_asked(settings, months))
    material = gathered(entries, confirmed)
    if material.sampled:
        typer.echo(f"知识库较大，只取其中 {len(material.entries)} 条来配，约需十分钟", err=True)
    kept = TunedWeights(settings)
    started = time.monotonic()

    def elapsed() -> float:
        return time.monotonic() - started

    folder = settings.data_dir / "index" if settings.search_meaning else None
    with _progress() as told:
        parts = run(material, kept.weights(), folder, told, elapsed)
    taken = [] if dry_run else [part for part in parts if force or not part.worse]
    if taken:
        origin = Origin(clock.now(), len(material.entries), material.ways, len(material.confirmed))
        kept.write(kept.parts() | {part.name: part.weights for part in taken}, origin)
        names = "、".join(f"{_PARTS[part.name]}{f'（{part.worse}，强制）' if part.worse else ''}" for part in taken)
        run_async(_audit(settings, f"换上新配的权重：{names}"))
    document = _document(material, parts, [part.name for part in taken], elapsed())
    if as_json:
        print_json(document)
    else:
        _tell(material, parts, [part.name for part in taken], dry_run=dry_run)


async def _asked(settings: "Settings", months: int) -> "tuple[tuple[Entry, ...], tuple[tuple[str, str], ...]]":
    """What the public is answered with now, and the questions that were confirmed to be answered by some of it."""
    from knowledge.consultations import Consultations
    from knowledge.following import snapshot_after
    from knowledge.repository import Repository

    clock = SystemClock()
    async with opened_store(settings) as (database, vault):
        await Repository(database, clock).load_samples()
        snapshot = await snapshot_after(database, None)
        since = clock.now() - months * _MONTH
        confirmed = await Consultations(database, vault, clock).confirmed(since, _MOST_PAIRS)
        return tuple(snapshot.answerable(clock.now())), confirmed


async def _audit(settings: "Settings", detail: str) -> None:
    from store import audit

    async with opened_store(settings) as (database, _), database.begin() as connection:
        await audit.record(
            connection,
            at=SystemClock().now(),
            by=BY_COMMAND,
            action="knowledge.tune",
            subject="search-weights",
            detail=detail,
        )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """The step that is going on, on stderr: a bar where it can be counted, and how long it has taken."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("准备", total=None)

        def told(step: str, done: int, all_: int) -> None:
            bar.update(task, description=_STEPS[step], completed=done, total=all_ or None)

        yield told


def _document(material: "Material", parts: "tuple[Part, ...]", taken: list[str], seconds: float) -> dict[str, Any]:
    return {
        "fitted_on": {
            "entries": len(material.entries),
            "ways": material.ways,
            "confirmed": len(material.confirmed),
            "sampled": material.sampled,
        },
        "compared": [
            {"part": part.name, "present": asdict(part.present), "tuned": asdict(part.tuned), "worse": part.worse}
            for part in parts
        ],
        "taken": taken,
        "took_s": round(seconds, 1),
    }


def _tell(material: "Material", parts: "tuple[Part, ...]", taken: list[str], *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(
        f"用 {len(material.entries)} 条的 {material.ways} 种问法和 {len(material.confirmed)} 个确认过的答案来配；"
        f"下表是没有用来配的 {parts[0].tuned.asked} 个问题，其中 {parts[0].tuned.answerable} 个有答案："
    )
    table = Table("权重", "", "排第一的对", "直接答对", "直接答错")
    for part in parts:
        for label, measured in (("现在的", part.present), ("新配的", part.tuned)):
            table.add_row(_PARTS[part.name], label, *_cells(measured))
    Console().print(table)
    if len(parts) == 1:
        typer.echo("句向量没有读好、关着或这台机器不能算：只配了字词的权重，看意思的没有动")
    for part in parts:
        name = _PARTS[part.name]
        if part.name in taken:
            typer.echo(f"{name}：已换上，几秒内生效{f'（{part.worse}）' if part.worse else ''}")
        elif part.worse:
            typer.echo(f"{name}：{part.worse}，{'不宜换上' if dry_run else '没有换上'}")
        else:
            typer.echo(f"{name}：不更差，去掉 --dry-run 再运行就换上")


def _cells(measured: "Measured") -> tuple[str, ...]:
    def share(count: int, of: int) -> str:
        return f"{count}（{100 * count / of:.1f} %）" if of else "0"

    return (
        share(measured.first, measured.answerable),
        share(measured.right, measured.answerable),
        share(measured.wrong, measured.asked),
    )
