"""Carries out the steps that Rasa (or the fallback) picked: the form, reading back, filing, handing over.

Whatever the steps say, the record decides: nothing is filed that was not read back and confirmed, and no complaint is
settled with a knowledge text (Z19).
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import structlog

from config.rulebook_model import Rulebook
from dialog import reading_back
from dialog.answering import MOST_FAILURES, Answering
from dialog.contract import Channel, Directive, Do, Expectation, MessageKind
from dialog.elements.elsewhere import elsewhere
from dialog.elements.spoken_numbers import digits_of
from dialog.phrases import joined, phrase
from dialog.rasa_client import Stage
from dialog.records import Record
from dialog.state import ASK_ORDER, MOST_ASKS, State, settled
from dialog.turn import Outcome, Turn
from tickets.model import Element, ElementName, ElementStatus, FiveElements, TicketType
from tickets.service import Progress

log = structlog.get_logger("dialog")

TICKET_NO_DIGITS: Final = 13
_TICKET_NO: Final = re.compile(rf"\d{{{TICKET_NO_DIGITS}}}")
_YES_OR_NO: Final = ("对", "是的", "不对", "不是")
_NOTHING_MORE: Final = re.compile(r"^(?:没有|没|不用|不需要|不了)(?:了|啦|啊|别的|其他|谢谢|问题|，|。)*$")
"""The answer to 「还有别的事吗」: it denies nothing of what was told."""
_ELEMENT_WORDS: Final = {
    ElementName.TIME: ("时间", "日期", "几点"),
    ElementName.PLACE: ("地点", "地址", "地方", "位置"),
    ElementName.PERSON: ("人物", "姓名", "名字", "姓"),
    ElementName.EVENT: ("事情", "事件", "内容", "经过"),
    ElementName.DEMAND: ("诉求", "要求", "希望"),
}


class TicketDesk(Protocol):
    async def draft(
        self, conversation_id: str, contact_id: str | None, channel: str, type: str, elements: FiveElements
    ) -> str: ...

    async def file(self, ticket_id: str, by: str) -> str: ...

    async def status_for_caller(self, no: str, number: str | None) -> Progress | None: ...


class Actions:
    """The steps by name."""

    def __init__(
        self,
        answering: Answering,
        tickets: TicketDesk,
        number_of: Callable[[Record], Awaitable[str | None]],
        default_incident: str,
        home: Rulebook,
    ) -> None:
        """``answering`` takes the questions. ``default_incident``: what an emergency counts as that no cue has named; asked about before it is acted on.

        ``home``: the rules of the city whose hotline this is.
        """
        self._home = home
        self._default_incident = default_incident
        self.answering: Final = answering
        self._tickets = tickets
        self._number_of = number_of

    async def carry_out(self, turn: Turn, out: Outcome) -> None:
        """All steps of the turn, in order."""
        for directive in turn.step.directives:
            await self._one(turn, out, directive)
            if out.directives:
                return

    async def keep_draft(self, record: Record, kind: str) -> None:
        """What was taken down so far is on disk, whoever goes on with it."""
        await self._tickets.draft(record.id, record.contact_id, record.channel.value, kind, record.state.elements)

    async def _one(self, turn: Turn, out: Outcome, directive: Mapping[str, Any]) -> None:
        if "ask" in directive:
            self.ask_next(turn, out)
            return
        name = str(directive.get("do", ""))
        if name == "start_ticket":
            self._start(turn, out, str(directive.get("type", "complaint")))
        elif name == "kb_lookup":
            self.answering.look_up(turn, out, turn.text)
        elif name == "confirm_ticket":
            self.ask_next(turn, out)
        elif name == "submit_ticket":
            await self._submit(turn, out)
        elif name == "change_element":
            self._change(turn, out)
        elif name == "cancel_ticket":
            self._cancel(turn, out)
        elif name == "transfer":
            out.say(MessageKind.NOTICE, "transfer_asked")
            out.transfer("asked")
        elif name == "progress":
            await self.progress(turn, out)
        elif name == "choose":
            self._choose(turn, out)
        elif name == "emergency":
            turn.state.awaiting, turn.state.pending = f"emergency:{self._default_incident}", turn.text
            out.say(MessageKind.ASK, "emergency_doubt")
        elif name == "say":
            self._say(turn, out, str(directive.get("key", "")))
        else:
            self.clarify(turn, out)

    def _start(self, turn: Turn, out: Outcome, kind: str) -> None:
        state = turn.state
        if not state.in_form:
            state.forget_choices()
            state.topic = None
            state.stage, state.ticket_type = Stage.GATHERING, TicketType(kind).value
            state.elements, state.asked, state.requested = turn.tentative, {}, None
        out.say(MessageKind.ASK, f"start_{state.ticket_type}")

    def ask_next(self, turn: Turn, out: Outcome) -> None:
        """Ask for the next element that is missing, or read all of them back."""
        state = turn.state
        if not state.in_form:
            state.stage, state.ticket_type = Stage.GATHERING, state.ticket_type or TicketType.COMPLAINT.value
            state.elements = turn.tentative
        _leave_out(state)
        for name in state.missing():
            if state.asked.get(name.value, 0) < MOST_ASKS:
                self._ask(state, out, name)
                return
            given_up = replace(state.elements.get(name), reason="询问两次，市民未提供")
            state.elements = replace(state.elements, **{name.value: given_up})
        self._read_back(state, out)

    def _ask(self, state: State, out: Outcome, name: ElementName) -> None:
        again = state.asked.get(name.value, 0)
        state.stage, state.requested = Stage.GATHERING, name
        state.asked[name.value] = again + 1
        question = phrase(MessageKind.ASK, f"ask_{name.value}", again)
        if out.messages and out.messages[-1].kind is MessageKind.ASK:
            question = joined(out.messages.pop(), question)
        out.messages.append(question)

    def _read_back(self, state: State, out: Outcome) -> None:
        again = state.stage is Stage.CONFIRMING and bool(out.messages)
        state.stage, state.requested, state.awaiting = Stage.CONFIRMING, None, ""
        if again:
            out.say(MessageKind.CONFIRM, "confirm_again")
            return
        self._tell_of_elsewhere(state, out)
        lines, spoken = reading_back.lines(state.elements), reading_back.spoken(state.elements)
        out.say(MessageKind.CONFIRM, "confirm", lines=lines, spoken=spoken)

    def _tell_of_elsewhere(self, state: State, out: Outcome) -> None:
        """The matter seems to lie in another city: the caller hears that city's number, a person decides (Z9, Z11)."""
        place = state.elements.place
        other = elsewhere(state.elsewhere) if state.elsewhere else None
        if other is None or (place.value or {}).get("city") == self._home.name:
            return
        state.elsewhere = ""
        out.say(MessageKind.NOTICE, "elsewhere", city=other.city, home=self._home.name, hotline=other.hotline)
        cited = f"（{self._home.scope.cite()}）" if self._home.scope else ""
        reason = f"疑似不在本市辖区{cited}：{other.city}，已告知 {other.hotline}；是否受理由工作人员判断"
        state.elements = replace(state.elements, place=replace(place, reason=reason))

    async def _submit(self, turn: Turn, out: Outcome) -> None:
        state, record = turn.state, turn.record
        if state.stage is not Stage.CONFIRMING or state.missing():
            self.ask_next(turn, out)
            return
        try:
            ticket_id = await self._tickets.draft(
                record.id, record.contact_id, record.channel.value, state.ticket_type, state.elements
            )
            no = await self._tickets.file(ticket_id, "bot")
        except Exception:
            log.exception("filing_failed")
            out.say(MessageKind.SORRY, "filing_failed")
            out.transfer("failed")
            return
        out.ticket_no = no
        out.say(MessageKind.FILED, "filed", no=no)
        state.forget_matter()

    def _change(self, turn: Turn, out: Outcome) -> None:
        """Something read back is wrong: what was said anew is taken, else the named element is asked for again."""
        state = turn.state
        if any(turn.found.get(name).status is ElementStatus.FILLED for name in ASK_ORDER):
            self.ask_next(turn, out)
            return
        named = turn.step.entities.get("element", "")
        name = ElementName(named) if named in {*ElementName} else named_element(turn.text)
        if name is None:
            state.awaiting = "element"
            out.say(MessageKind.ASK, "change_which")
            return
        self.ask_again(turn, out, name)

    def ask_again(self, turn: Turn, out: Outcome, name: ElementName) -> None:
        """Take ``name`` back and ask for it."""
        state = turn.state
        state.awaiting = ""
        state.elements = replace(state.elements, **{name.value: Element(name)})
        state.asked.pop(name.value, None)
        self._ask(state, out, name)

    def _cancel(self, turn: Turn, out: Outcome) -> None:
        key = "cancelled" if turn.state.in_form else "nothing_to_cancel"
        turn.state.forget_matter()
        out.say(MessageKind.CHAT, key)

    def _choose(self, turn: Turn, out: Outcome) -> None:
        state = turn.state
        key = turn.step.entities.get("choice", "")
        key = str(len(state.choices)) if key == "last" else key
        if key in state.choice_entries:
            self.answering.take_choice(turn, out, key)
        else:
            out.say(MessageKind.ASK, "choose_again")

    async def progress(self, turn: Turn, out: Outcome) -> None:
        """How far a ticket has come; kind and date only for the number it was reported from (Z35)."""
        state = turn.state
        said = _TICKET_NO.search(digits_of(turn.text))
        if said is None:
            key = "ask_ticket_no_again" if state.awaiting == "ticket_no" else "ask_ticket_no"
            out.failed = state.awaiting == "ticket_no"
            state.awaiting = "ticket_no"
            out.say(MessageKind.ASK, key)
            return
        told = await self._tickets.status_for_caller(said.group(), await self._number_of(turn.record))
        if told is None:
            state.awaiting = "ticket_no"
            out.failed = True
            out.say(MessageKind.ASK, "ask_ticket_no_again")
            return
        state.awaiting = ""
        out.say(MessageKind.ANSWER, "progress", no=told.no, state=told.text)

    def _say(self, turn: Turn, out: Outcome, key: str) -> None:
        state = turn.state
        if key == "anonymous":
            self._decline_person(turn)
        out.say(MessageKind.CHAT, key)
        if key == "bye":
            state.forget_matter()
            do = Do.HANG_UP if turn.record.channel is Channel.PHONE else Do.END_CHAT
            out.directives = [Directive(do, "bye")]
        elif state.stage is Stage.CONFIRMING and turn.step.directives[-1].get("do") != "confirm_ticket":
            self._read_back(state, out)

    def _decline_person(self, turn: Turn) -> None:
        state = turn.state
        if state.elements.person.status is ElementStatus.MISSING:
            declined = Element(ElementName.PERSON, status=ElementStatus.DECLINED, reason="市民要求不留姓名")
            state.elements = replace(state.elements, person=declined)

    def clarify(self, turn: Turn, out: Outcome) -> None:
        """Not understood: ask again in other words, then a person."""
        state = turn.state
        if turn.step.act == "affirm" and not state.in_form:
            out.say(MessageKind.CHAT, "go_on")
            return
        if turn.step.act == "deny" and state.answered:
            if not _NOTHING_MORE.match(turn.text):
                self.answering.denied(turn, out)
            state.awaiting = "person"
            out.say(MessageKind.ASK, "offer_person")
            return
        out.failed = True
        if state.failures + 1 > MOST_FAILURES or (state.failures + 1 == MOST_FAILURES and not state.in_form):
            out.say(MessageKind.SORRY, "give_up")
            out.transfer("failed")
        elif not state.in_form:
            out.say(MessageKind.SORRY, "clarify", state.failures)


