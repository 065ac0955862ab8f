"""``./hotline train``: the bot's own training, and that of its maintainers: examples, candidates, promotion, roll-back."""

import asyncio
from pathlib import Path
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
    from knowledge.training import Person, Trainer
    from store.accounts import Account
    from store.engine import Database
    from store.vault import Vault

_POLL_S: Final = 0.5
_BAR: Final = 30
_WORST: Final = 8


def train(
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="语料没有改动也重新训练")] = False,
    examples: Annotated[
        Path | None,
        typer.Option("--examples", metavar="文件", help="先加入 CSV 或 YAML 文件里的示例；有一行不对就一条也不加"),
    ] = None,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate", help="用现有示例训练候选模型，与在线模型比较；示例没有变化就不训练，评估现成的候选或在线模型"
        ),
    ] = False,
    promote: Annotated[
        bool, typer.Option("--promote", help="把最新的候选模型换上线；须由训练人以外的知识审核来做")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="退回上一个在线模型")] = False,
    by: Annotated[str, typer.Option("--by", metavar="账号", help="谁来做：知识编辑或知识审核的账号")] = "",
    as_json: JsonOption = False,
) -> None:
    """训练对话模型：语料、规则或词典改动后运行；没有改动时立即结束。知识维护人员的训练见各选项。"""
    from config.logs import set_up_logs

    set_up_logs("WARNING")
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        if not (examples or evaluate or promote or rollback):
            _train_own(settings, force, as_json)
            return
        if rollback and (examples or evaluate or promote):
            raise HotlineError("bad_options", "--rollback 不能与其他步骤一起用")
        document = run_async(_maintain(settings, by, examples, evaluate, promote, rollback))
    if as_json:
        print_json(document)
    else:
        _tell(document)


def _train_own(settings: "Settings", force: bool, as_json: bool) -> None:
    from dialog import bot_training

    there = not force and bot_training.is_sound(bot_training.model_path(settings))
    model = bot_training.train_if_needed(settings, lambda text: typer.echo(text, err=True), force=force)
    report = bot_training.describe(model)
    if as_json:
        print_json({"already_there": there, **report})
        return
    typer.echo(f"对话模型{'没有变化' if there else '已备好'}：{report['model']}")
    if not there:
        typer.echo("正在运行的热线要用上新模型，请运行 ./hotline down 再 ./hotline up")


async def _maintain(
    settings: "Settings", by: str, examples: Path | None, evaluate: bool, promote: bool, rollback: bool
) -> dict[str, Any]:
    from gateway.training import build_labels, build_trainer

    document: dict[str, Any] = {}
    async with opened_store(settings) as (database, vault):
        clock = SystemClock()
        person = await _person(database, vault, by)
        labels = build_labels(database, vault, clock)
        trainer = build_trainer(settings, database, clock, labels)
        if examples is not None:
            document["added"] = await labels.import_file(examples.name, _read(examples), person)
        if evaluate:
            served = await _prepare_own(settings)
            document |= await _evaluate(trainer, person) or await _evaluate_live(settings, trainer, served)
        if promote:
            newest = next(iter((await trainer.overview()).candidates), None)
            if newest is None:
                raise HotlineError(
                    "no_candidate", "没有待上线的候选模型，请先运行 ./hotline train --evaluate --by 账号"
                )
            typer.echo("正在更换模型，通话不受影响……", err=True)
            document["live"] = (await trainer.promote(newest.id, person)).to_json()
        if rollback:
            typer.echo("正在退回上一个模型，通话不受影响……", err=True)
            document["live"] = (await trainer.roll_back(person)).to_json()
    return document


async def _prepare_own(settings: "Settings") -> Path:
    """The model in service; before anything was promoted the program's own, which a candidate is compared with."""
    from dialog import bot_training

    return await asyncio.to_thread(bot_training.model_to_serve, settings, lambda text: typer.echo(text, err=True))


async def _person(database: "Database", vault: "Vault", by: str) -> "Account":
    from store.accounts import Accounts

    account = await Accounts(database, vault, SystemClock()).get(by) if by else None
    if account is None or not account.active:
        raise HotlineError(
            "no_account",
            "请用 --by 写明由谁来做（在用的知识编辑或知识审核账号）；新增账号：./hotline agent add 账号 --role editor",
        )
    return account


