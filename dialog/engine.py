"""The conversation core: one turn in, one reply out, the same for every channel.

Order of a turn: clean → guards (emergency, restriction, a call for a person) → what was asked outside the form →
the five elements → Rasa (or the fallback) for the act and the next step → the step carried out → the turn on disk → reply.
"""

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

import structlog

from config.rulebook_model import EmergencyIncident, Rulebook
from dialog import fallback
from dialog.confidential import confidential, without_confidences
from dialog.contract import Channel, Contact, Do, Expectation, Message, MessageKind, Reply, Said, Utterance
from dialog.directives import Actions, expectation, named_element
from dialog.elements.extract import Extractor, is_correction, merge
from dialog.guards import DEFAULT_INCIDENT, MAX_TEXT, Alarm, clean, ends_in_cue, find_emergency, wants_person
from dialog.heard import Certainty, rematch
from dialog.incidents import IncidentBook
from dialog.leader import LeaderHours
from dialog.masking import mask, without_secrets
from dialog.phrases import phrase
from dialog.rasa_client import RasaStep, RasaUnavailable, Resume, Stage
from dialog.records import Record, Records
from dialog.spoken_choice import chosen
from dialog.state import ASK_ORDER, State
from dialog.transcript import reply_from_json, reply_to_json
from dialog.turn import Outcome, Turn
from store.ids import new_id
from tickets.model import Element, ElementName, ElementStatus, FiveElements, TicketType

log = structlog.get_logger("dialog")

EMERGENCY_PRIORITY: Final = 100
"""Before everything else in the queue (湛府办函〔2022〕116号 第十四条)."""
RESTRICTED_NEED_KEY: Final = "1"
"""The notice to restricted callers names it for those in danger."""
_PLAIN_NO: Final = 4
"""Characters: 「不对」, 「不是的」. A longer answer says what is meant and is listened to."""
_SAYS_LITTLE: Final = frozenset({"nlu_fallback", "inform", "chitchat", "out_of_scope", "dont_know"})
"""Acts for which a question that leaves its matter out may be taken."""
_NOTHING: Final = RasaStep(act="", confidence=1.0, ranking=(), directives=())


class Understanding(Protocol):
    """``dialog.rasa_client.RasaClient``."""

    async def turn(
        self,
        conversation_id: str,
        text: str,
        statuses: dict[str, str | None],
        active_form: bool,
        resume: Resume | None = None,
    ) -> RasaStep: ...


