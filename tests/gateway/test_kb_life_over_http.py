"""An entry's life as the pages drive it: written, reviewed by a second person, disputed, rolled back; scripts; the tester."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from config.clock import local
from knowledge.contract import Actor, KnowledgeError
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from knowledge.search import Search
from knowledge.synonyms import SynonymLists
from store.accounts import Role
from store.schema import audit
from tests.gateway.conftest import House
from tests.gateway.kb_page import UNIT, KnowledgePage
from tests.gateway.test_kb_over_http import form

OTHER_UNIT = "市社保局"


@pytest.fixture
async def base(house: House) -> AsyncIterator[House]:
    """A house with an entry of each of two units."""
    await Repository(house.database, house.clock).publish(
        [
            form("gjj-1", "公积金怎么提取"),
            form("sb-1", "社保卡怎么补办", unit=OTHER_UNIT, field="社保", similar=("社保卡丢了",)),
        ],
        "tests",
    )
    yield house


def content(**changes: Any) -> dict[str, Any]:
    """What an editor writes."""
    return {
        "id": "gjj-9",
        "question": "公积金贷款要什么条件",
        "similar": ["公积金可以贷款吗"],
        "answer": "连续缴存满六个月可以申请。",
        "speech": "连续缴存满六个月可以申请。",
        "unit": UNIT,
        "field": "公积金",
        "effective_at": "2023-04-01",
    } | changes


async def test_nothing_is_answered_before_a_second_person_approved_it(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    draft = await editor.do("POST", "/drafts", {"content": content(), "base_version": 0, "note": "新政策"}, status=201)
    assert (draft["status"], draft["revision"], draft["problems"], draft["editors"]) == ("draft", 1, [], ["bian"])
    assert [one["id"] for one in (await editor.do("GET", "/entries?status=draft"))["entries"]] == ["gjj-9"]
    draft = await editor.do("POST", f"/drafts/{draft['id']}/submit", {"revision": 1})
    assert (draft["status"], draft["status_label"]) == ("in_review", "待审核")
    assert (await editor.ask("GET", "/entries/gjj-9"))[0] == 404
    path = f"/drafts/{draft['id']}/approve"
    await editor.do("POST", path, {"revision": 2}, status=403)
    waiting = (await reviewer.do("GET", "/reviews"))["drafts"]
    assert [(one["id"], one["before"]) for one in waiting] == [(draft["id"], None)]
    assert {
        "name": "unit",
        "label": "承办单位",
        "before": "",
        "after": UNIT,
        "lines": [{"op": "add", "text": UNIT}],
    } in (waiting[0]["diff"])
    done = await reviewer.do("POST", path, {"revision": 2, "note": "好"})
    assert (done["status"], done["published_version"], done["reviewed_by"]) == ("published", 1, "shen")
    found = await editor.do("GET", "/entries/gjj-9")
    assert (found["entry"]["author"], found["entry"]["reviewed_by"]) == ("bian", "shen")
    async with base.database.connect() as connection:
        actions = list((await connection.execute(select(audit.c.action).where(audit.c.subject == "gjj-9"))).scalars())
    assert sorted(actions) == ["knowledge.approved", "knowledge.draft.created", "knowledge.draft.submitted"]


async def test_a_reviewer_does_not_approve_his_own_words(base: House) -> None:
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    draft = await reviewer.do("POST", "/drafts", {"content": content()}, status=201)
    await reviewer.do("POST", f"/drafts/{draft['id']}/submit", {"revision": 1})
    refused = await reviewer.do("POST", f"/drafts/{draft['id']}/approve", {"revision": 2}, status=403)
    assert refused["error"]["code"] == "second_person"


async def test_who_saves_over_anothers_change_is_shown_it_and_overwrites_nothing(base: House) -> None:
    first = await KnowledgePage.login(base, "bian", "editor")
    second = await KnowledgePage.login(base, "shen", "reviewer")
    draft = await first.do("POST", "/drafts", {"content": content()}, status=201)
    path = f"/drafts/{draft['id']}"
    await second.do("PUT", path, {"content": content(answer="第二人写的"), "revision": 1})
    refused = await first.do("PUT", path, {"content": content(answer="第一人写的"), "revision": 1}, status=409)
    assert refused["error"]["code"] == "conflict"
    assert "没有覆盖" in refused["error"]["message"]
    assert refused["theirs"]["content"]["answer"] == "第二人写的"
    assert (await first.do("GET", path))["content"]["answer"] == "第二人写的"
    again = await first.do("POST", "/drafts", {"content": content(), "base_version": 0}, status=409)
    assert again["theirs"]["id"] == draft["id"]
    stale = await first.do("POST", "/drafts", {"content": content(id="gjj-1"), "base_version": 0}, status=409)
    assert stale["theirs"] is None


async def test_a_returned_draft_is_brought_up_to_what_was_published_meanwhile(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    mine = content(id="gjj-1", answer="照第一版改的。")
    draft = await editor.do("POST", "/drafts", {"content": mine, "base_version": 1}, status=201)
    path = f"/drafts/{draft['id']}"
    await editor.do("POST", f"{path}/submit", {"revision": 1})
    await Repository(base.database, base.clock).publish(
        [form("gjj-1", "公积金怎么提取", answer="第二版。")], "kb import"
    )
    refused = await reviewer.do("POST", f"{path}/approve", {"revision": 2}, status=409)
    assert (refused["newest_version"], refused["theirs"]) == (2, None)
    assert "请退回，由编辑对照" in refused["error"]["message"]
    await reviewer.do("POST", f"{path}/return", {"revision": 2, "note": "请对照第 2 版"})
    stale = await editor.do("GET", path)
    assert (stale["status"], stale["base_version"], stale["newest_version"]) == ("returned", 1, 2)
    refused = await editor.do("POST", f"{path}/submit", {"revision": 3}, status=409)
    assert (refused["newest_version"], "请先对照它更新" in refused["error"]["message"]) == (2, True)
    for wrong in (3, 0):
        body = {"content": mine, "revision": 3, "base_version": wrong}
        assert (await editor.do("PUT", path, body, status=409))["newest_version"] == 2
    saved = await editor.do("PUT", path, {"content": mine, "revision": 3, "base_version": 2})
    assert (saved["base_version"], saved["newest_version"]) == (2, 2)
    await editor.do("POST", f"{path}/submit", {"revision": 4})
    await reviewer.do("POST", f"{path}/approve", {"revision": 5})
    assert (await editor.do("GET", "/entries/gjj-1"))["entry"]["version"] == 3


async def test_what_is_wrong_is_told_by_field_and_what_is_alike_is_named(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    found = await editor.do(
        "POST", "/check", {"content": content(speech="见 www.example.cn", question="公积金怎么提取")}
    )
    assert [one["field"] for one in found["problems"]] == ["speech"]
    assert [(one["id"], one["question"]) for one in found["similar_entries"]] == [("gjj-1", "公积金怎么提取")]
    draft = await editor.do("POST", "/drafts", {"content": content(speech="")}, status=201)
    refused = await editor.do("POST", f"/drafts/{draft['id']}/submit", {"revision": 1}, status=422)
    assert [one["field"] for one in refused["error"]["fields"]] == ["speech"]
    policy = content(kind="policy", effective_at="2023-04-07")
    assert (await editor.do("POST", "/check", {"content": policy}))["filing"]["working_days"] is not None
    refused = await editor.do("POST", "/drafts", {"content": {"猜": 1}}, status=422)
    assert "不认识的栏目" in refused["error"]["message"]


async def test_a_unit_writes_for_itself_alone_and_sees_nothing_of_others(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    unit = await KnowledgePage.login(base, "danwei", "unit")
    foreign = await editor.do("POST", "/drafts", {"content": content(id="sb-9", unit=OTHER_UNIT)}, status=201)
    own = await unit.do("POST", "/drafts", {"content": content()}, status=201)
    assert own["origin"] == "unit"
    for method, path, body in (
        ("GET", f"/drafts/{foreign['id']}", None),
        ("PUT", f"/drafts/{foreign['id']}", {"content": content(id="sb-9"), "revision": 1}),
        ("POST", f"/drafts/{foreign['id']}/submit", {"revision": 1}),
        ("POST", f"/drafts/{foreign['id']}/withdraw", {"revision": 1}),
        ("POST", "/drafts", {"content": content(id="x-1", unit=OTHER_UNIT)}),
        ("POST", "/drafts", {"content": content(id="sb-1")}),
        ("POST", "/drafts", {"content": content(id="sb-9")}),
        ("GET", "/entries/sb-1", None),
        ("GET", "/entries/sb-1/diff?from=0&to=1", None),
    ):
        status, told = await unit.ask(method, path, body)
        assert status in (403, 404, 409), path
        assert not told.get("theirs"), path
    assert [one["id"] for one in (await unit.do("GET", "/drafts"))["drafts"]] == [own["id"]]
    assert [one["id"] for one in (await unit.do("GET", "/entries?status=draft"))["entries"]] == ["gjj-9"]
    alike = await unit.do("POST", "/check", {"content": content(question="社保卡怎么补办", similar=[])})
    assert alike["similar_entries"] == []
    assert {one["unit"] for one in (await unit.do("GET", "/freshness"))["units"]} == {UNIT}


async def test_a_dispute_silences_and_a_reviewer_settles_it(base: House) -> None:
    agent = await KnowledgePage.login(base, "hua", "agent")
    made = await agent.do("POST", "/entries/gjj-1/dispute", {"reason": "窗口搬了"}, status=201)
    assert (made["reporter_kind"], made["reporter"], made["overdue"]) == ("agent", "hua", False)
    found = await agent.do("GET", "/entries/gjj-1")
    assert (found["entry"]["status"], found["entry"]["disputed"], found["disputes"][0]["reason"]) == (
        "disputed",
        True,
        "窗口搬了",
    )
    base.clock.advance(timedelta(days=4).total_seconds())
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    fresh = await reviewer.do("GET", "/freshness")
    assert [(one["entry_id"], one["overdue"]) for one in fresh["disputes"]] == [("gjj-1", True)]
    path = f"/disputes/{made['id']}/resolve"
    settled = await reviewer.do("POST", path, {"outcome": "unfounded", "note": "核实过地址"})
    assert settled["outcome"] == "unfounded"
    await reviewer.do("POST", path, {"outcome": "unfounded", "note": "再来"}, status=409)
    assert (await reviewer.do("GET", "/entries/gjj-1"))["entry"]["status"] == "in_force"


async def test_roll_back_archive_and_difference(base: House) -> None:
    await Repository(base.database, base.clock).publish([form("gjj-1", "公积金怎样提取")], "tests")
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    fields = (await reviewer.do("GET", "/entries/gjj-1/diff?from=1&to=2"))["fields"]
    changed = next(one for one in fields if one["name"] == "question")
    assert changed["lines"] == [{"op": "del", "text": "公积金怎么提取"}, {"op": "add", "text": "公积金怎样提取"}]
    await reviewer.do("GET", "/entries/gjj-1/diff?from=1&to=x", status=400)
    await reviewer.do("GET", "/entries/gjj-1/diff?from=1&to=draft", status=404)
    back = await reviewer.do("POST", "/entries/gjj-1/rollback", {"version": 1, "reason": "写错了"})
    assert (back["entry"]["version"], back["entry"]["question"]) == (3, "公积金怎么提取")
    await reviewer.do("POST", "/entries/gjj-1/archive", {}, status=422)
    gone = await reviewer.do("POST", "/entries/gjj-1/archive", {"reason": "业务取消"})
    assert gone["entry"]["status"] == "archived"
    assert [one["id"] for one in (await reviewer.do("GET", "/entries?status=archived"))["entries"]] == ["gjj-1"]


async def test_an_urgent_script_goes_to_review_at_once(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    now = local(base.clock.now())
    script = {
        "question": "今天哪里停水",
        "similar": ["怎么没有水"],
        "answer": "赤坎区停水到晚上八点。",
        "speech": "赤坎区停水到晚上八点。",
        "unit": "市水务局",
        "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=10)).isoformat(),
    }
    refused = await editor.do("POST", "/scripts", script | {"ends_at": now.isoformat()}, status=422)
    assert refused["error"]["fields"]
    assert (await editor.do("GET", "/scripts"))["drafts"] == []
    draft = await editor.do("POST", "/scripts", script, status=201)
    assert (draft["status"], draft["content"]["urgent"], draft["content"]["kind"]) == ("in_review", True, "script")
    await reviewer.do("POST", f"/drafts/{draft['id']}/approve", {"revision": draft["revision"]})
    found = await editor.do("GET", "/scripts")
    assert [(one["question"], one["status"]) for one in found["scripts"]] == [("今天哪里停水", "in_force")]
    base.clock.advance(11 * 3600)
    assert (await editor.do("GET", "/scripts"))["scripts"][0]["status"] == "expired"


async def test_the_tester_explains_what_the_live_search_does(base: House) -> None:
    agent = await KnowledgePage.login(base, "hua", "agent")
    found = await agent.do("POST", "/test", {"q": "公积金怎么提取"})
    assert (found["verdict"], found["candidates"][0]["id"]) == ("answer", "gjj-1")
    assert found["candidates"][0]["features"][0]["label"]
    assert {one["name"] for one in found["thresholds"]} >= {"answer", "choose"}
    before = await agent.do("POST", "/test", {"q": "公积金怎么提取", "at": "2019-12-31T12:00:00+08:00"})
    assert before["candidates"] == []
    follow = await agent.do("POST", "/test", {"q": "那要带什么材料", "previous": "社保卡怎么补办"})
    assert "社保卡" in follow["asked"]
    assert (await agent.ask("POST", "/test", {"q": "公积金", "at": "明天"}))[0] == 400


async def test_synonyms_hold_at_once_and_nobody_overwrites_anothers(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    reviewer = await KnowledgePage.login(base, "shen", "reviewer")
    read = await editor.do("GET", "/synonyms")
    kept = await reviewer.do("PUT", "/synonyms", {"groups": [["社保卡", "市民卡"]], "revision": read["revision"]})
    assert kept["groups"] == [["社保卡", "市民卡"]]
    refused = await editor.do("PUT", "/synonyms", {"groups": [], "revision": read["revision"]}, status=409)
    assert "别人改过" in refused["error"]["message"]
    assert (
        "第 1 组" in (await editor.do("PUT", "/synonyms", {"groups": [["卡", " 卡"]]}, status=422))["error"]["message"]
    )
    await editor.do("PUT", "/synonyms", {"groups": ["卡"]}, status=400)
    assert (await editor.do("GET", "/synonyms")) == kept
    search = Search(base.database, base.settings, base.clock)
    await search.refresh_if_changed()
    assert search.search("市民卡怎么补办", base.clock.now()).ranked[0].entry.id == "sb-1"


async def test_services_refuse_whatever_the_route_lets_through(base: House) -> None:
    """Rights are checked twice: by the route and by the service behind it."""
    agent = Actor("hua", Role.AGENT)
    with pytest.raises(KnowledgeError, match="不能写草稿"):
        await Lifecycle(base.database, base.vault, base.clock).save_draft(agent, content())
    with pytest.raises(KnowledgeError, match="不能改同义词"):
        await SynonymLists(base.database, base.clock).replace(agent, [])
