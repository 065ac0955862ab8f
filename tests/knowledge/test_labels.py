"""Labels and examples: what is taken, what is refused, that nothing lies in clear and nothing is half taken."""

from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import select

from config.clock import ManualClock
from knowledge.contract import Actor
from knowledge.example_text import LONGEST, MAX_ROWS, bare, problem
from knowledge.importer import ImportRefused
from knowledge.labels import MOST_AT_ONCE, Labels
from knowledge.training import TrainingError
from store.accounts import Role
from store.engine import Database
from store.schema import audit, nlu_examples, nlu_utterances
from store.vault import Vault

EDITOR = Actor("ed1", Role.EDITOR)
AGENT = Actor("ag1", Role.AGENT)


class Acts:
    labels: Mapping[str, str] = {"ask": "咨询", "complain": "投诉"}
    own: Mapping[str, Sequence[str]] = {"ask": ["公积金怎么提取"], "complain": ["工地太吵"]}
    evaluated = frozenset({bare("社保卡丢了怎么办？")})


@pytest.fixture
def labels(each_database: Database, vault: Vault, clock: ManualClock) -> Labels:
    return Labels(each_database, vault, clock, Acts())


async def heard(labels: Labels, text: str, *, conversation: str = "c1", stage: str = "open") -> str:
    id = await labels.note(conversation, text, stage, [("ask", 0.41), ("complain", 0.4)], "low_confidence")
    assert id is not None
    return id


async def test_a_labelled_utterance_becomes_an_example(labels: Labels) -> None:
    id = await heard(labels, "夜宵摊的事我要问问")
    (one,) = await labels.unsure()
    assert (one.id, one.text, one.suggested, one.why) == (id, "夜宵摊的事我要问问", "ask", "low_confidence")
    assert one.ranking == (("ask", 0.41), ("complain", 0.4))
    assert await labels.label([id], "complain", EDITOR) == 1
    assert await labels.open_count() == 0
    (added, *own) = await labels.examples("complain")
    assert (added.text, added.origin, added.by) == ("夜宵摊的事我要问问", "labelled", "ed1")
    assert [one.text for one in own] == ["工地太吵"]
    assert {act.name: (act.examples, act.added) for act in await labels.acts()} == {"ask": (1, 0), "complain": (1, 1)}


async def test_what_many_said_is_one_row_and_one_example(labels: Labels) -> None:
    ids = {await heard(labels, text, conversation=text) for text in ("路灯不亮", "路灯不亮。", "路灯 不亮")}
    await heard(labels, "另一句话")
    first, second = await labels.unsure()
    assert (set(first.ids), second.text) == (ids, "另一句话")
    assert await labels.label([*first.ids], "complain", EDITOR) == 1
    assert await labels.open_count() == 1


async def test_a_label_is_given_once(labels: Labels) -> None:
    id = await heard(labels, "路灯不亮")
    await labels.label([id], "complain", EDITOR)
    for again in (labels.label([id], "ask", EDITOR), labels.discard([id], EDITOR)):
        with pytest.raises(TrainingError) as refusal:
            await again
        assert refusal.value.code == "not_found"


async def test_when_one_of_many_is_gone_none_is_labelled(labels: Labels) -> None:
    ids = [await heard(labels, "路灯不亮"), await heard(labels, "井盖没了")]
    await labels.discard(ids[:1], EDITOR)
    with pytest.raises(TrainingError):
        await labels.label(ids, "complain", EDITOR)
    assert await labels.open_count() == 1
    assert await labels.added() == []


async def test_what_is_known_or_measured_with_is_labelled_but_no_example(labels: Labels) -> None:
    ids = [await heard(labels, "公积金怎么提取"), await heard(labels, "社保卡丢了怎么办")]
    assert await labels.label(ids, "ask", EDITOR) == 0
    assert await labels.open_count() == 0


@pytest.mark.parametrize("ids", [[], ["x"] * 2 + [str(n) for n in range(MOST_AT_ONCE)]])
async def test_none_or_too_many_at_once_are_refused(labels: Labels, ids: list[str]) -> None:
    with pytest.raises(TrainingError) as refusal:
        await labels.label(ids, "ask", EDITOR)
    assert refusal.value.code == "invalid"


async def test_nothing_lies_in_clear_and_every_change_is_audited(labels: Labels, each_database: Database) -> None:
    id = await heard(labels, "夜宵摊太吵了")
    await labels.label([id], "complain", EDITOR)
    example = await labels.add_example("阳台漏水了", "complain", EDITOR)
    await labels.remove_example(example.id, EDITOR)
    async with each_database.connect() as connection:
        stored = [
            str(tuple(row))
            for table in (nlu_utterances, nlu_examples, audit)
            for row in await connection.execute(select(table))
        ]
        actions = [row.action for row in await connection.execute(select(audit).order_by(audit.c.at))]
    assert not [row for row in stored if "夜宵摊" in row or "阳台" in row]
    assert sorted(actions) == ["nlu.example_added", "nlu.example_removed", "nlu.labelled"]


async def test_a_removed_example_can_come_back(labels: Labels) -> None:
    first = await labels.add_example("阳台漏水了", "complain", EDITOR)
    await labels.remove_example(first.id, EDITOR)
    assert await labels.added() == []
    with pytest.raises(TrainingError):
        await labels.remove_example(first.id, EDITOR)
    assert await labels.add_example("阳台漏水了", "ask", EDITOR)


