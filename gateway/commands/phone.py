"""``./hotline phone --agent 8001``: a small agent's phone for trying."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from ivr.phones.agent import AgentPhone
    from ivr.speech.voice import Voice

_HELP = "输入后回车：a 接听，h 挂断，q 退出；其他文字会说给对方听。"


def phone(
    agent: Annotated[str, typer.Option("--agent", metavar="账号", help="坐席账号，话机用它登记的 SIP 地址")],
    auto: Annotated[bool, typer.Option("--auto", help="振铃就自动接听")] = False,
    say: Annotated[str, typer.Option("--say", metavar="话", help="接听后先说这句")] = "",
    wav: Annotated[Path | None, typer.Option("--wav", metavar="文件", help="接听后先放这段录音")] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="文件", help="把通话录成立体声 WAV")] = None,
    calls: Annotated[int, typer.Option("--calls", help="接完几通就退出；0 为一直开着")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", help="最多开多少秒；0 为不限")] = 0.0,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """开一部试用的坐席话机。听到 600 Hz 测试音会回 850 Hz。"""
    settings = settings_for(data, as_json=as_json)
    with refusals(as_json):
        uri = run_async(_address_of(settings, agent))
        if not uri:
            fail(
                "no_sip_address",
                f"账号 {agent} 不存在或没有登记话机地址；新增：./hotline agent add {agent} --sip sip:…",
                as_json,
            )
        report = run_async(_serve(uri, auto or as_json, say, wav, save, calls, seconds, quiet=as_json))
    if as_json:
        print_json({"agent": agent, "sip": uri, **report})


async def _address_of(settings: "Settings", agent: str) -> str:
    from config.clock import SystemClock
    from store.accounts import Accounts

    async with opened_store(settings) as (database, vault):
        account = await Accounts(database, vault, SystemClock()).get(agent)
        return account.sip_uri if account else ""


async def _serve(
    uri: str, auto: bool, say: str, wav: Path | None, save: Path | None, calls: int, seconds: float, *, quiet: bool
) -> dict[str, Any]:
    from ivr.phones.agent import AgentPhone
    from ivr.phones.sound_files import read_sound
    from ivr.speech.voice import Voice

    async with Voice("agent") as speaker:
        opening = await asyncio.to_thread(read_sound, wav) if wav else await speaker.synthesise(say) if say else b""
        phone = AgentPhone(uri, auto_answer=auto, play=opening)
        await phone.start()
        try:
            watcher = asyncio.create_task(_watch(phone, calls, quiet), name="watch phone")
            working = {watcher}
            if not quiet and (sys.stdin.isatty() or not auto):  # one that answers by itself may run without a keyboard
                working.add(asyncio.create_task(_obey(phone, speaker), name="keyboard"))
            await asyncio.wait(working, timeout=seconds or None, return_when=asyncio.FIRST_COMPLETED)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        finally:
            await phone.stop()
            if save is not None and phone.recording.seconds:
                await asyncio.to_thread(phone.recording.save, save)
    levels = phone.levels
    return {
        "calls": phone.calls_taken,
        "heard_dbfs": levels.heard_dbfs,
        "heard_ms": levels.heard_ms,
        "said_dbfs": levels.said_dbfs,
        "tones": {f"{hertz:.0f}": ms for hertz, ms in phone.tones.items()},
        "ended_by": phone.ended_by,
    }


async def _watch(phone: "AgentPhone", calls: int, quiet: bool) -> None:
    """Tell what the phone does; returns after ``calls`` calls (0: never)."""
    from ivr.phones.agent import PhoneState

    states = phone.states()
    tell = (lambda line: None) if quiet else _print
    tell(f"☎ 话机 {phone.uri} 已开机。{_HELP}")
    taken = 0
    async for state in states:
        if state is PhoneState.RINGING:
            tell(f"☎ 来电：{phone.caller or '隐藏号码'}　（a 接听，h 拒接）")
        elif state is PhoneState.TALKING:
            tell("☎ 已接听")
        elif phone.calls_taken == taken:
            tell("☎ 未接通")
        else:
            taken = phone.calls_taken
            levels = phone.levels
            tell(f"☎ 通话结束：听到 {levels.heard_ms / 1000:.1f} 秒声音，平均 {levels.heard_dbfs} dBFS")
            if taken == calls:
                return


async def _obey(phone: "AgentPhone", speaker: "Voice") -> None:
    """Carry out what is typed until ``q`` or the end of input."""
    from ivr.phones.keyboard import Keyboard

    async with Keyboard() as keyboard:
        while (line := await keyboard.line()) not in {None, "q"}:
            if line == "a":
                phone.answer()
            elif line == "h":
                await phone.hangup()
            elif line:
                phone.say(await speaker.synthesise(line))


def _print(line: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(line, markup=False, soft_wrap=True)