def _leave_out(state: State) -> None:
    """What the kind of the matter does not call for: a wish happened at no time, praise wants nothing done."""
    if state.ticket_type == TicketType.SUGGESTION and state.elements.demand.status is ElementStatus.FILLED:
        names: tuple[ElementName, ...] = (ElementName.TIME, ElementName.EVENT)
    elif state.ticket_type == TicketType.PRAISE and state.elements.event.status is ElementStatus.FILLED:
        names = (ElementName.DEMAND,)
    else:
        return
    for name in names:
        if state.elements.get(name).status is ElementStatus.MISSING:
            left_out = Element(name, status=ElementStatus.NOT_APPLICABLE, reason="此类诉求不涉及")
            state.elements = replace(state.elements, **{name.value: left_out})


def named_element(text: str) -> ElementName | None:
    """The element that ``text`` names, if it names just one."""
    named = [name for name, words in _ELEMENT_WORDS.items() if any(word in text for word in words)]
    return named[0] if len(named) == 1 else None


def expectation(state: State, divisions: tuple[str, ...]) -> Expectation:
    """What to listen for next."""
    if state.doubt:
        return Expectation("confirm", hints=_YES_OR_NO)
    if state.awaiting == "ticket_no":
        return Expectation("digits", no_input_s=8.0, digits=TICKET_NO_DIGITS)
    if state.awaiting or state.stage is Stage.CONFIRMING:
        return Expectation("confirm", hints=_YES_OR_NO)
    if state.choices:
        return Expectation("choose", hints=("第一个", "第二个", "第三个", *(choice.title for choice in state.choices)))
    if state.stage is Stage.GATHERING and state.requested and not settled(state.elements.get(state.requested)):
        hints = divisions if state.requested is ElementName.PLACE else ()
        return Expectation("element", state.requested.value, hints, no_input_s=7.0)
    return Expectation()