class Dialog:
    """Implements :class:`dialog.contract.DialogEngine`. Build it with :func:`dialog.factory.build_dialog`."""

    def __init__(
        self,
        records: Records,
        actions: Actions,
        understanding: Understanding,
        extractor: Extractor,
        rulebook: Rulebook,
        incidents: IncidentBook | None = None,
    ) -> None:
        self._records = records
        self._actions = actions
        self._understanding = understanding
        self._extractor = extractor
        self._rulebook = rulebook
        self._leader = LeaderHours(rulebook, records)
        self._incidents = incidents or IncidentBook(rulebook)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, channel: Channel, contact: Contact, external_id: str, at: datetime) -> tuple[str, Reply]:
        """Begin a conversation. A restricted caller gets no greeting: the node speaks the notice."""
        record = await self._records.begin(channel, contact, external_id, at)
        out = Outcome(act="greeting", engine="guard")
        if not contact.restricted:
            greeting = self._rulebook.greeting
            screen = phrase(MessageKind.GREETING, "greeting_on_screen", city=self._rulebook.name).text
            shown = greeting if channel is Channel.PHONE else screen
            out.messages.append(Message(MessageKind.GREETING, shown, greeting))
        return record.id, await self._commit(record, None, new_id(), out, at)

    async def turn(self, conversation_id: str, utterance: Utterance, at: datetime) -> Reply:
        """Answer one utterance; raises :class:`dialog.records.UnknownConversation`."""
        async with self._locks[conversation_id]:
            record = await self._records.load(conversation_id)
            said = clean(utterance.text)
            hidden = self._confidential(record, said, at)
            text, secret = without_secrets(without_confidences(said) if hidden else said)
            utterance = replace(utterance, text=text[: 4 * MAX_TEXT])
            turn_id, out = new_id(), Outcome(engine="guard")
            record.state.pass_turn()
            utterance, doubted = self._as_expected(record, utterance, at, out)
            if hidden:
                out.act = "confidential"
                out.say(MessageKind.NOTICE, "confidential")
                out.transfer("confidential")
            elif not doubted:
                await self._decide(record, utterance, turn_id, at, out)
            if _hands_over(out) and not record.state.in_form and not record.state.elements.event.source:
                self._take_along(record, utterance, turn_id, at)
            if _hands_over(out):
                self._actions.answering.handed_over(record.state, out)
            if secret:
                out.messages.insert(0, phrase(MessageKind.NOTICE, "secret"))
            record.state.failures = record.state.failures + 1 if out.failed else 0
            return await self._commit(record, utterance, turn_id, out, at)

    def _confidential(self, record: Record, text: str, at: datetime) -> bool:
        """Whether a person must hear this and nothing must keep it (Z14); a danger comes first."""
        if record.restricted or not confidential(text):
            return False
        return find_emergency(text, self._incidents.at(at).incidents).alarm is not Alarm.CERTAIN

    async def partial(self, conversation_id: str, text: str, at: datetime, *, settled: bool = True) -> Reply | None:
        """Words still being said: a certain emergency or a plain call for a person is answered at once."""
        found = find_emergency(text, self._incidents.at(at).incidents)
        certain = found.alarm is Alarm.CERTAIN and (settled or not ends_in_cue(text, found))
        if not certain and not wants_person(text):
            return None
        return await self.turn(conversation_id, Utterance(text, Said.SPEECH), at)

    async def silence(self, conversation_id: str, count: int, at: datetime) -> Reply:
        """Nothing was heard ``count`` times in a row: ask in other words, then a person."""
        async with self._locks[conversation_id]:
            record = await self._records.load(conversation_id)
            out = Outcome(act="silence", engine="guard")
            out.say(MessageKind.SORRY, f"silence_{min(count, 3)}")
            if count >= 3:
                out.transfer("failed")
                self._actions.answering.handed_over(record.state, out)
            elif count == 2 and record.state.last_reply and record.state.in_form:
                out.messages += [one for one in self._last(record.state) if one.kind is MessageKind.ASK]
            return await self._commit(record, None, new_id(), out, at)

    async def close(self, conversation_id: str, ended_by: str, at: datetime) -> None:
        """End the conversation; what was taken down so far stays as a draft."""
        async with self._locks[conversation_id]:
            await self._records.end(conversation_id, ended_by, at)
        self._locks.pop(conversation_id, None)

    def _as_expected(self, record: Record, utterance: Utterance, at: datetime, out: Outcome) -> tuple[Utterance, bool]:
        """What was heard as the expected answer that it sounds like; true when it must be asked for first.

        Never for typed words or keys, and never over an emergency or a call for a person.
        """
        state, text = record.state, utterance.text
        doubt, state.doubt = state.doubt, ""
        alarm = find_emergency(text, self._incidents.at(at).incidents).alarm
        if utterance.said is not Said.SPEECH or alarm is not Alarm.NONE or wants_person(text):
            return utterance, False
        if doubt:
            answer = rematch(text, (), state="confirm").text
            if fallback.is_yes(answer):
                return replace(utterance, text=doubt), False
            if fallback.is_no(answer) and len(answer) <= _PLAIN_NO:
                out.act = "deny"
                out.say(MessageKind.ASK, "say_again")
                return utterance, True
        expected = expectation(state, self._rulebook.divisions)
        heard = rematch(text, expected.hints, state=expected.state)
        if heard.certainty is Certainty.CONFIRM:
            state.doubt, out.act = heard.expected, "heard_doubt"
            out.say(MessageKind.ASK, "heard_doubt", answer=heard.expected)
            return utterance, True
        return replace(utterance, text=heard.text), False

    async def _decide(self, record: Record, utterance: Utterance, turn_id: str, at: datetime, out: Outcome) -> None:
        if await self._guarded(record, utterance, at, out):
            return
        state = record.state
        asked = state.requested if state.stage is Stage.GATHERING else None
        found = self._extract(record, utterance, turn_id, at, asked)
        correcting = state.stage is Stage.CONFIRMING or is_correction(utterance.text)
        tentative = merge(state.elements, found, asked=asked, correcting=correcting)
        turn = Turn(record, turn_id, utterance.text, at, _NOTHING, found, tentative)
        if await self._awaited(turn, out):
            return
        step, engine = await self._understand(turn)
        if self._rather_a_question(turn, step):
            step = replace(step, act="ask", directives=({"do": "kb_lookup"},))
        out.act, out.engine = step.act, engine
        self._take_in(turn, step)
        turn = replace(turn, step=step, engine=engine)
        await self._actions.carry_out(turn, out)
        self._afterwards(turn, out)

    def _take_along(self, record: Record, utterance: Utterance, turn_id: str, at: datetime) -> None:
        """A hand-over takes along what the last words said, so that the agent's form is not empty."""
        found = self._extract(record, utterance, turn_id, at, None)
        record.state.elements = merge(record.state.elements, found, asked=None)

    def _extract(
        self, record: Record, utterance: Utterance, turn_id: str, at: datetime, asked: ElementName | None
    ) -> FiveElements:
        return self._extractor.extract(
            utterance.text,
            turn_id=turn_id,
            at=at,
            said=utterance,
            asked=asked,
            phone_known=record.contact_id is not None,
            before=record.state.elements,
        )

    async def _guarded(self, record: Record, utterance: Utterance, at: datetime, out: Outcome) -> bool:
        """The guards, in the order of their weight; true when one of them has answered."""
        state, text = record.state, utterance.text
        found = find_emergency(text, self._incidents.at(at).incidents)
        if state.awaiting.startswith("emergency:"):
            asked_about = self._incidents.incident(state.awaiting.removeprefix("emergency:"), at)
            state.awaiting = ""
            if asked_about and fallback.is_yes(text):
                return self._emergency(asked_about, out)
            if fallback.is_no(text) and not record.restricted:
                return False
        if found.alarm is Alarm.CERTAIN and found.incident:
            return self._emergency(found.incident, out)
        if record.restricted and utterance.said is Said.KEYS and text == RESTRICTED_NEED_KEY:
            out.act, state.awaiting = "emergency_doubt", f"emergency:{DEFAULT_INCIDENT}"
            out.say(MessageKind.ASK, "emergency_doubt")
            return True
        if record.restricted and not (found.alarm is Alarm.DOUBTFUL and text != state.pending):
            out.act = "restricted"
            out.say(MessageKind.NOTICE, "restricted")
            return True
        if await self._leader.answers(record, text, at, out):
            return True
        if not record.restricted and ((utterance.said is Said.KEYS and text == "0") or wants_person(text)):
            out.act = "person_please"
            out.say(MessageKind.NOTICE, "transfer_asked")
            out.transfer("asked")
            return True
        if found.alarm is Alarm.DOUBTFUL and found.incident and text != state.pending:
            out.act = "emergency_doubt"
            state.awaiting, state.pending = f"emergency:{found.incident.id}", text
            out.say(MessageKind.ASK, "emergency_doubt")
            return True
        if not text or len(text) > MAX_TEXT:
            out.act = "unreadable"
            out.say(MessageKind.SORRY, "too_long" if text else "empty", limit=str(MAX_TEXT))
            return True
        return False

    def _emergency(self, incident: EmergencyIncident, out: Outcome) -> bool:
        """Tell the number and what to do, and put through, before anything else (Z24, Z30)."""
        out.act, out.emergency = "emergency", True
        key = "emergency" if incident.number else "emergency_without_number"
        out.say(MessageKind.EMERGENCY, key, advice=incident.advice, number=incident.number)
        out.transfer("emergency", priority=EMERGENCY_PRIORITY, emergency_number=incident.number)
        return True

    async def _awaited(self, turn: Turn, out: Outcome) -> bool:
        """An answer to what was asked outside the form; true when this turn was one."""
        state, text = turn.state, turn.text
        key = chosen(text, state.choices)
        if key:
            out.act = "choose"
            self._actions.answering.take_choice(turn, out, key)
        elif self._actions.answering.said_to_choices(turn, out):
            out.act = "deny"
        elif await self._actions.answering.said_to_answer(turn, out):
            pass
        elif state.awaiting == "person" and fallback.is_yes(text):
            out.act, state.awaiting = "affirm", ""
            out.say(MessageKind.NOTICE, "transfer_asked")
            out.transfer("choice")
        elif state.awaiting == "person" and fallback.is_no(text):
            out.act, state.awaiting = "deny", ""
            out.say(MessageKind.CHAT, "go_on")
        elif state.pending and fallback.is_no(text):
            out.act = "deny"
            self._no_emergency(turn, out)
        elif state.awaiting == "ticket_no" and any(char.isdigit() or char in "零幺一二三四五六七八九" for char in text):
            out.act = "progress"
            await self._actions.progress(turn, out)
        elif state.awaiting == "element" and (name := named_element(text)):
            out.act = "correct"
            self._actions.ask_again(turn, out, name)
        else:
            if state.awaiting in {"person", "element", "dispute"}:
                state.awaiting = ""
            return False
        return True

    def _no_emergency(self, turn: Turn, out: Outcome) -> None:
        """It was no emergency: what was asked then is answered now."""
        pending, turn.state.pending = turn.state.pending, ""
        if fallback.is_question(pending) or "咨询" in pending:
            self._actions.answering.look_up(turn, out, pending)
        else:
            out.say(MessageKind.CHAT, "go_on")

    async def _understand(self, turn: Turn) -> tuple[RasaStep, str]:
        """The act and the next step from Rasa, or from words alone when Rasa does not answer."""
        state = turn.state
        statuses = state.statuses(turn.tentative)
        settled_now = tuple(
            name.value for name in ASK_ORDER if statuses[name.value] and not state.statuses()[name.value]
        )
        resume = Resume(state.stage, state.requested.value if state.requested else None, settled_now)
        masked = mask(turn.text, turn.tentative.person)
        try:
            _, step = await asyncio.gather(
                self._actions.answering.read(turn),
                self._understanding.turn(turn.record.id, masked, statuses, state.in_form, resume),
            )
        except RasaUnavailable as error:
            log.warning("rasa_unavailable", code=error.code)
            return fallback.decide(turn.text, state, statuses), "fallback"
        return step, "rasa"

    def _rather_a_question(self, turn: Turn, step: RasaStep) -> bool:
        """「家里没水了打哪个电话」: taken for a call for help, asked as a question, and certainly in the knowledge base.

        Only a call for help, never a complaint or report (Z19), and only where neither a place nor a time was told.
        And 「那要带什么材料」 after an answer, which alone says little. And what seems no business of ours but certainly has
        an answer: an emergency script is asked for in words that nobody was trained on.
        """
        if turn.state.in_form:
            return False
        if step.act in _SAYS_LITTLE and self._actions.answering.follows_up(turn):
            return True
        told = turn.found.place.status is ElementStatus.FILLED or turn.found.time.status is ElementStatus.FILLED
        helped = step.act == "ask_help" and not told and fallback.is_question(turn.text)
        return (helped or step.act == "out_of_scope") and self._actions.answering.knows(turn)

    def _take_in(self, turn: Turn, step: RasaStep) -> None:
        """In the form, what this turn said becomes part of the record, and so does 「不知道」."""
        state = turn.state
        if not state.in_form or step.act in {"ask", "progress", "cancel"}:
            return
        state.elements = turn.tentative
        state.elsewhere = self._extractor.elsewhere(turn.text) or state.elsewhere
        if step.declined:
            name = ElementName(step.declined)
            status = ElementStatus.DECLINED if step.act == "anonymous" else ElementStatus.MISSING
            reason = "市民要求不留" if status is ElementStatus.DECLINED else "市民表示不清楚"
            state.elements = replace(state.elements, **{name.value: Element(name, status=status, reason=reason)})

    def _afterwards(self, turn: Turn, out: Outcome) -> None:
        """What must hold whatever the steps were: repeats, the form taken up again, nothing left unsaid."""
        state = turn.state
        if out.act == "repeat":
            out.messages = self._last(state) or [phrase(MessageKind.CHAT, "nothing_to_repeat")]
            return
        if out.act not in {"ask", "affirm"} or not out.messages:
            state.answered = state.answered and out.act == "deny"
        if out.failed and out.directives:
            return
        asks = any(message.kind in (MessageKind.ASK, MessageKind.CONFIRM) for message in out.messages)
        if state.in_form and not asks and not out.directives and not out.ticket_no:
            self._actions.ask_next(turn, out)
        if not out.messages:
            out.failed = True
            out.say(MessageKind.SORRY, "clarify", state.failures)

    async def _commit(
        self, record: Record, utterance: Utterance | None, turn_id: str, out: Outcome, at: datetime
    ) -> Reply:
        handing_over = _hands_over(out)
        expect = Expectation() if handing_over else expectation(record.state, self._rulebook.divisions)
        reply = Reply(
            turn_id=turn_id,
            messages=tuple(out.messages),
            directives=tuple(out.directives),
            expect=expect,
            emergency=out.emergency,
            ticket_no=out.ticket_no,
            act=out.act,
            engine=out.engine,
        )
        if out.act not in {"silence", "repeat", "wait"}:
            record.state.last_reply = reply_to_json(reply)
        await self._records.commit(record, utterance, reply, at, out.asked, out.settled)
        state = record.state
        if state.in_form or (handing_over and state.missing() != ASK_ORDER):
            kind = TicketType.HELP if out.emergency else TicketType.CONSULTATION
            await self._actions.keep_draft(record, state.ticket_type or kind.value)
        return reply

    @staticmethod
    def _last(state: State) -> list[Message]:
        return list(reply_from_json("", state.last_reply).messages) if state.last_reply else []


def _hands_over(out: Outcome) -> bool:
    return any(directive.do is Do.TRANSFER for directive in out.directives)
