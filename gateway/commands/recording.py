"""``./hotline recording``: list recordings, and put one into a WAV; both for those who may, and each export on record."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.clock import SystemClock
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
    from desk.recordings import StoredRecording, StoredRecordings
    from store.accounts import Account
    from store.engine import Database
    from store.vault import Vault

app = typer.Typer(help="通话录音", no_args_is_help=True)

ByOption = Annotated[
    str, typer.Option("--by", metavar="账号", help="谁在看：班长（supervisor）或热线办（office）的账号")
]


@app.command("list", help="列出最近的录音")
def list_(
    by: ByOption,
    limit: Annotated[int, typer.Option("--limit", metavar="条数", min=1, max=1000)] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    from desk.recordings import to_json

    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        found = run_async(_list(settings, by, limit))
    rows = [to_json(one) for one in found]
    if as_json:
        print_json({"recordings": rows})
        return
    for row in rows:
        typer.echo(f"{row['started_at']}  {row['duration_ms'] / 1000:7.1f} 秒  {row['call']}")
    if not rows:
        typer.echo("还没有录音。")


@app.command("export", help="把一通电话的录音解密成 WAV（左声道市民，右声道机器人与话务员）")
def export(
    call: Annotated[str, typer.Argument(metavar="通话", help="SIP Call-ID，见 list")],
    wav: Annotated[Path, typer.Option("--wav", metavar="文件", help="写到这里；已有的文件不覆盖")],
    by: ByOption,
    reason: Annotated[str, typer.Option("--reason", metavar="理由", help="写进审计记录，2 到 100 个字")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    settings = settings_for(data, as_json=as_json)
    if not 2 <= len(reason.strip()) <= 100:
        fail("bad_reason", "请写明导出的理由（2 到 100 个字）", as_json)
    if wav.exists():
        fail("file_exists", f"{wav} 已存在，请换一个文件名", as_json)
    with refusals(as_json):
        written = run_async(_export(settings, call, wav, by, reason.strip()))
    if as_json:
        print_json({"call": call, "wav": str(wav), "bytes": written})
    else:
        typer.echo(f"已写入 {wav}（未加密，用后请删除）")


async def _list(settings: "Settings", by: str, limit: int) -> list["StoredRecording"]:
    async with opened_store(settings) as (database, vault):
        stored, _ = await _opened(settings, database, vault, by)
        return await stored.list(limit)


async def _export(settings: "Settings", call: str, wav: Path, by: str, reason: str) -> int:
    import os

    from config.errors import HotlineError

    async with opened_store(settings) as (database, vault):
        stored, account = await _opened(settings, database, vault, by)
        found = await stored.of_call(call)
        if found is None:
            raise HotlineError("not_found", "没有这通电话的录音，或已过保存期")
        await stored.note_listening(found, account.id, f"导出：{reason}")
        with stored.open(found) as recording:
            descriptor = os.open(wav, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for at in range(0, recording.wav_bytes, 1 << 20):
                    file.write(recording.wav(at, min(recording.wav_bytes, at + (1 << 20))))
            return recording.wav_bytes


async def _opened(
    settings: "Settings", database: "Database", vault: "Vault", by: str
) -> tuple["StoredRecordings", "Account"]:
    """The recordings, for an account that may listen to all of them."""
    from config.errors import HotlineError
    from config.rulebook import load_rulebook
    from desk.recordings import OVERSEERS, StoredRecordings
    from store.accounts import Accounts

    clock = SystemClock()
    account = await Accounts(database, vault, clock).get(by)
    if account is None or not account.active or account.role not in OVERSEERS:
        raise HotlineError(
            "forbidden", f"账号 {by} 不能查看全部录音：需要在用的班长（supervisor）或热线办（office）账号"
        )
    policy = load_rulebook(settings.city, settings.data_dir).recording
    return StoredRecordings(database, vault, clock, settings.data_dir / "recordings", policy), account
