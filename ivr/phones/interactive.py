"""A call by hand: what is typed is spoken, and the call is seen as it unfolds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ivr.phones.citizen import CitizenPhone
from ivr.phones.keyboard import Keyboard
from ivr.phones.listening import trimmed, voiced_dbfs
from ivr.phones.operator_view import OperatorView, SystemView
from ivr.phones.script import CallResult
from ivr.phones.transcriber import Transcriber
from ivr.sip.contract import CallLeg, DialFailed
from ivr.sip.keys import KEYS

HELP: Final = "直接打字，回车后就说出去；/0 按键 0（其他键同理），/q 挂断。"
_LOOK_EVERY_S: Final = 0.3
_AFTERMATH_S: Final = 2.0

Synthesise = Callable[[str], Awaitable[bytes]]


class InteractiveCall:
    """One call with a person at the keyboard; ``tell`` receives Chinese lines."""

    def __init__(
        self,
        phone: CitizenPhone,
        operator: OperatorView,
        transcriber: Transcriber,
        synthesise: Synthesise,
        keyboard: Keyboard,
        tell: Callable[[str], None],
    ) -> None:
        self._phone = phone
        self._operator = operator
        self._transcriber = transcriber
        self._synthesise = synthesise
        self._tell = tell
        self._keyboard = keyboard
        self._shown = SystemView()

    async def run(self) -> CallResult:
        """Dial and talk until one side hangs up."""
        result = CallResult(sip=200)
        try:
            leg = await self._phone.dial(lambda: self._tell("☎ 对方振铃"))
        except DialFailed as failure:
            self._tell(f"✖ {failure}")
            result.sip = failure.code
            return result
        self._tell(f"☎ 已接通，语音编码 {leg.codec}。{HELP}")
        watchers = [
            asyncio.create_task(self._operator.follow(leg.call_id), name="follow call"),
            asyncio.create_task(self._show_system(), name="show system"),
            asyncio.create_task(self._show_heard(), name="show heard"),
            asyncio.create_task(self._see_the_end(leg), name="see the end"),
        ]
        try:
            await self._speak_what_is_typed()
        finally:
            await self._phone.hangup()
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        result.call_id, result.ended = leg.call_id, await leg.wait_ended()
        result.system = await self._operator.settled(leg.call_id, _AFTERMATH_S)
        self._show(result.system)
        return result

    async def _speak_what_is_typed(self) -> None:
        while (text := await self._keyboard.line()) is not None and not self._phone.ended:
            if text in {"/q", "/quit", "/挂断"}:
                return
            if text.startswith("/") and len(text) == 2 and text[1].upper() in KEYS:
                await self._phone.press(text[1].upper())
            elif text.startswith("/"):
                self._tell(HELP)
            elif text:
                pcm = await self._synthesise(text)
                await self._tell_heard(self._phone.listen_on(), None)
                await self._phone.say(pcm)

    async def _see_the_end(self, leg: CallLeg) -> None:
        if await leg.wait_ended() == "remote":
            self._tell("☎ 对方已挂断")
        self._keyboard.close()

    async def _show_heard(self) -> None:
        while not self._phone.ended:
            exchange = await self._phone.listen(patience_s=30.0)
            await self._tell_heard(self._phone.listen_on(), exchange.first_audio_ms)

    async def _tell_heard(self, audio: bytes, first_audio_ms: int | None) -> None:
        heard = trimmed(audio)
        if heard:
            words = await self._transcriber.hear(heard)
            waited = f"，等了 {first_audio_ms} ms" if first_audio_ms is not None else ""
            level = f"{len(heard) / 16000:.1f} 秒，{voiced_dbfs(heard):.0f} dBFS{waited}"
            self._tell(f"听到：{words or '（没有识别出字）'}（{level}）")

    async def _show_system(self) -> None:
        while True:
            self._show(self._operator.latest)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _show(self, view: SystemView) -> None:
        before, self._shown = self._shown, view
        for turn in view.turns[len(before.turns) :]:
            if turn.said:
                self._tell(f"系统听成：{turn.said}")
            entry = f"　〔知识 {turn.entry_id} 第 {turn.version} 版〕" if turn.entry_id else ""
            if turn.text:
                self._tell(f"系统回答：{turn.text}{entry}")
        if view.emergency and not before.emergency:
            self._tell("系统判定：紧急情况")
        if view.admission != before.admission:
            self._tell(f"准入：{ {'restricted': '受限', 'full': '线路已满'}.get(view.admission, '正常') }")
        if view.ticket and not before.ticket:
            self._tell(f"已生成工单 {view.ticket}")
        if view.transfer and (before.transfer is None or view.transfer != before.transfer):
            self._tell(f"转人工：坐席 {view.transfer.agent or '待定'}{'，已接通' if view.transfer.connected else ''}")