def _read(file: Path) -> bytes:
    from knowledge.example_text import MAX_BYTES

    try:
        with file.open("rb") as handle:
            return handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise HotlineError("unreadable", f"文件打不开：{file}（{error.strerror}）") from error


async def _evaluate(trainer: "Trainer", person: "Person") -> dict[str, Any] | None:
    """Train what is new, or take the candidate that learned just this; its report. ``None``: the live model did."""
    from knowledge.training import TrainingError

    try:
        id = await trainer.start(person)
    except TrainingError as error:
        if error.code != "nothing_new":
            raise
        typer.echo(error.message, err=True)
        if error.model == ((live := (await trainer.overview()).live) and live.id):
            return None
        id = error.model
    try:
        await _watch(trainer, id)
    except asyncio.CancelledError:
        await trainer.cancel(person)
        raise
    found = next(model for model in (await trainer.overview()).models if model.id == id)
    if found.error:
        raise HotlineError("train_failed", f"训练没有成功：{found.error}")
    return {"model": found.to_json(), "report": await trainer.report(id)}


async def _evaluate_live(settings: "Settings", trainer: "Trainer", served: Path) -> dict[str, Any]:
    """The live model on the fixed set, in the form of a candidate's report."""
    from dialog.live_evaluation import evaluate_live

    typer.echo("没有新示例可训练，正在评估在线模型……", err=True)
    live = (await trainer.overview()).live
    figures = await asyncio.to_thread(evaluate_live, settings, served)
    report: dict[str, Any] = {"candidate": None, "live": figures, "changed": [], "cross_validation": None}
    return {"model": live.to_json() if live else None, "report": report}


async def _watch(trainer: "Trainer", id: str) -> None:
    """Show how far a training is, until it is over."""
    while (running := (await trainer.overview()).running) is not None and running.id == id:
        full = round(_BAR * running.progress)
        bar = "█" * full + "░" * (_BAR - full)
        typer.echo(f"\r{bar} {running.progress:4.0%} {running.step:　<16}", err=True, nl=False)
        await asyncio.sleep(_POLL_S)
    typer.echo("", err=True)


def _tell(document: dict[str, Any]) -> None:
    if "added" in document:
        typer.echo(f"新增示例 {document['added']} 条")
    if "report" in document:
        _tell_report(document["model"], document["report"])
    if "live" in document:
        typer.echo(f"已上线：{document['live']['id']}")


def _tell_report(model: dict[str, Any], report: dict[str, Any]) -> None:
    candidate = report["candidate"]
    if candidate:
        typer.echo(f"候选模型 {model['id']}（新增示例 {model['examples']} 条，用时 {model['seconds']:.0f} 秒）")
    else:
        typer.echo(f"在线模型 {model['id']}（新增示例 {model['examples']} 条；没有新的可训练）")
    for title, figures in (("候选", candidate), ("在线", report["live"])):
        if figures:
            spread = f"95% 区间 {figures['accuracy_low']:.1%}–{figures['accuracy_high']:.1%}"
            typer.echo(
                f"  {title}：评估集 {figures['total']} 句，正确率 {figures['accuracy']:.1%}（{spread}），"
                f"宏平均 F1 {figures['macro_f1']:.3f}"
            )
    if crossed := report["cross_validation"]:
        spread = f"正确率 {crossed['accuracy']:.1%}，宏平均 F1 {crossed['macro_f1']:.3f}"
        typer.echo(f"  交叉验证（{crossed['folds']} 折）：{spread}")
    for want, found, count in (candidate or report["live"])["confusions"][:_WORST]:
        typer.echo(f"  最易混淆：应为 {want}，判为 {found}，{count} 句")
    if candidate:
        typer.echo(f"  判断有变化的话：{len(report['changed'])} 句")
        for change in report["changed"][:_WORST]:
            typer.echo(f"    {change['text']}：{change['live']} → {change['candidate']}（应为 {change['want']}）")
        typer.echo("上线：请另一位知识审核运行 ./hotline train --promote --by 账号")
