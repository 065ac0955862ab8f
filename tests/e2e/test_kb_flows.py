"""What maintainers, units and agents do in the knowledge console in Chromium, from the first word to the roll-back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, insert

from config.settings import Settings
from dialog import bot_training
from store.schema import models
from tests.e2e.console import Maintainer, account, api, console, show
from tests.e2e.instance import Agent, Hotline
from tests.e2e.test_pages import PHONE, browser, log_in, open_page, say, shots

__all__ = ["browser", "shots"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

FUND = "市住房公积金管理中心"
CONTENT: dict[str, Any] = {
    "kind": "matter", "question": "", "answer": "到窗口办理。", "speech": "请到窗口办理。", "unit": "市旅游和文化体育局",
    "field": "体育", "effective_at": "2026-01-01",
}  # fmt: skip
SEES = {
    "unit": ["条目", "缺口", "时效"],
    "agent": ["条目", "检索测试"],
    "office": ["条目", "审核", "检索测试", "缺口", "时效", "训练", "图表"],
}


@pytest.fixture(scope="session")
def unit(hotline: Hotline) -> Maintainer:
    return account(hotline, "7003", "unit", FUND)


@pytest.fixture(scope="session")
def office(hotline: Hotline) -> Maintainer:
    return account(hotline, "7004", "office")


@contextmanager
def nothing_refused(page: Page) -> Iterator[None]:
    """The page asks for nothing that this person may not have."""
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    yield
    assert refused == []


def settle(page: Page, button: str, words: str = "") -> None:
    """Answer the question that the page asks before it acts."""
    dialog = page.get_by_role("dialog")
    if words:
        dialog.locator("textarea").fill(words)
        page.keyboard.press("Control+Enter")
    else:
        dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_be_hidden()


def publish(editing: Page, reviewing: Page, **changes: Any) -> str:
    """An entry written by one and approved by the other; its id."""
    draft = api(editing, "POST", "drafts", {"content": CONTENT | changes, "note": ""})
    draft = api(editing, "POST", f"drafts/{draft['id']}/submit", {"revision": draft["revision"]})
    api(reviewing, "POST", f"drafts/{draft['id']}/approve", {"revision": draft["revision"], "note": ""})
    return str(draft["entry_id"])


def answer_to(browser: Browser, hotline: Hotline, question: str) -> str:
    """What the chat says to a question."""
    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    say(citizen, question)
    bubble = citizen.locator(".row.bot .bubble").nth(1)
    expect(bubble).to_have_text(re.compile(r"\S"))
    said = bubble.inner_text()
    citizen.context.close()
    return said


@pytest.mark.parametrize("role", list(SEES))
def test_every_role_sees_its_sections_and_is_refused_nothing_there(
    hotline: Hotline, browser: Browser, unit: Maintainer, office: Maintainer, agent: Agent, role: str
) -> None:
    who = {"unit": unit, "office": office, "agent": Maintainer(agent.id, agent.password)}[role]
    page = console(browser, hotline, who)
    links = page.get_by_role("navigation", name="栏目").locator("a")
    with nothing_refused(page):
        assert [text.split("\n")[0] for text in links.all_inner_texts()] == SEES[role]
        for place in [link.get_attribute("href") or "" for link in links.all()]:
            show(page, place.removeprefix("#/"))
            expect(page.locator("h1")).to_be_visible()
            page.wait_for_load_state("networkidle")
            expect(page.locator(".notice.bad")).to_have_count(0)
        show(page, "transfer")
        expect(page.get_by_role("heading", name="打不开这个栏目")).to_be_visible()
        show(page, "entries/+")
        expect(page.locator("#f-question" if role == "unit" else "text=不能新建")).to_be_visible()
    show(page, "entries/draft/none")
    expect(page.locator(".notice.bad")).to_be_visible()
    show(page, "entries")
    expect(page.get_by_role("heading", name="条目")).to_be_visible()
    page.context.close()


def test_a_draft_goes_back_and_forth_until_a_second_person_publishes_it(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, tmp_path: Path
) -> None:
    writing, reviewing = console(browser, hotline, editor), console(browser, hotline, reviewer)
    guide = tmp_path / "办事指南.txt"
    guide.write_text("带身份证。", encoding="utf-8")
    writing.get_by_test_id("new-entry").click()
    writing.locator("#f-question").fill("滑翔伞训练在哪里报名")
    for name, text in (("answer", "到市体育中心。"), ("speech", "请到市体育中心报名。"), ("unit", "市体育局")):
        writing.locator(f"#f-{name}").fill(text)
    writing.locator("#f-attachments").set_input_files(guide)
    expect(writing.get_by_role("button", name="去掉附件 办事指南.txt")).to_be_visible()
    writing.get_by_test_id("save").click()
    expect(writing.locator("#f-id")).to_have_value(re.compile(r"^KB-\d{8}-"))
    writing.reload()
    expect(writing.locator("#f-question")).to_have_value("滑翔伞训练在哪里报名")
    writing.get_by_test_id("submit").click()
    expect(writing.locator(".review", has_text="滑翔伞")).to_be_visible()

    show(reviewing, "reviews")
    card = reviewing.locator(".review", has_text="滑翔伞")
    expect(card.get_by_role("link", name="办事指南.txt")).to_be_visible()
    card.get_by_test_id("return").click()
    settle(reviewing, "退回", "请写明收费")
    expect(card).to_have_count(0)

    writing.go_back()
    expect(writing.get_by_text("审核退回：请写明收费")).to_be_visible()
    writing.locator("#f-answer").fill("到市体育中心，不收费。")
    writing.get_by_test_id("submit").click()
    expect(writing.locator(".review", has_text="滑翔伞")).to_be_visible()
    writing.go_back()
    writing.get_by_test_id("take-back").click()
    settle(writing, "拿回")
    expect(writing.locator("#f-answer")).to_be_enabled()
    writing.get_by_test_id("withdraw").click()
    settle(writing, "撤回")
    expect(writing.locator("#f-answer")).to_be_disabled()
    writing.get_by_test_id("again").click()
    expect(writing.locator("#f-answer")).to_be_enabled()
    writing.get_by_test_id("submit").click()
    expect(writing.locator(".review", has_text="滑翔伞")).to_be_visible()

    show(reviewing, "gaps")
    show(reviewing, "reviews")
    card.get_by_test_id("approve").click()
    settle(reviewing, "通过")
    expect(reviewing.get_by_text("已发布", exact=True)).to_be_visible()
    for page in (writing, reviewing):
        page.context.close()


def test_an_entry_is_compared_rolled_back_archived_and_brought_back(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    editing, page = console(browser, hotline, editor), console(browser, hotline, reviewer)
    id = publish(editing, page, question="热气球在哪里登记", answer="到体育中心。\n收费十元。")
    show(editing, f"entries/{id}/edit")
    editing.locator("#f-answer").fill("到体育中心。\n收费二十元。")
    editing.locator("#f-note").fill("收费调整")
    editing.get_by_test_id("submit").click()
    expect(editing.locator(".review", has_text="热气球")).to_be_visible()
    show(page, "reviews")
    card = page.locator(".review", has_text="热气球")
    expect(card).to_contain_text("改了什么：收费调整")
    expect(card.locator(".diff .del")).to_have_text("－去掉：收费十元。")
    expect(card.locator(".diff .add")).to_have_text("＋加上：收费二十元。")
    card.get_by_test_id("approve").click()
    settle(page, "通过")
    expect(card).to_have_count(0)
    show(page, f"entries/{id}")
    page.get_by_test_id("compare").click()
    expect(page.locator(".diff .del")).to_contain_text("收费十元")
    page.screenshot(path=str(shots / "kb-1440-versions.png"))
    page.get_by_role("button", name="回退到这一版").click()
    settle(page, "回退", "没有调整")
    expect(page.get_by_label("屏幕上的样子")).to_contain_text("收费十元")
    expect(page.get_by_label("版本", exact=True)).to_contain_text("回退到第 1 版：没有调整")
    page.get_by_role("button", name="归档").click()
    settle(page, "归档", "不再办理")
    expect(page.get_by_text("已归档，机器人和坐席都不用它回答")).to_be_visible()
    page.get_by_role("button", name="恢复这一版").first.click()
    settle(page, "回退", "恢复办理")
    expect(page.locator(".facts-line")).to_contain_text("第 4 版")
    expect(page.locator(".facts-line .chip[data-status=in_force]")).to_be_visible()
    for one in (editing, page):
        one.context.close()


def test_an_emergency_script_takes_two_people_and_answers_at_once(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    writing, approving = console(browser, hotline, editor), console(browser, hotline, reviewer)
    show(writing, "freshness")
    writing.get_by_role("button", name="新建应急口径").click()
    expect(writing.locator("#s-question")).to_be_focused()
    writing.locator("#s-question").fill("今天轮渡停航吗")
    writing.locator("#s-answer").fill("受台风影响，轮渡今天全天停航。")
    writing.locator("#s-speech").fill("受台风影响，轮渡今天全天停航（预计）。")
    send = writing.get_by_role("button", name="送审")
    send.click()
    expect(writing.get_by_text("语音答案里不能有括号")).to_be_visible()
    writing.locator("#s-speech").fill("受台风影响，轮渡今天全天停航。")
    writing.screenshot(path=str(shots / "kb-1440-script.png"))
    send.click()
    script = writing.get_by_test_id("scripts").locator("li", has_text="轮渡停航")
    expect(script).to_contain_text("待审核")
    show(approving, "reviews")
    card = approving.locator(".review", has_text="轮渡停航")
    expect(card).to_contain_text("应急口径")
    card.get_by_test_id("approve").click()
    settle(approving, "通过")
    expect(card).to_have_count(0)
    assert "全天停航" in answer_to(browser, hotline, "今天轮渡停航吗")
    writing.get_by_role("link", name="时效").click()
    expect(script).to_contain_text("生效中")
    for page in (writing, approving):
        page.context.close()


def test_a_unit_answers_its_gap_with_a_document(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, unit: Maintainer, tmp_path: Path
) -> None:
    asked = "鸵鸟驯养备案表在哪里领取"
    answer_to(browser, hotline, asked)
    editing = console(browser, hotline, editor)
    show(editing, "gaps")
    gap = editing.locator("[data-gap]", has_text=asked)
    for _ in range(20):
        editing.get_by_role("link", name="缺口").click()
        editing.wait_for_load_state("networkidle")
        if gap.count():
            break
        editing.wait_for_timeout(500)
    gap.get_by_label("承办单位").fill(FUND)
    gap.get_by_label("承办单位").press("Enter")
    expect(editing.get_by_text("已保存", exact=True)).to_be_visible()

    writing = console(browser, hotline, unit)
    show(writing, "gaps")
    mine = writing.locator("[data-gap]")
    expect(mine).to_have_count(1)
    wrong, answer = tmp_path / "答复.exe", tmp_path / "答复.txt"
    wrong.write_bytes(b"MZ\0\0")
    answer.write_text("关于驯养备案的答复\n琼府〔2026〕12号\n备案表到窗口领取。\n", encoding="utf-8")
    mine.get_by_label("单位的文件").set_input_files(wrong)
    expect(writing.get_by_text("另存为其中一种")).to_be_visible()
    mine.get_by_label("单位的文件").set_input_files(answer)
    expect(writing.locator("#f-question")).to_have_value(asked)
    expect(writing.locator("#f-source_no")).to_have_value("琼府〔2026〕12号")
    expect(writing.locator("#f-unit")).to_be_disabled()
    expect(writing.get_by_test_id("submit")).to_be_disabled()
    writing.locator("#f-speech").fill("备案表请到窗口领取。")
    writing.get_by_test_id("submit").click()
    expect(writing.get_by_text("正在等另一人审核")).to_be_visible()

    approving = console(browser, hotline, reviewer)
    show(approving, "reviews")
    card = approving.locator(".review", has_text=asked)
    expect(card).to_contain_text("来自单位文件")
    card.get_by_test_id("approve").click()
    settle(approving, "通过")
    expect(card).to_have_count(0)
    editing.get_by_text("已答复", exact=True).click()
    expect(gap.get_by_role("button", name="看条目")).to_be_visible()
    for page in (editing, writing, approving):
        page.context.close()


def test_what_an_agent_used_and_what_he_reported_is_kept(
    hotline: Hotline, browser: Browser, agent: Agent, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    editing, page = console(browser, hotline, editor), console(browser, hotline, reviewer)
    id = publish(editing, page, question="皮划艇证在哪里补办", similar=["皮划艇证丢了去哪补"])
    desk = open_page(browser, f"{hotline.web}desk", {"width": 1440, "height": 900})
    log_in(desk, agent)
    desk.get_by_text("可接", exact=True).click()
    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    say(citizen, "皮划艇证在哪里补办")
    expect(citizen.locator(f"[data-entry='{id}']")).to_be_visible()
    citizen.get_by_role("button", name="转人工").click()
    desk.get_by_test_id("accept").click(timeout=10_000)
    entry = desk.locator(f".knowledge [data-entry='{id}']")
    entry.locator("summary").click()
    entry.get_by_role("button", name="用它答复了").click()
    expect(entry.get_by_role("button", name="已记为当场答复")).to_be_disabled()
    entry.get_by_role("button", name="报错").click()
    settle(desk, "报错", "窗口已经搬走")
    expect(entry).to_contain_text("有争议")
    desk.screenshot(path=str(shots / "desk-1440-reported.png"))
    desk.get_by_test_id("end").click()
    expect(desk.get_by_text("已结束", exact=True)).to_be_visible()
    desk.get_by_role("button", name="退出").click()
    expect(desk.locator("#account")).to_be_visible()
    assert "到窗口办理" not in answer_to(browser, hotline, "皮划艇证在哪里补办")

    show(page, "freshness")
    page.locator("[data-dispute]", has_text="窗口已经搬走").get_by_role("link").click()
    page.get_by_role("button", name="报告不成立").click()
    settle(page, "确定", "窗口没有搬")
    expect(page.get_by_label("争议")).to_contain_text("不成立")
    for one in (editing, page, desk, citizen):
        one.context.close()


def test_synonyms_of_two_people_are_both_kept(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer
) -> None:
    first, second = console(browser, hotline, editor), console(browser, hotline, reviewer)
    for page, words in ((first, "娃儿 小孩"), (second, "俺爹 父亲")):
        show(page, "tester")
        page.get_by_role("textbox", name="同义词").fill(words)
    for page in (first, second):
        page.get_by_role("button", name="保存同义词").click()
    expect(second.get_by_text("别人刚刚也改了同义词")).to_be_visible()
    expect(second.get_by_role("textbox", name="同义词")).to_have_value("娃儿 小孩\n俺爹 父亲")
    second.get_by_role("button", name="保存同义词").click()
    expect(second.get_by_text("已保存，一秒内用于检索")).to_be_visible()
    api(second, "PUT", "synonyms", {"groups": [], "revision": api(second, "GET", "synonyms")["revision"]})
    for page in (first, second):
        page.context.close()


def test_a_training_shows_how_it_goes_and_can_be_stopped(
    hotline: Hotline, browser: Browser, editor: Maintainer
) -> None:
    page = console(browser, hotline, editor)
    show(page, "training/acts")
    page.get_by_label("新例句").fill("给修路灯的师傅点个大大的赞")
    page.get_by_label("新例句").press("Enter")
    added = page.get_by_role("button", name="去掉 给修路灯的师傅点个大大的赞")
    expect(added).to_be_visible()
    show(page, "training/models")
    page.get_by_test_id("train").click()
    settle(page, "开始")
    running = page.get_by_test_id("running")
    expect(running).to_contain_text("已用")
    expect(running.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="停止").click()
    settle(page, "停止")
    expect(running).to_be_hidden(timeout=20_000)
    expect(page.get_by_test_id("train")).to_be_visible()
    show(page, "training/acts")
    added.click()
    settle(page, "去掉")
    expect(added).to_be_hidden()
    page.context.close()


SCORES: dict[str, Any] = {"accuracy": 0.9, "macro_f1": 0.88, "labels": [], "confusions": []}
REPORT: dict[str, Any] = {
    "candidate": SCORES,
    "live": SCORES | {"accuracy": 0.85},
    "changed": [],
    "cross_validation": None,
}


@pytest.fixture
def candidate(hotline: Hotline, editor: Maintainer) -> str:
    """The live model once more, as one that the editor has had trained."""
    settings = Settings(data_dir=hotline.data)
    base = bot_training.fingerprint()
    bot_training.place(bot_training.model_path(settings), bot_training.model_path(settings, "e2e0candidate"), 1.0)
    engine = create_engine(f"sqlite:///{settings.data_dir / 'hotline.db'}")
    row: dict[str, Any] = {
        "id": "e2e0candidate",
        "by": editor.id,
        "status": "candidate",
        "created_at": datetime.now(UTC),
    }
    with engine.begin() as connection:
        connection.execute(insert(models).values(**row, metrics={"base": base, "report": REPORT}))
    engine.dispose()
    return "e2e0candidate"


def test_a_model_is_promoted_by_a_second_person_and_rolled_back(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, candidate: str, shots: Path
) -> None:
    training, page = console(browser, hotline, editor), console(browser, hotline, reviewer)
    for one in (training, page):
        show(one, "training/models")
    expect(training.get_by_test_id("promote")).to_be_disabled()
    expect(training.get_by_test_id("promote-refusal")).to_have_text("上线须由审核角色决定")
    expect(page.get_by_test_id("report")).to_contain_text("90.0%")
    page.screenshot(path=str(shots / "kb-1440-models.png"))
    page.get_by_test_id("promote").click()
    settle(page, "上线")
    row = page.locator(f"[data-model='{candidate}']")
    expect(row).to_contain_text(f"{editor.id} / {reviewer.id}", timeout=60_000)
    expect(row).to_contain_text("在线")
    assert "公积金" in answer_to(browser, hotline, "请问公积金怎么提取")
    page.get_by_test_id("roll-back-model").click()
    settle(page, "退回")
    expect(row).not_to_contain_text("在线", timeout=60_000)
    expect(page.get_by_test_id("changing")).to_be_hidden(timeout=60_000)
    for one in (training, page):
        one.context.close()
