"""What is said to one caller: the commands of a call, and the sentences of our own between the dialogue's."""

import math
from collections.abc import Callable
from typing import Any, Final, Literal

from config.settings import Settings
from desk.contract import QueueState
from dialog.contract import Expectation, MessageKind, Reply
from ivr.protocol import Expect, HangUp, HoldAudio, RecordingPause, RecordingResume, Say, StopSaying, Transfer
from store.ids import new_id

HOLD_S: Final = 20.0
"""Over the hold audio the caller hears this often how things stand."""
LONG_WAIT_S: Final = 30 * 60.0
"""Beyond this no number of minutes is named."""
TransferMode = Literal["bridge", "refer"]
_UNINTERRUPTED: Final = frozenset({MessageKind.EMERGENCY, MessageKind.FILED})

HOLD_TEXT: Final = "正在为您转接话务员，请稍候。"
NEXT_TEXT: Final = "话务员都在忙，您是下一位，请稍候。"
FAILED_TEXT: Final = "对不起，系统出了点问题，为您转接话务员。"
NO_CORE_TEXT: Final = "您好，这里是12345热线。系统暂时出了故障，请稍后再拨。紧急情况请拨110、119、120。"
NO_DESK_TEXT: Final = "很抱歉，现在无法转接，请稍后再拨。紧急情况请拨110、119、120。"
CALLBACK_TEXT: Final = "不想等，请按1，话务员会给您回电。"
NO_CALLBACK_TEXT: Final = "现在不能登记回拨，请稍候，话务员马上接听。"
PHONE_FAILED_TEXT: Final = "话务员的电话暂时没有接通，正在想办法，请稍候。"
GOODBYE_TEXT: Final = "感谢您的来电，再见。"


class PhoneLine:
    """The way to one caller. ``send`` takes commands to the call's node."""

    def __init__(self, call: str, send: Callable[[Any], None]) -> None:
        self._call = call
        self._send = send

    def say(self, text: str, *, id: str = "", barge_in: bool = True) -> None:
        """Speak after what is being said."""
        self._send(Say(call=self._call, id=id or new_id(), text=text, barge_in=barge_in))

    def render(self, reply: Reply) -> tuple[str, ...]:
        """Say each message, then listen as the dialogue expects; the ids of what is said."""
        ids = []
        for number, message in enumerate(reply.messages):
            if message.speech:
                ids.append(f"{reply.turn_id}-{number}")
                self.say(message.speech, id=ids[-1], barge_in=message.kind not in _UNINTERRUPTED)
        self.listen(reply.expect)
        return tuple(ids)

    def listen(self, expect: Expectation) -> None:
        """What to listen for, and for how long."""
        self._send(
            Expect(
                call=self._call,
                state=expect.state,
                hints=expect.hints,
                no_input_s=expect.no_input_s,
                digits=expect.digits,
            )
        )

    def wait(self) -> None:
        """In the queue: hold audio; an emergency is still heard, and now and then we tell how things stand."""
        self._send(HoldAudio(call=self._call, on=True))
        self.listen(Expectation("waiting", no_input_s=HOLD_S))

    def fall_silent(self) -> None:
        self._send(StopSaying(call=self._call))

    def hold(self, state: QueueState, *, offer_callback: bool) -> None:
        """How things stand for one who waits; not a second of doubt whether somebody is still there."""
        self.say(waiting_text(state) + (CALLBACK_TEXT if offer_callback else ""))
        self.wait()

    def transfer(self, handover_id: str, who: str, target: str, mode: TransferMode) -> None:
        """Ring the agent's phone and put the caller through."""
        self.say(f"正在接通{who}，请稍候。")
        self._send(Transfer(call=self._call, id=f"{handover_id}-{new_id()[:8]}", target=target, mode=mode))

    def withhold(self, from_ms: int) -> None:
        """Blot out of the recording what was said since ``from_ms``, and record nothing for now."""
        self._send(RecordingPause(call=self._call, from_ms=from_ms))

    def record_again(self) -> None:
        self._send(RecordingResume(call=self._call))

    def hang_up(self, by: str) -> None:
        """End the call after what is being said; ``call.ended`` follows."""
        self._send(HangUp(call=self._call, reason="agent" if by == "agent" else "bot"))


def waiting_text(state: QueueState) -> str:
    """The place in the queue, and the time it will take where that is known."""
    if state.position < 1:
        return HOLD_TEXT
    place = NEXT_TEXT if state.position == 1 else f"话务员都在忙，您前面还有{state.position - 1}位，请稍候。"
    if state.wait_s is None:
        return place
    if state.wait_s > LONG_WAIT_S:
        return f"{place}现在来电较多，需要等较长时间。"
    minutes = max(1, math.ceil(state.wait_s / 60))
    return f"{place}预计还要等大约{minutes}分钟。"


def transfer_mode(settings: Settings, target: str) -> TransferMode:
    """How ``target`` is reached: as its address or its host is listed, else as the settings say for all."""
    host = target.partition("@")[2].partition(":")[0].partition(";")[0]
    listed = settings.transfer_modes
    return listed.get(target) or listed.get(host) or settings.transfer_mode
