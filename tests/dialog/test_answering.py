"""Questions as a conversation asks them: what is told, what is written down, and what citizens say to an answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import pytest
import structlog
from sqlalchemy import text as sql

from config.clock import ManualClock
from config.settings import Settings
from dialog.contract import Channel, Contact, Do, MessageKind, Reply, Said
from dialog.factory import build_dialog
from dialog.spoken_choice import spoken_title
from knowledge.consultations import Consultation, Consultations, Result
from knowledge.contract import Actor, Audience, Entry, Ranked, Ranking, Verdict
from knowledge.disputes import Disputes
from knowledge.entries import EntryForm
from knowledge.repository import Repository
from store.accounts import Role
from store.engine import Database
from store.vault import Vault
from tests.dialog.conftest import Begin, ScriptedRasa, Talk

LOOK_UP = ("ask", {"do": "kb_lookup"})


def entry(id: str, question: str, **changes: object) -> Entry:
    values = {
        "id": id,
        "version": 3,
        "question": question,
        "similar": (),
        "answer": f"{question}：请到窗口办理。",
        "speech": "请到窗口办理。",
        "unit": "市公安局",
        "field": "户籍与身份证",
        "source": "",
        "effective_at": date(2020, 1, 1),
        "sample": False,
    }
    return Entry(**(values | changes))  # type: ignore[arg-type]


@dataclass
class ScriptedSearch:
    """Ranks as told; keeps what it was asked."""

    verdict: Verdict = Verdict.ANSWER
    ranked: Sequence[tuple[Entry, float]] = ()
    error: Exception | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    hints: list[tuple[str, str]] = field(default_factory=list)
    read_before: list[str] = field(default_factory=list)

    def search(
        self,
        question: str,
        at: datetime,
        channel: str,
        *,
        act: str = "",
        area: str = "",
        topic_entry: str | None = None,
    ) -> Ranking:
        self.asked.append((question, topic_entry))
        self.hints.append((act, area))
        if self.error is not None:
            raise self.error
        ranked = tuple(Ranked(entry, score) for entry, score in self.ranked)
        return Ranking(question, self.verdict, ranked, 0.5, at)

    async def read(self, question: str) -> None:
        self.read_before.append(question)

    def entry(self, id: str, at: datetime) -> Entry | None:
        return next((entry for entry, _ in self.ranked if entry.id == id), None)


OFFICE = Actor("office", Role.OFFICE)
CARD = entry("HJ-1", "居住证怎么办理")
LOST = entry("HJ-2", "身份证丢失补领去哪里办理，需要本人到场吗")
MOVED = entry("HJ-3", "户口迁移需要哪些材料（市内迁移）", unit="市民政局", field="民政")


@pytest.fixture
def scripted() -> ScriptedSearch:
    return ScriptedSearch(ranked=((CARD, 0.9),))


@pytest.fixture
async def disputes(database: Database, vault: Vault, clock: ManualClock) -> Disputes:
    """Reports of errors in a knowledge base that holds the entry ``HJ-1``."""
    form = EntryForm.model_validate(
        {"id": CARD.id, "question": CARD.question, "answer": CARD.answer, "speech": CARD.speech}
        | {"unit": CARD.unit, "effective_at": CARD.effective_at}
    )
    await Repository(database, clock).publish([form])
    return Disputes(database, vault, clock)


@pytest.fixture
def log(database: Database, vault: Vault, clock: ManualClock) -> Consultations:
    return Consultations(database, vault, clock)


@pytest.fixture
def talk_to(
    settings: Settings,
    database: Database,
    vault: Vault,
    clock: ManualClock,
    rasa: ScriptedRasa,
    scripted: ScriptedSearch,
) -> Begin:
    """``begin`` over the scripted search; every utterance is taken for a question unless the test says otherwise."""
    dialog = build_dialog(settings, database, vault, clock, search=scripted, understanding=rasa)

    async def start(channel: Channel = Channel.PHONE, contact: Contact | None = None) -> Talk:
        conversation_id, greeting = await dialog.open(channel, contact or Contact("13800000000"), "c", clock.now())
        return Talk(dialog, clock, conversation_id, greeting)

    return start


async def ask(talk: Talk, rasa: ScriptedRasa, text: str) -> Reply:
    rasa.will(*LOOK_UP)
    reply = await talk.say(text)
    rasa.steps.clear()
    return reply


async def last(log: Consultations, talk: Talk) -> Consultation:
    return (await log.of_conversation(talk.id))[-1]


def transferred(reply: Reply) -> str | None:
    return next((directive.reason for directive in reply.directives if directive.do is Do.TRANSFER), None)


async def test_an_answer_is_on_record_with_entry_version_and_score(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations
) -> None:
    talk = await talk_to()
    reply = await ask(talk, rasa, "我想办居住证，我的电话是13800138000")
    assert reply.messages[0].entry_id == "HJ-1"
    found = await last(log, talk)
    assert (found.entry_id, found.version, found.score, found.verdict) == ("HJ-1", 3, 0.9, "answer")
    assert (found.result, found.reason, found.turn_id) == (Result.ANSWERED, "", reply.turn_id)
    assert (found.unit, found.topic, found.channel) == ("市公安局", "户籍与身份证", "phone")
    assert "13800138000" not in found.text


async def test_one_caller_of_two_calls_is_one_asker(talk_to: Begin, rasa: ScriptedRasa, log: Consultations) -> None:
    keys = []
    for contact in (Contact("13800000000"), Contact("13800000000"), Contact("13900000000"), Contact(None)):
        talk = await talk_to(contact=contact)
        await ask(talk, rasa, "居住证怎么办")
        keys.append((await last(log, talk)).contact_key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[3] == talk.id


@pytest.mark.parametrize(("score", "result"), [(0.3, Result.LOW_CONFIDENCE), (0.02, Result.NO_MATCH)])
async def test_no_answer_has_its_reason_and_a_guess_at_the_topic(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch, score: float, result: Result
) -> None:
    scripted.verdict, scripted.ranked = Verdict.ABSTAIN, ((CARD, score),)
    talk = await talk_to()
    await ask(talk, rasa, "无人机要报备吗")
    found = await last(log, talk)
    assert (found.result, found.reason, found.entry_id) == (result, result.value, None)
    assert found.topic == ("户籍与身份证" if result is Result.LOW_CONFIDENCE else "")


async def test_a_second_question_in_vain_is_handed_over_with_its_reason(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch
) -> None:
    scripted.verdict, scripted.ranked = Verdict.ABSTAIN, ()
    talk = await talk_to()
    await ask(talk, rasa, "无人机要报备吗")
    reply = await ask(talk, rasa, "无人机飞行报备")
    assert transferred(reply) == "unanswered"
    found = await log.of_conversation(talk.id)
    assert [(one.result, one.reason) for one in found] == [
        (Result.NO_MATCH, "no_match"),
        (Result.HANDED_OVER, "no_match"),
    ]


async def test_whoever_asks_for_a_person_after_no_answer_is_handed_over(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch
) -> None:
    scripted.verdict = Verdict.ABSTAIN
    talk = await talk_to()
    await ask(talk, rasa, "无人机要报备吗")
    assert transferred(await talk.say("转人工")) == "asked"
    assert (await last(log, talk)).result is Result.HANDED_OVER


async def test_whoever_asks_for_a_person_after_an_answer_was_answered(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations
) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    await talk.say("转人工")
    assert (await last(log, talk)).result is Result.ANSWERED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("第二个", Said.SPEECH),
        ("2", Said.KEYS),
        ("二", Said.SPEECH),
        ("身份证丢失补领去哪里办理需要本人到场吗", Said.SPEECH),
        ("身份正丢失补领去那里办理需要本人到场吗", Said.SPEECH),
        ("身份证丢失补领去哪里办理", Said.SPEECH),
        ("丢失补领那个", Said.SPEECH),
    ],
)
async def test_one_of_three_long_offers_is_picked_by_voice_and_by_key(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch, text: str, said: Said
) -> None:
    scripted.verdict, scripted.ranked = Verdict.CHOOSE, ((CARD, 0.4), (LOST, 0.3), (MOVED, 0.2))
    talk = await talk_to()
    offer = await ask(talk, rasa, "证件怎么办")
    assert len(offer.messages[0].choices) == 3
    assert (await last(log, talk)).result is Result.OFFERED
    reply = await talk.say(text, said)
    assert reply.messages[0].entry_id == "HJ-2"
    found = await log.of_conversation(talk.id)
    assert [(one.result, one.entry_id, one.reason) for one in found] == [(Result.CHOSEN, "HJ-2", "")]


async def test_long_titles_are_said_short_and_shown_whole(
    talk_to: Begin, rasa: ScriptedRasa, scripted: ScriptedSearch
) -> None:
    scripted.verdict, scripted.ranked = Verdict.CHOOSE, ((CARD, 0.4), (LOST, 0.3), (MOVED, 0.2))
    message = (await ask(await talk_to(), rasa, "证件怎么办")).messages[0]
    assert [choice.title for choice in message.choices] == [CARD.question, LOST.question, MOVED.question]
    assert "第二，身份证丢失补领去哪里办理，第三，户口迁移需要哪些材料" in message.speech
    assert "（" not in message.speech
    assert len(spoken_title("很" * 50)) == 20


@pytest.mark.parametrize("text", ["都不是", "这几个都不是", "没有我要问的", "不是这些", "哪个都不是"])
async def test_none_of_the_offers_is_a_question_without_an_answer(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch, text: str
) -> None:
    scripted.verdict, scripted.ranked = Verdict.CHOOSE, ((CARD, 0.4), (LOST, 0.3))
    talk = await talk_to()
    await ask(talk, rasa, "证件怎么办")
    reply = await talk.say(text)
    assert reply.messages[0].kind is MessageKind.SORRY
    assert reply.expect.state == "open"
    found = await last(log, talk)
    assert (found.result, found.reason) == (Result.LOW_CONFIDENCE, "low_confidence")
    assert transferred(await talk.say("人工")) == "asked"
    assert (await last(log, talk)).result is Result.HANDED_OVER


@pytest.mark.parametrize("text", ["不是这个", "你没回答我的问题", "答非所问啊", "不是我要问的", "没有回答到我的问题"])
async def test_a_denied_answer_is_denied_on_record_and_a_person_is_offered(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, text: str
) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    reply = await talk.say(text)
    assert reply.messages[-1].kind is MessageKind.ASK
    found = await last(log, talk)
    assert (found.result, found.reason) == (Result.DENIED, "denied")
    assert transferred(await talk.say("好的")) == "choice"
    assert (await last(log, talk)).result is Result.DENIED


async def test_a_denial_with_another_question_is_both(talk_to: Begin, rasa: ScriptedRasa, log: Consultations) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    reply = await talk.say("不是这个，我想问身份证丢了怎么补")
    assert reply.messages[-1].kind is MessageKind.ANSWER
    assert [one.result for one in await log.of_conversation(talk.id)] == [Result.DENIED, Result.ANSWERED]


async def test_nothing_more_to_ask_denies_nothing(talk_to: Begin, rasa: ScriptedRasa, log: Consultations) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    rasa.will("deny", {"do": "clarify"})
    await talk.say("没有")
    assert (await last(log, talk)).result is Result.ANSWERED


@pytest.mark.parametrize("text", ["你们说的不对", "这个电话打不通", "这个早就改了", "这是以前的政策了", "已经取消了"])
async def test_a_report_of_an_error_counts_only_once_it_is_confirmed(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, disputes: Disputes, text: str
) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    asked = await talk.say(text)
    assert asked.messages[0].text.count("？") == 1
    assert asked.expect.state == "confirm"
    assert await disputes.disputes(OFFICE) == ()
    assert (await last(log, talk)).result is Result.ANSWERED
    told = await talk.say("是的")
    (made,) = await disputes.disputes(OFFICE)
    assert (made.entry_id, made.version, made.reporter_kind, made.reason) == ("HJ-1", 3, "citizen", text)
    assert made.conversation_id == talk.id
    assert (await last(log, talk)).result is Result.DISPUTED
    assert told.messages[-1].kind is MessageKind.ASK
    assert transferred(await talk.say("好的")) == "choice"


@pytest.mark.parametrize("text", ["不是", "不用了", "嗯那个"])
async def test_anything_but_a_yes_silences_nothing(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, disputes: Disputes, text: str
) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    await talk.say("你们说的不对")
    await talk.say(text)
    await talk.say("是的")
    assert await disputes.disputes(OFFICE) == ()
    assert (await last(log, talk)).result is Result.ANSWERED


@pytest.mark.parametrize("text", ["身份证已经过期了怎么办", "我的社保已经停了怎么续", "我要投诉他们电话打不通"])
async def test_a_new_matter_is_no_report_of_an_error(talk_to: Begin, rasa: ScriptedRasa, text: str) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    reply = await ask(talk, rasa, text)
    assert reply.act != "dispute"


async def test_a_report_of_an_entry_that_is_gone_still_answers_the_citizen(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations
) -> None:
    talk = await talk_to()
    await ask(talk, rasa, "居住证怎么办")
    await talk.say("你们说的不对")
    assert (await talk.say("对")).messages[-1].kind is MessageKind.ASK
    assert (await last(log, talk)).result is Result.DISPUTED


async def test_a_broken_search_is_ours_and_a_person_takes_over(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch
) -> None:
    scripted.error = RuntimeError("index gone")
    talk = await talk_to()
    reply = await ask(talk, rasa, "居住证怎么办")
    assert transferred(reply) == "failed"
    found = await last(log, talk)
    assert (found.result, found.reason) == (Result.FAILED, "system_error")


async def test_what_is_not_answered_while_rasa_is_down_is_no_fault_of_the_knowledge_base(
    talk_to: Begin, log: Consultations, scripted: ScriptedSearch
) -> None:
    scripted.verdict = Verdict.ABSTAIN
    talk = await talk_to()
    await talk.say("请问无人机要报备吗")
    assert (await last(log, talk)).reason == "system_error"


@pytest.mark.parametrize("channel", [Channel.PHONE, Channel.WEB])
async def test_a_follow_up_is_asked_with_its_topic_on_every_channel(
    talk_to: Begin, rasa: ScriptedRasa, log: Consultations, scripted: ScriptedSearch, channel: Channel
) -> None:
    talk = await talk_to(channel)
    await ask(talk, rasa, "我想办居住证")
    rasa.will("nlu_fallback", {"do": "clarify"})
    reply = await talk.say("那要带什么材料")
    assert reply.messages[0].kind is MessageKind.ANSWER
    assert scripted.asked[-1] == ("那要带什么材料", "HJ-1")
    assert "居住证" in (await last(log, talk)).text


async def test_the_topic_is_forgotten_after_some_turns_another_question_or_a_ticket(
    talk_to: Begin, rasa: ScriptedRasa, scripted: ScriptedSearch
) -> None:
    follow_up = "那要带什么材料"
    talk = await talk_to()
    await ask(talk, rasa, "我想办居住证")
    for _ in range(3):
        rasa.will("thanks", {"do": "say", "key": "thanks"})
        await talk.say("谢谢")
    await ask(talk, rasa, follow_up)
    assert scripted.asked[-1] == (follow_up, None)

    await ask(talk, rasa, "我想办居住证")
    scripted.verdict = Verdict.ABSTAIN
    await ask(talk, rasa, "无人机飞行要不要报备")
    await ask(talk, rasa, follow_up)
    assert scripted.asked[-1] == (follow_up, None)

    scripted.verdict = Verdict.ANSWER
    talk = await talk_to()
    await ask(talk, rasa, "我想办居住证")
    rasa.will("complain", {"do": "start_ticket", "type": "complaint"}, {"ask": "event"})
    await talk.say("我要投诉")
    rasa.will("ask", {"do": "kb_lookup"}, {"ask": "event"})
    await talk.say(follow_up)
    assert scripted.asked[-1] == (follow_up, None)


async def test_the_search_is_told_the_act_and_where_the_matter_is(
    talk_to: Begin, rasa: ScriptedRasa, scripted: ScriptedSearch
) -> None:
    await ask(await talk_to(), rasa, "赤坎区的居住证在哪里办")
    assert scripted.hints[-1] == ("ask", "赤坎区")


async def test_what_only_agents_may_see_is_never_told(
    talk_to: Begin, rasa: ScriptedRasa, scripted: ScriptedSearch
) -> None:
    hidden = replace(CARD, audience=Audience.AGENTS)
    talk = await talk_to()
    scripted.ranked = ((hidden, 0.95),)
    assert not any(message.entry_id for message in (await ask(talk, rasa, "居住证怎么办")).messages)
    talk = await talk_to()
    scripted.verdict, scripted.ranked = Verdict.CHOOSE, ((hidden, 0.4), (LOST, 0.3), (MOVED, 0.2))
    choices = (await ask(talk, rasa, "证件怎么办")).messages[0].choices
    assert [choice.title for choice in choices] == [LOST.question, MOVED.question]


async def test_a_log_that_cannot_be_written_costs_the_citizen_nothing(
    talk_to: Begin, rasa: ScriptedRasa, database: Database
) -> None:
    talk = await talk_to()
    async with database.begin() as connection:
        await connection.execute(sql("DROP TABLE consultations"))
    with structlog.testing.capture_logs() as logged:
        reply = await ask(talk, rasa, "居住证怎么办")
    assert reply.messages[0].kind is MessageKind.ANSWER
    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["consultation_not_recorded"]
    assert not any("居住证" in str(line) for line in logged)
    assert (await talk.say("再说一遍")).messages
