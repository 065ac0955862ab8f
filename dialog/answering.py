"""Questions: looked up, answered, offered as a choice, or left to a person; and what citizens say to an answer (Z18, Z47).

Every question is written down with what became of it (:mod:`knowledge.consultations`).
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

import structlog

from dialog import fallback
from dialog.contract import Choice, Message, MessageKind
from dialog.masking import mask
from dialog.phrases import phrase
from dialog.rasa_client import Stage
from dialog.spoken_choice import spoken_title
from dialog.state import State, Topic
from dialog.turn import Outcome, Turn
from knowledge.consultations import Consultation, Reason, Result, Settled
from knowledge.contract import Audience, Entry, Ranking, Verdict
from knowledge.followup import follow_up

log = structlog.get_logger("dialog")

MOST_FAILURES: Final = 2
"""So many turns that lead nowhere, and a person takes over (DESIGN §1: two failed turns offer a person)."""
CERTAIN: Final = 0.9
"""Score of an answer that outweighs the act: of 1,592 left-out ways of asking, 3.8 % were answered wrongly at 0.6."""
GUESS: Final = 0.1
"""Score from which the best entry found is a candidate, and its field and unit say what was asked about."""
_PUNCTUATION: Final = re.compile(r"[\s，。！？、；,.!?;：:]")
_NOT_THAT: Final = re.compile(
    r"^(?:你|您)?(?:这|那)?(?:个)?(?:不是(?:这个|这些|我(?:要|想)?(?:问|说|查)的)|问的不是这个|答非所问|"
    r"(?:你|您|还是)?(?:没有|没)(?:有)?(?:回答|解答|答)(?:到|上)?(?:我)?(?:的)?(?:问题)?|"
    r"(?:你|您)?(?:回答|答|说)的?不是我(?:要|想)?(?:问|说)的)(?:的|啊|呀|吧|了)*"
)
_NONE_OF_THEM: Final = re.compile(
    r"^(?:(?:这|以上|上面)?(?:几个|三个|两个|些)?(?:都|全|一个都)(?:不是|不对|不要|没有)|"
    r"没有我(?:要|想)(?:问|找|说)?的|不是(?:这几个|这些|这三个|这两个)|哪个都不是|没有一个(?:是|对)).{0,8}$"
)
_WRONG: Final = re.compile(
    r"(?:说|讲|答|答复|回答|信息|内容|政策|号码|地址|时间)(?:的|得)?(?:都|全|完全|根本)?(?:不对|错了|是错的|有误|不准确|不正确)|"
    r"(?:电话|号码)(?:根本|都|一直|也)?(?:打不通|是空号|空号|停机|不存在|是错的)|^(?:也|都)?打不通|"
    r"^(?:(?:这|那|你们|政策|规定|地址|电话|号码|标准|时间|地方|现在|人家)[^\d]{0,6})?"
    r"(?:早就|早|已经|都)(?:改|变|取消|搬|废止|作废|换)(?:了|掉|走|过)+[的啊呀吧]?$|"
    r"^(?:这|那)?(?:个)?(?:是)?(?:以前|过去|老|旧)的?(?:政策|规定|地址|电话|号码)[了吧啊]?$"
)
_OTHER_MATTER: Final = re.compile(r"投诉|举报|反映|工单")
_LEAST_QUESTION: Final = 4
"""Characters after 「不是这个」 from which they are a question of their own."""


class Search(Protocol):
    """``knowledge.search.Search``."""

    def search(
        self,
        question: str,
        at: datetime,
        channel: str,
        *,
        act: str = "",
        area: str = "",
        topic_entry: str | None = None,
    ) -> Ranking: ...

    def entry(self, id: str, at: datetime) -> Entry | None: ...

    async def read(self, question: str) -> None: ...


class Disputes(Protocol):
    """Takes reports that an entry is wrong: it is silenced and a clock runs (Z47). ``knowledge.disputes.Disputes``."""

    async def dispute_from(
        self, kind: str, entry_id: str, reason: str, *, conversation_id: str | None = None, version: int | None = None
    ) -> object: ...


class Answering:
    """Everything about questions and answers."""

    def __init__(self, search: Search, disputes: Disputes) -> None:
        self._search = search
        self._disputes = disputes

    async def read(self, turn: Turn) -> None:
        """Have what may be asked read for its meaning while the bot makes out what is wanted."""
        if turn.state.in_form:
            return
        topic = turn.state.topic
        try:
            await self._search.read((follow_up(turn.text, topic.question) if topic else None) or turn.text)
        except Exception:
            log.exception("question_not_read")

    def look_up(self, turn: Turn, out: Outcome, question: str) -> None:
        """Answer from the knowledge base, offer a choice, or say that there is no answer (Z18)."""
        state, topic = turn.state, turn.state.topic
        about = follow_up(question, topic.question) if topic else None
        whole = about or question
        try:
            ranking = self._ranking(turn, question, topic)
        except Exception:
            log.exception("search_failed")
            self._failed(turn, out, whole)
            return
        asked = _consultation(turn, whole, ranking)
        state.topic = topic if about else None
        if ranking.verdict is Verdict.ANSWER:
            entry = ranking.ranked[0].entry
            out.asked.append(_answered(asked, entry))
            self._answer(state, out, entry, asked.id)
            return
        state.open_question = asked.id
        if ranking.verdict is Verdict.CHOOSE:
            out.asked.append(replace(asked, result=Result.OFFERED, reason=""))
            self._offer(state, out, [ranked.entry for ranked in ranking.ranked[:3]])
        elif state.in_form:
            out.asked.append(asked)
            out.say(MessageKind.SORRY, "no_answer_in_form")
        else:
            out.asked.append(asked)
            self.no_answer(state, out)

    def knows(self, turn: Turn) -> bool:
        """Whether the knowledge base has one certain answer to what was said."""
        try:
            ranking = self._ranking(turn, turn.text, None)
        except Exception:
            log.exception("search_failed")
            return False
        return ranking.verdict is Verdict.ANSWER and ranking.ranked[0].score >= CERTAIN

    def follows_up(self, turn: Turn) -> bool:
        """Whether the words ask for more about what was just answered."""
        topic = turn.state.topic
        return topic is not None and follow_up(turn.text, topic.question) is not None

    def take_choice(self, turn: Turn, out: Outcome, key: str) -> None:
        """Answer with the entry that was offered under ``key``."""
        state = turn.state
        entry = self._search.entry(state.choice_entries[key], turn.at)
        if entry is None:
            state.forget_choices()
            self.no_answer(state, out)
            return
        if state.open_question:
            chosen = Settled(state.open_question, Result.CHOSEN, "", entry.id, entry.version, entry.unit, entry.field)
            out.settled.append(chosen)
        self._answer(state, out, entry, state.open_question)

    def said_to_choices(self, turn: Turn, out: Outcome) -> bool:
        """「都不是」 to what was offered: true when that was said."""
        state = turn.state
        if not state.choices or not _NONE_OF_THEM.search(_PUNCTUATION.sub("", turn.text)):
            return False
        if state.open_question:
            out.settled.append(Settled(state.open_question, Result.LOW_CONFIDENCE))
        state.forget_choices()
        if state.in_form:
            out.say(MessageKind.SORRY, "no_answer_in_form")
        else:
            self.no_answer(state, out)
        return True

    async def said_to_answer(self, turn: Turn, out: Outcome) -> bool:
        """What a citizen says to an answer: 「不是这个」, 「电话打不通」, or the yes to reporting it; true when it was that."""
        state, topic = turn.state, turn.state.topic
        words = _PUNCTUATION.sub("", turn.text)
        if state.awaiting == "dispute":
            return await self._confirmed(turn, out)
        if topic is None or state.in_form or state.choices or _OTHER_MATTER.search(words):
            return False
        if _WRONG.search(words) and not fallback.is_question(words):
            out.act, state.awaiting, state.complaint = "dispute", "dispute", turn.text
            out.say(MessageKind.ASK, "dispute_doubt")
            return True
        denial = _NOT_THAT.match(words) if state.answered else None
        if denial is None:
            return False
        out.act = "deny"
        self.denied(turn, out)
        rest = words[denial.end() :]
        if len(rest) >= _LEAST_QUESTION and not fallback.is_no(rest):
            self.look_up(turn, out, rest)
        else:
            state.awaiting = "person"
            out.say(MessageKind.ASK, "offer_person")
        return True

    def denied(self, turn: Turn, out: Outcome) -> None:
        """The last answer was none to the question."""
        state = turn.state
        if state.topic and state.topic.consultation:
            out.settled.append(Settled(state.topic.consultation, Result.DENIED))
        state.topic, state.answered = None, False

    def handed_over(self, state: State, out: Outcome) -> None:
        """A person takes over while a question is open."""
        if state.open_question and not out.emergency:
            mine = [number for number, one in enumerate(out.asked) if one.id == state.open_question]
            for number in mine:
                out.asked[number] = out.asked[number].become(Result.HANDED_OVER)
            if not mine:
                out.settled.append(Settled(state.open_question, Result.HANDED_OVER))
        state.open_question = ""

    async def _confirmed(self, turn: Turn, out: Outcome) -> bool:
        """The answer to 「要报给承办单位核实吗」. Only a yes silences an entry: a cough must not."""
        state, topic = turn.state, turn.state.topic
        said, state.awaiting, state.complaint = state.complaint, "", ""
        if fallback.is_no(turn.text):
            out.act = "deny"
            out.say(MessageKind.CHAT, "go_on")
            return True
        if topic is None or not fallback.is_yes(turn.text):
            return False
        out.act = "dispute"
        if topic.consultation:
            out.settled.append(Settled(topic.consultation, Result.DISPUTED))
        try:
            masked = mask(said, turn.tentative.person)
            await self._disputes.dispute_from(
                "citizen", topic.entry_id, masked, conversation_id=turn.record.id, version=topic.version
            )
        except Exception:
            log.exception("dispute_not_reported", entry=topic.entry_id)
        state.topic, state.answered, state.awaiting = None, False, "person"
        out.say(MessageKind.ASK, "dispute_noted")
        return True

    def _ranking(self, turn: Turn, question: str, topic: Topic | None) -> Ranking:
        place = turn.tentative.place.value or {}
        found = self._search.search(
            question,
            turn.at,
            turn.record.channel.value,
            act=turn.step.act,
            area=str(place.get("district") or ""),
            topic_entry=topic.entry_id if topic else None,
        )
        return _for_citizens(found)

    def _failed(self, turn: Turn, out: Outcome, question: str) -> None:
        """The search itself broke: not the citizen's fault, and a person takes over."""
        asked = _consultation(turn, question, None)
        out.asked.append(asked)
        turn.state.topic, turn.state.open_question = None, ""
        if turn.state.in_form:
            out.say(MessageKind.SORRY, "no_answer_in_form")
            return
        out.failed = True
        out.say(MessageKind.SORRY, "search_failed")
        out.transfer("failed")

    def _answer(self, state: State, out: Outcome, entry: Entry, consultation_id: str) -> None:
        state.forget_choices()
        state.failures, state.answered, state.open_question = 0, True, ""
        state.topic = Topic(entry.id, entry.version, entry.question, consultation_id)
        answer = Message(MessageKind.ANSWER, entry.answer, entry.speech, entry.id, entry.version)
        if not state.in_form:
            answer = replace(answer, speech=f"{entry.speech}{phrase(MessageKind.CHAT, 'anything_else').speech}")
        out.messages.append(answer)

    def _offer(self, state: State, out: Outcome, entries: list[Entry]) -> None:
        state.choices = [Choice(str(number), entry.question) for number, entry in enumerate(entries, 1)]
        state.choice_entries = {str(number): entry.id for number, entry in enumerate(entries, 1)}
        if not state.in_form:
            state.stage = Stage.CHOOSING
        titles = "，".join(
            f"第{'一二三'[int(choice.key) - 1]}，{spoken_title(choice.title)}" for choice in state.choices
        )
        question = phrase(MessageKind.CHOOSE, "choose", titles=titles)
        out.messages.append(replace(question, choices=tuple(state.choices)))

    def no_answer(self, state: State, out: Outcome) -> None:
        """Say that there is no answer; the second time a person takes over."""
        out.failed = True
        if state.failures + 1 >= MOST_FAILURES:
            out.say(MessageKind.SORRY, "transfer_unanswered")
            out.transfer("unanswered")
        else:
            out.say(MessageKind.SORRY, "no_answer")


