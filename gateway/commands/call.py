"""``./hotline call``: a citizen's phone."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.commands.common import DataOption, JsonOption, fail, print_json, refusals, run_async, settings_for
from gateway.running import running_status

if TYPE_CHECKING:
    from config.settings import Settings
    from ivr.phones.script import KeyPress, Line

_NO_ANSWER = 408
_KEY_GAP_S = 0.4


def call(
    say: Annotated[
        list[str] | None, typer.Option("--say", metavar="话", help="说一句话（可重复）；系统说完才说")
    ] = None,
    wav: Annotated[list[Path] | None, typer.Option("--wav", metavar="文件", help="放一段录音（可重复）")] = None,
    dtmf: Annotated[
        list[str] | None, typer.Option("--dtmf", metavar="键[@秒]", help="接通若干秒后按键，默认 1 秒，例如 0@2")
    ] = None,
    number: Annotated[str, typer.Option("--from", metavar="号码", help="主叫号码；空为隐藏号码")] = "13800000000",
    to: Annotated[str, typer.Option("--to", metavar="地址", help="改打别的 SIP 地址")] = "",
    voice: Annotated[str, typer.Option("--voice", help="说话人：f1…f5、m1…m8")] = "f4",
    save: Annotated[Path | None, typer.Option("--save", metavar="文件", help="把双方录成立体声 WAV")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """当一回来电市民：真实的 SIP 通话，真实的声音。不带 --say 就自己打字来说。"""
    settings = settings_for(data, as_json=as_json)
    try:
        keys = [press for text in dtmf or [] for press in _key_presses(text)]
    except ValueError as error:
        fail("bad_keys", str(error), as_json)
    target = to or f"sip:12345@{_dialled(settings.host)}:{settings.sip_port}"
    tell: Callable[[str], None] = (lambda line: None) if as_json else _print
    tell(f"☎ 呼叫 {target}")
    by_hand = not (say or wav or keys or as_json)
    with refusals(as_json):
        if by_hand:
            file = save or settings.data_dir / "recordings" / f"call-{datetime.now():%Y%m%d-%H%M%S}.wav"
            report = run_async(_by_hand(settings, target, number, voice, file, tell))
        else:
            report = run_async(_by_script(settings, target, number, voice, say or [], wav or [], keys, save, tell))
    if as_json:
        print_json(report)
    elif not by_hand:
        _show(report)
    if report["sip"] != 200:
        if report["sip"] == _NO_ANSWER and running_status(settings) is None:
            typer.echo("热线没有在运行，请先运行 ./hotline up", err=True)
        raise typer.Exit(1)


def _key_presses(text: str) -> "list[KeyPress]":
    """``12@3``: 1 after 3 s, 2 a moment later. Raises :class:`ValueError` in Chinese."""
    from ivr.phones.script import KeyPress
    from ivr.sip.keys import KEYS

    keys, _, seconds = text.partition("@")
    try:
        at_s = float(seconds) if seconds else 1.0
    except ValueError:
        raise ValueError(f"--dtmf {text}：@ 后面应为秒数") from None
    if not keys or any(key.upper() not in KEYS for key in keys):
        raise ValueError(f"--dtmf {text}：按键只有 {KEYS}")
    return [KeyPress(key.upper(), at_s + number * _KEY_GAP_S) for number, key in enumerate(keys)]


def _dialled(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104  # the wildcard is where it listens, not where it is


async def _by_script(
    settings: "Settings",
    target: str,
    number: str,
    voice: str,
    say: list[str],
    wav: list[Path],
    keys: "list[KeyPress]",
    save: Path | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    from ivr.phones.citizen import CitizenPhone
    from ivr.phones.operator_view import OperatorView
    from ivr.phones.report import call_report
    from ivr.phones.script import ScriptedCall
    from ivr.phones.transcriber import Transcriber

    lines = await _lines(say, wav, voice)
    phone = CitizenPhone(target, caller=number)
    transcriber = Transcriber(_model(settings))
    await phone.start()
    try:
        async with OperatorView(settings.operator_port, settings.secret("operator")) as operator:
            result = await ScriptedCall(phone, operator, lines, keys, tell).run()
        if save is not None:
            await asyncio.to_thread(phone.recording.save, save)
        return await call_report(result, transcriber)
    finally:
        await transcriber.close()
        await phone.stop()


async def _by_hand(
    settings: "Settings", target: str, number: str, voice: str, save: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    from ivr.phones.citizen import CitizenPhone
    from ivr.phones.interactive import InteractiveCall
    from ivr.phones.keyboard import Keyboard
    from ivr.phones.operator_view import OperatorView
    from ivr.phones.report import call_report
    from ivr.phones.transcriber import Transcriber
    from ivr.speech.voice import Voice

    phone = CitizenPhone(target, caller=number)
    transcriber = Transcriber(_model(settings))
    await phone.start()
    try:
        async with (
            OperatorView(settings.operator_port, settings.secret("operator")) as operator,
            Voice("caller", variant=voice) as speaker,
            Keyboard() as keyboard,
        ):
            result = await InteractiveCall(phone, operator, transcriber, speaker.synthesise, keyboard, tell).run()
        if phone.recording.seconds:
            await asyncio.to_thread(phone.recording.save, save)
            tell(f"录音已存为 {save}（左：我，右：热线）")
        return await call_report(result, transcriber)
    finally:
        await transcriber.close()
        await phone.stop()


async def _lines(say: list[str], wav: list[Path], voice: str) -> "list[Line]":
    from ivr.phones.script import Line
    from ivr.phones.sound_files import read_sound
    from ivr.speech.voice import Voice

    async with Voice("caller", variant=voice) as speaker:
        spoken = [Line(text, await speaker.synthesise(text)) for text in say]
    return spoken + [Line(path.name, await asyncio.to_thread(read_sound, path)) for path in wav]


def _model(settings: "Settings") -> Path:
    from asr_models.library import current

    return current(settings).path


def _print(line: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(line, markup=False, soft_wrap=True)


def _show(report: dict[str, Any]) -> None:
    """The report of a scripted call for people."""
    admission = {"normal": "正常", "restricted": "受限", "full": "线路已满"}[report["admission"]]
    _print(f"\n应答 {report['sip']}，准入：{admission}{'，紧急情况' if report['emergency'] else ''}")
    for turn in report["turns"]:
        _print(f"\n  说　　：{turn['said'] or '（没有说话）'}")
        _print(f"  系统听成：{turn['recognised'] or '—'}")
        entry = (
            f"〔知识 {turn['reply']['entry_id']} 第 {turn['reply']['version']} 版〕"
            if turn["reply"]["entry_id"]
            else ""
        )
        _print(f"  系统回答：{turn['reply']['text'] or '—'}{entry}")
        heard = turn["heard"]
        waited = f"，首包 {turn['first_audio_ms']} ms" if turn["first_audio_ms"] is not None else ""
        _print(f"  耳朵听到：{heard['text'] or '—'}（{heard['ms'] / 1000:.1f} 秒，{heard['dbfs']} dBFS{waited}）")
    if report["transfer"]:
        both = "双方都听得到" if report["transfer"]["heard_both_ways"] else "没有确认双方听得到"
        _print(f"\n转人工：坐席 {report['transfer']['agent']}，{both}")
    if report["ticket"]:
        _print(f"\n工单 {report['ticket']}（查看：./hotline ticket show {report['ticket']}）")
    ended = {"caller": "来电人挂断", "bot": "系统结束", "agent": "坐席挂断", "policy": "按规定结束"}
    _print(f"\n通话结束：{ended.get(report['ended_by'], report['ended_by'])}")