@pytest.mark.parametrize(
    ("text", "label", "says"),
    [
        ("路灯不亮", "nothing", "没有“nothing”"),
        ("", "ask", "没有文字"),
        ("。。", "ask", "没有文字"),
        ("字" * (LONGEST + 1), "ask", "最多"),
        ("我的电话是13800000000", "ask", "号码"),
        ("打 138-0000-0000 找我", "ask", "号码"),
        ("身份证四四零八零二一九九", "ask", "号码"),
        ("粤G12345停在门口", "complain", "号码"),
        ("我叫王小明", "ask", "姓名"),
        ("看看[这里](place)", "ask", "符号"),
        ("两行\n的话", "ask", "符号"),
        ("# 注释", "ask", "符号"),
        ("公积金怎么提取？", "complain", "已有这句话（咨询）"),
        ("社保卡丢了怎么办", "ask", "评估集"),
    ],
)
async def test_what_cannot_be_an_example_is_refused(labels: Labels, text: str, label: str, says: str) -> None:
    with pytest.raises(TrainingError) as refusal:
        await labels.add_example(text, label, EDITOR)
    assert (refusal.value.code, refusal.value.status) == ("invalid", 422)
    assert says in refusal.value.message
    assert await labels.added() == []


@pytest.mark.parametrize(
    "text",
    ["打12345收不收费", "我叫【姓名】，电话【号码】", "你叫什么名字", "在解放路八十八号", "名字是什么", "110 吗"],
)
def test_ordinary_words_are_no_problem(text: str) -> None:
    assert problem(text) == ""


async def test_an_utterance_with_a_number_in_it_is_not_even_kept(labels: Labels) -> None:
    assert await labels.note("c1", "打13800000000", "open", [], "fallback") is None
    assert await labels.open_count() == 0


async def test_only_editors_and_reviewers_teach(labels: Labels) -> None:
    id = await heard(labels, "路灯不亮")
    for attempt in (
        labels.label([id], "ask", AGENT),
        labels.discard([id], AGENT),
        labels.add_example("新的说法", "ask", AGENT),
        labels.remove_example("x", AGENT),
        labels.import_file("a.csv", b"text,label\n", AGENT),
    ):
        with pytest.raises(TrainingError) as refusal:
            await attempt
        assert refusal.value.status == 403


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", "text,label\n路灯坏了一个月,complain\n高龄津贴几岁领,ask\n公积金怎么提取,ask\n"),
        ("a.CSV", "\ufefflabel,text\r\ncomplain,路灯坏了一个月\r\n\r\nask,高龄津贴几岁领\r\n"),
        ("a.yaml", "complain:\n  - 路灯坏了一个月\nask: [高龄津贴几岁领]\n"),
        ("a.yml", "- {text: 路灯坏了一个月, label: complain}\n- text: 高龄津贴几岁领\n  label: ask\n"),
    ],
)
async def test_a_good_file_is_taken_whole(labels: Labels, name: str, data: str) -> None:
    assert await labels.import_file(name, data.encode(), EDITOR) == 2
    assert {(one.text, one.label, one.origin) for one in await labels.added()} == {
        ("路灯坏了一个月", "complain", "import"),
        ("高龄津贴几岁领", "ask", "import"),
    }
    assert await labels.import_file(name, data.encode(), EDITOR) == 0


@pytest.mark.parametrize(
    ("name", "data", "lines"),
    [
        ("a.csv", "text,label\n路灯坏了,complain\n我叫王小明,ask\n电话13800000000,ask\n", [3, 4]),
        ("a.csv", "text,label\n路灯坏了,complain\n路灯坏了。,complain\n", [3]),
        ("a.csv", "text,label\n路灯坏了,complains\n", [2]),
        ("a.csv", "text,label\n路灯坏了\n", [2]),
        ("a.csv", 'text,label\n路灯坏了,ask\n"没有配对,ask\n', [3]),
        ("a.csv", "路灯坏了,complain\n", [1]),
        ("a.yaml", "ask:\n  - 高龄津贴几岁领\n  - 社保卡丢了怎么办\n", [3]),
        ("a.yaml", "ask:\n  - 高龄津贴几岁领\ncomplain: 不是一列\n", [3]),
        ("a.yaml", "ask:\n  - {a: b}\n", [2]),
        ("a.yaml", "- {text: 路灯坏了}\n", [1]),
        ("a.yaml", "ask:\n  - [\n", [3]),
        ("a.yaml", "随便写的", [1]),
    ],
)
async def test_a_bad_file_is_refused_with_its_lines(labels: Labels, name: str, data: str, lines: list[int]) -> None:
    with pytest.raises(ImportRefused) as refusal:
        await labels.import_file(name, data.encode(), EDITOR)
    assert [error.line for error in refusal.value.errors] == lines
    assert f"第 {lines[0]} 行" in refusal.value.message
    assert await labels.added() == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"x"),
        ("a.csv", b"text,label\n"),
        ("a.csv", b"text,label\n" + b"a\xe4\xb8\x80,ask\n" * (MAX_ROWS + 1)),
        ("a.csv", b"x" * (2 * 1024 * 1024 + 1)),
        ("a.yaml", b"ask: &a\n  - x\ncomplain: *a\n"),
        ("a.yaml", b"ask:\n" + b" " * 40 + b"- x\n"),
    ],
)
async def test_a_file_that_is_no_such_file_is_refused(labels: Labels, name: str, data: bytes) -> None:
    with pytest.raises((TrainingError, ImportRefused)):
        await labels.import_file(name, data, EDITOR)
    assert await labels.added() == []
