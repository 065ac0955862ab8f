"""``./hotline kb import|export|drafts``: whole files in and out, and what waits for a second person."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.clock import SystemClock, local
from config.errors import HotlineError
from gateway.commands.common import (
    DataOption,
    JsonOption,
    fail,
    opened_store,
    print_json,
    refusals,
    run_async,
    settings_for,
)

if TYPE_CHECKING:
    from config.settings import Settings
    from knowledge.contract import Actor, Entry
    from knowledge.drafts import Draft
    from knowledge.importer import ImportRefused, Row
    from knowledge.repository import Published
    from store.engine import Database
    from store.vault import Vault

BY_COMMAND = "kb import"
_UNREVIEWED = "直接发布，没有经过第二人审核，已记入审计；日常修改请加 --draft，由另一人在知识库页面审核"

ByOption = Annotated[str, typer.Option("--by", metavar="账号", help="谁送审：知识编辑或知识审核的账号")]


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="文件", help="CSV、XLSX 或 JSON；必须有 id,question,similar,answer,speech,unit，其余列可选"
        ),
    ],
    draft: Annotated[bool, typer.Option("--draft", help="不发布：一批草稿，等另一人审核")] = False,
    by: ByOption = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    from knowledge.importer import ImportRefused, read_rows

    settings = _settings(data, as_json)
    path = file.expanduser()
    with refusals(as_json):
        try:
            rows = read_rows(path, path.name, local(SystemClock().now()).date())
            if draft:
                _tell_drafts(run_async(_draft(settings, rows, by)), as_json)
            else:
                _tell_published(run_async(_publish(settings, rows)), as_json)
        except ImportRefused as error:
            _refuse(error, as_json)


def export_(
    file: Annotated[Path, typer.Argument(metavar="文件", help="以 .csv、.xlsx 或 .json 结尾")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    from knowledge.exporter import export
    from knowledge.importer import FORMATS

    path = file.expanduser()
    format = path.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        fail("unknown_format", "文件名要以 .csv、.xlsx 或 .json 结尾", as_json)
    newest = {entry.id: entry for entry in run_async(_all(_settings(data, as_json)))}
    try:
        path.write_bytes(export(newest.values(), format))
    except OSError as error:
        fail("unwritable", f"文件写不进去：{path.name}（{error.strerror}）", as_json)
    if as_json:
        print_json({"file": str(path), "entries": len(newest)})
    else:
        typer.echo(f"已导出 {len(newest)} 条（每条的最新版）到 {path}")


def drafts(
    by: Annotated[str, typer.Option("--by", metavar="账号", help="以谁的身份看")] = "",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = _settings(data, as_json)
    with refusals(as_json):
        found = run_async(_drafts(settings, by))
    if as_json:
        listed = [
            {
                "id": one.id,
                "entry_id": one.entry_id,
                "status": one.status,
                "revision": one.revision,
                "origin": one.origin,
            }
            for one in found
        ]
        print_json({"drafts": listed})
        return
    for one in found:
        when = f"{local(one.updated_at):%m-%d %H:%M}"
        typer.echo(f"{one.id}  {one.status_label}  {one.entry_id}  {one.last_hand}  {when}")
    if not found:
        typer.echo("没有草稿")


def _refuse(error: "ImportRefused", as_json: bool) -> None:
    if not as_json or not error.errors:
        fail(error.code, error.message, as_json)
    rows = [{"line": row.line, "id": row.id, "message": row.message} for row in error.errors]
    print_json({"error": {"code": error.code, "message": error.message.split("\n")[0]}, "rows": rows})
    typer.echo(f"错误：{error.message}", err=True)
    raise typer.Exit(2) from error


def _tell_published(done: "Published", as_json: bool) -> None:
    if as_json:
        print_json({"added": done.added, "changed": done.changed, "unchanged": done.unchanged})
        return
    typer.echo(f"已导入：新增 {len(done.added)} 条，更新 {len(done.changed)} 条，内容未变 {len(done.unchanged)} 条")
    if done.added or done.changed:
        typer.echo(_UNREVIEWED)


def _tell_drafts(made: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json({"drafts": made})
    else:
        typer.echo(f"已送审 {len(made)} 份草稿，请另一位知识审核在知识库页面审核")


def _settings(data: Path | None, as_json: bool) -> "Settings":
    """The settings, with what is logged kept out of stdout."""
    from config.logs import set_up_logs

    set_up_logs("WARNING")
    return settings_for(data, as_json=as_json)


async def _publish(settings: "Settings", rows: "tuple[Row, ...]") -> "Published":
    from knowledge.repository import Repository

    async with opened_store(settings) as (database, _):
        return await Repository(database, SystemClock()).publish([row.form for row in rows], by=BY_COMMAND)


async def _draft(settings: "Settings", rows: "tuple[Row, ...]", by: str) -> tuple[str, ...]:
    from knowledge.lifecycle import Lifecycle

    async with opened_store(settings) as (database, vault):
        actor = await _actor(database, vault, by)
        return await Lifecycle(database, vault, SystemClock()).import_drafts(actor, rows)


async def _drafts(settings: "Settings", by: str) -> "tuple[Draft, ...]":
    from knowledge.lifecycle import Lifecycle

    async with opened_store(settings) as (database, vault):
        actor = await _actor(database, vault, by)
        return await Lifecycle(database, vault, SystemClock()).drafts(actor)


async def _all(settings: "Settings") -> "tuple[Entry, ...]":
    from knowledge.repository import Repository

    async with opened_store(settings) as (database, _):
        repository = Repository(database, SystemClock())
        await repository.load_samples()
        return await repository.all_versions()


async def _actor(database: "Database", vault: "Vault", by: str) -> "Actor":
    from knowledge.contract import Actor
    from store.accounts import Accounts

    account = await Accounts(database, vault, SystemClock()).get(by) if by else None
    if account is None or not account.active:
        raise HotlineError(
            "no_account", "请用 --by 写明在用的知识编辑或知识审核账号；新增：./hotline agent add 账号 --role editor"
        )
    return Actor(account.id, account.role, account.unit)
