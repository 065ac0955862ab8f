"""Gaps, the instant rate and training as the pages see them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from dialog import bot_training
from dialog.acts import BotActs
from knowledge.consultations import Consultation, Consultations, Result
from knowledge.labels import Labels
from store.schema import models
from tests.gateway.conftest import House
from tests.gateway.kb_page import UNIT, KnowledgePage, file_of

POLICE = "市公安局"
DRONE = "无人机飞行要不要报备"
LOAN = "公积金贷款可以提前还吗"

Ask = Callable[..., Awaitable[str]]


@pytest.fixture
async def ask(house: House) -> AsyncIterator[Ask]:
    """Ask a question, answered or in vain."""
    log = Consultations(house.database, house.vault, house.clock)

    async def asked(text: str, who: str, unit: str, result: Result = Result.NO_MATCH, channel: str = "phone") -> str:
        house.clock.advance(60)
        return await log.record(
            Consultation(f"c-{who}", who, channel, text, house.clock.now(), result, unit=unit, topic="治安")
        )

    yield asked


async def test_a_unit_answers_its_own_gaps_with_a_document_and_sees_no_others(house: House, ask: Ask) -> None:
    for who in ("p1", "p2"):
        await ask(DRONE, who, POLICE)
    await ask(LOAN, "p3", UNIT)
    editor = await KnowledgePage.login(house, "bian", "editor")
    unit = await KnowledgePage.login(house, "danwei", "unit", unit=POLICE)
    board = await editor.do("GET", "/gaps")
    assert [(one["title"], one["askers"], one["reason_label"]) for one in board["gaps"]] == [
        (DRONE, 2, "未命中"),
        (LOAN, 1, "未命中"),
    ]
    by_unit = await editor.do("GET", "/gaps?by=unit")
    assert [one["unit"] for one in by_unit["gaps"]] == sorted([POLICE, UNIT])
    drone, loan = board["gaps"]
    assert [one["id"] for one in (await unit.do("GET", f"/gaps?unit={UNIT}"))["gaps"]] == [drone["id"]]
    await unit.do("POST", f"/gaps/{loan['id']}/draft", status=404)
    answer = "无人机飞行管理办法\n粤公规〔2023〕5号\n微型以上的无人机飞行前要报备。".encode()
    path = f"/gaps/{drone['id']}/document"
    assert "另存为" in (await unit.do("POST", path, data=file_of(b"MZ", "答复.exe"), status=422))["error"]["message"]
    draft = await unit.do("POST", path, data=file_of(answer, "答复.txt"), status=201)
    assert (draft["origin"], draft["status"], draft["content"]["question"]) == ("document", "draft", DRONE)
    assert "飞行前要报备" in draft["content"]["answer"]
    assert draft["content"]["source_no"] == "粤公规〔2023〕5号"
    assert {one["field"] for one in draft["problems"]} == {"speech"}
    again = await editor.do("POST", f"/gaps/{drone['id']}/draft", status=409)
    assert again["error"]["code"] == "conflict"
    assert (await editor.do("GET", "/gaps?status=drafted"))["gaps"][0]["draft_id"] == draft["id"]


async def test_an_editor_says_why_and_closes(house: House, ask: Ask) -> None:
    await ask(DRONE, "p1", POLICE)
    editor = await KnowledgePage.login(house, "bian", "editor")
    gap = (await editor.do("GET", "/gaps"))["gaps"][0]
    path = f"/gaps/{gap['id']}"
    changed = await editor.do("PUT", path, {"reason": "outdated", "unit": UNIT, "status": "open"})
    assert (changed["reason_label"], changed["unit"]) == ("更新不及时", UNIT)
    await editor.do("PUT", path, {"reason": "whim"}, status=422)
    assert (await editor.do("PUT", path, {"status": "closed"}))["status"] == "closed"
    assert (await editor.do("GET", "/gaps"))["gaps"] == []
    await editor.do("GET", "/gaps?by=colour", status=400)


async def test_the_rate_shows_both_numbers(house: House, ask: Ask) -> None:
    await ask("公积金怎么提取", "p1", UNIT, Result.ANSWERED)
    await ask("公积金怎么提取", "p2", UNIT, Result.CHOSEN, channel="web")
    await ask(DRONE, "p3", POLICE)
    office = await KnowledgePage.login(house, "ban", "office")
    rate = await office.do("GET", "/rate?by=unit&days=7")
    assert (rate["instant"], rate["total"], rate["share"]) == (2, 3, 0.6667)
    assert rate["rows"][0] == {"key": UNIT, "label": UNIT, "instant": 2, "total": 2, "share": 1.0}
    assert {one["label"] for one in (await office.do("GET", "/rate?by=channel"))["rows"]} == {"电话", "网页"}
    days = (await office.do("GET", "/rate?by=day&days=3"))["rows"]
    assert [one["total"] for one in days] == [0, 0, 3]
    assert days[0]["share"] is None
    await office.do("GET", "/rate?by=moon", status=400)


async def test_utterances_are_labelled_and_examples_taken_back(house: House) -> None:
    labels = Labels(house.database, house.vault, house.clock, BotActs())
    for conversation in ("c1", "c2"):
        await labels.note(
            conversation, "俺想问哈那个啥办一办", "open", [("ask", 0.4), ("chitchat", 0.3)], "low_confidence"
        )
    editor = await KnowledgePage.login(house, "bian", "editor")
    overview = await editor.do("GET", "/training")
    assert (overview["unsure"], overview["running"]) == ({"open": 2}, None)
    assert {"ask", "chitchat"} <= {one["name"] for one in overview["acts"]}
    (row,) = (await editor.do("GET", "/training/unsure"))["utterances"]
    assert (row["suggested"], row["times"], len(row["ids"])) == ("ask", 2, 2)
    assert await editor.do("POST", "/training/label", {"ids": row["ids"], "label": "ask"}) == {"added": 1}
    assert (await editor.do("GET", "/training/unsure"))["utterances"] == []
    added = (await editor.do("GET", "/training/acts/ask/examples"))["examples"][0]
    assert (added["text"], added["origin"], added["by"]) == ("俺想问哈那个啥办一办", "labelled", "bian")
    await editor.do("DELETE", f"/training/examples/{added['id']}")
    assert (await editor.do("GET", "/training/acts/ask/examples"))["examples"][0]["id"] is None
    told = await editor.do("POST", "/training/examples", {"text": "打我电话13800000000", "label": "ask"}, status=422)
    assert told["error"]["code"] == "invalid"
    await editor.do("POST", "/training/label", {"ids": "x", "label": "ask"}, status=400)
    await editor.do("POST", "/training/discard", {"ids": ["x"]}, status=404)


async def test_who_trained_a_model_does_not_put_it_into_service(house: House) -> None:
    reviewer = await KnowledgePage.login(house, "shen", "reviewer")
    row: dict[str, Any] = {"id": "m1", "created_at": house.clock.now(), "by": "shen", "status": "candidate"}
    report = {"candidate": {"accuracy": 0.9, "macro_f1": 0.88, "labels": [], "confusions": []}, "changed": []}
    async with house.database.begin() as connection:
        await connection.execute(insert(models).values(**row, metrics={"report": report}))
    assert await reviewer.do("GET", "/training/models/m1/report") == report
    assert (await reviewer.do("GET", "/training"))["candidates"][0]["metrics"] == {"accuracy": 0.9, "macro_f1": 0.88}
    refused = await reviewer.ask("POST", "/training/models/m1/promote")
    assert (refused[0], refused[1]["error"]["code"]) == (409, "second_person")
    assert (await reviewer.ask("POST", "/training/rollback"))[1]["error"]["code"] == "no_previous"
    assert (await reviewer.ask("POST", "/training/cancel"))[0] == 404
    assert (await reviewer.ask("GET", "/training/models/none/report"))[0] == 404


async def test_a_promotion_is_answered_at_once_and_looked_after(house: House, tmp_path: Path) -> None:
    editor = await KnowledgePage.login(house, "bian", "editor")
    reviewer = await KnowledgePage.login(house, "shen", "reviewer")
    trained = tmp_path / "trained"
    trained.write_bytes(b"a model")
    bot_training.place(trained, bot_training.model_path(house.settings, "m1"), 1.0)
    row: dict[str, Any] = {"id": "m1", "created_at": house.clock.now(), "by": "bian", "status": "candidate"}
    async with house.database.begin() as connection:
        await connection.execute(insert(models).values(**row, metrics={"base": bot_training.fingerprint()}))
    assert (await editor.ask("POST", "/training/models/m1/promote"))[0] == 403
    assert await reviewer.do("POST", "/training/models/m1/promote", status=202) == {"id": "m1"}
    async with asyncio.timeout(30):
        while (overview := await editor.do("GET", "/training"))["changing"]:
            assert overview["changing"]["id"] == "m1"
            await asyncio.sleep(0.02)
    assert (overview["live"]["id"], overview["live"]["promoted_by"]) == ("m1", "shen")