def _for_citizens(ranking: Ranking) -> Ranking:
    """``ranking`` without what only agents may see; an answer that is not for citizens is none."""
    public = tuple(ranked for ranked in ranking.ranked if ranked.entry.audience == Audience.PUBLIC)
    if len(public) == len(ranking.ranked):
        return ranking
    told = ranking.verdict is Verdict.CHOOSE and len(public) > 1
    return replace(ranking, ranked=public, verdict=Verdict.CHOOSE if told else Verdict.ABSTAIN)


def _consultation(turn: Turn, question: str, ranking: Ranking | None) -> Consultation:
    """The question as one that was not answered; ``ranking`` ``None``: the search failed."""
    best = ranking.ranked[0] if ranking and ranking.ranked else None
    candidate = best if best and best.score >= GUESS else None
    result = Result.FAILED if ranking is None else Result.LOW_CONFIDENCE if candidate else Result.NO_MATCH
    blind = turn.engine == "fallback" and result is not Result.FAILED
    return Consultation(
        conversation_id=turn.record.id,
        contact_key=turn.record.contact_id or turn.record.id,
        channel=turn.record.channel.value,
        text=mask(question, turn.tentative.person),
        at=turn.at,
        result=result,
        verdict=ranking.verdict.value if ranking else "",
        score=best.score if best else None,
        unit=candidate.entry.unit if candidate else "",
        topic=candidate.entry.field if candidate else "",
        reason=Reason.SYSTEM_ERROR if blind else "",
        turn_id=turn.id,
    )


def _answered(asked: Consultation, entry: Entry) -> Consultation:
    return replace(
        asked,
        result=Result.ANSWERED,
        entry_id=entry.id,
        version=entry.version,
        unit=entry.unit,
        topic=entry.field,
        reason="",
    )
