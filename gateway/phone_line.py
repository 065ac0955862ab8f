"""What is said to one caller: the commands of a call, and the sentences of our own between the dialogue's."""

from collections.abc import Callable
from typing import Any, Final

from dialog.contract import Expectation, MessageKind, Reply
from ivr.protocol import Expect, HangUp, Say, StopSaying, Transfer
from store.ids import new_id

HOLD_S: Final = 6.0
"""While waiting for an agent the caller hears from us this often."""
_UNINTERRUPTED: Final = frozenset({MessageKind.EMERGENCY, MessageKind.FILED})

HOLD_TEXT: Final = "正在为您转接话务员，请稍候。"
NEXT_TEXT: Final = "话务员都在忙，您是下一位，请稍候。"
FAILED_TEXT: Final = "对不起，系统出了点问题，为您转接话务员。"
NO_CORE_TEXT: Final = "您好，这里是12345热线。系统暂时出了故障，请稍后再拨。紧急情况请拨110、119、120。"
NO_DESK_TEXT: Final = "很抱歉，现在无法转接，请稍后再拨。紧急情况请拨110、119、120。"
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
        self._send(Expect(call=self._call, state=expect.state, hints=expect.hints, no_input_s=expect.no_input_s))

    def listen_while_waiting(self) -> None:
        """In the queue: an emergency is still heard, and silence is broken again by us."""
        self.listen(Expectation(no_input_s=HOLD_S))

    def fall_silent(self) -> None:
        self._send(StopSaying(call=self._call))

    def hold(self, position: int) -> None:
        """Not a second of doubt whether somebody is still there. ``position``: in the queue, 0 while an agent is asked."""
        if position > 1:
            self.say(f"话务员都在忙，您前面还有{position - 1}位，请稍候。")
        else:
            self.say(NEXT_TEXT if position == 1 else HOLD_TEXT)
        self.listen_while_waiting()

    def transfer(self, handover_id: str, agent_id: str, target: str) -> None:
        """Ring the agent's phone and bridge."""
        self.say(f"正在接通{agent_id}号话务员，请稍候。")
        self._send(Transfer(call=self._call, id=f"{handover_id}-{new_id()[:8]}", target=target))

    def hang_up(self, by: str) -> None:
        """End the call after what is being said; ``call.ended`` follows."""
        self._send(HangUp(call=self._call, reason="agent" if by == "agent" else "bot"))
