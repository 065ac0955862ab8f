"""The knowledge console in Chromium: write, approve, answer; a gap becomes a draft; labels by keyboard; import by rows."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from config.clock import SystemClock
from config.settings import Settings
from dialog.acts import BotActs
from knowledge.labels import Labels
from store.engine import Database
from store.vault import Vault
from tests.e2e.console import Maintainer, api, console, show
from tests.e2e.instance import Hotline
from tests.e2e.test_pages import DESKTOP, PHONE, browser, no_sideways_scrolling, open_page, say, shots

__all__ = ["browser", "shots"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SECTIONS = (
    "entries",
    "reviews",
    "tester",
    "gaps",
    "freshness",
    "training/label",
    "training/acts",
    "charts",
    "transfer",
)


def test_two_people_publish_what_the_chat_then_answers(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    writing = console(browser, hotline, editor)
    writing.get_by_test_id("new-entry").click()
    writing.locator("#f-id").fill("E2E-001")
    writing.locator("#f-question").fill("潜水员证书在哪里年审")
    writing.locator("#f-similar").fill("潜水证年审去哪\n潜水证年审去哪\n潜水员证怎么审")
    writing.locator("#f-answer").fill(
        "### 年审地点\n- 市体育中心**三楼**\n- [网上预约](https://example.com/a)\n\n<b>x</b>"
    )
    writing.locator("#f-speech").fill("请到市体育中心（三楼）办理")
    expect(writing.locator("[data-field=speech] .problem")).to_contain_text("括号")
    expect(writing.get_by_test_id("submit")).to_be_disabled()
    writing.locator("#f-speech").fill("潜水员证书年审请到市体育中心三楼办理。")
    writing.locator("#f-unit").fill("市旅游和文化体育局")
    writing.locator("#f-field").fill("体育")
    expect(writing.get_by_label("屏幕预览").locator("li")).to_have_count(2)
    expect(writing.get_by_test_id("submit")).to_be_enabled()
    writing.screenshot(path=str(shots / "kb-1440-editor.png"))
    writing.get_by_test_id("submit").click()
    expect(writing.locator(".review")).to_contain_text("潜水员证书在哪里年审")
    expect(writing.get_by_test_id("approve")).to_be_disabled()

    approving = console(browser, hotline, reviewer)
    show(approving, "reviews")
    card = approving.locator(".review", has_text="潜水员证书在哪里年审")
    approving.screenshot(path=str(shots / "kb-1440-review.png"))
    card.get_by_test_id("approve").click()
    approving.get_by_role("dialog").get_by_role("button", name="通过").click()
    expect(approving.get_by_text("已发布", exact=True)).to_be_visible()
    expect(card).to_have_count(0)

    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    say(citizen, "潜水证年审去哪")
    answer = citizen.locator(".row.bot[data-kind=answer]").last
    expect(answer.locator("[data-entry=E2E-001]")).to_be_visible()
    expect(answer.locator(".rich li")).to_have_count(2)
    expect(answer.locator(".rich a")).to_have_attribute("rel", "noopener noreferrer")
    expect(answer.locator(".rich b")).to_have_count(0)
    citizen.screenshot(path=str(shots / "chat-390-formatted.png"))
    for page in (writing, approving, citizen):
        page.context.close()


def test_nothing_is_overwritten_when_two_edit_the_same_draft(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    mine = console(browser, hotline, editor)
    content = {
        "id": "E2E-002", "kind": "matter", "question": "冲浪板在哪里登记", "answer": "到海事窗口。",
        "speech": "请到海事窗口办理。", "unit": "市交通运输局", "field": "交通", "effective_at": "2026-01-01",
    }  # fmt: skip
    draft = api(mine, "POST", "drafts", {"content": content, "base_version": 0})
    show(mine, f"entries/draft/{draft['id']}")
    mine.locator("#f-question").fill("冲浪板在哪里登记备案")
    other = console(browser, hotline, reviewer)
    theirs = {"content": {**draft["content"], "answer": "到海事服务中心。"}, "revision": draft["revision"], "note": ""}
    api(other, "PUT", f"drafts/{draft['id']}", theirs)
    mine.get_by_test_id("save").click()
    dialog = mine.get_by_role("dialog", name="别人先保存了这份草稿")
    expect(dialog).to_contain_text("到海事服务中心。")
    mine.screenshot(path=str(shots / "kb-1440-conflict.png"))
    expect(dialog.locator("fieldset", has_text="标准问题").get_by_label("用我的")).to_be_checked()
    expect(dialog.locator("fieldset", has_text="文字答案").get_by_label("用对方的")).to_be_checked()
    mine.get_by_test_id("settle").click()
    expect(dialog).to_be_hidden()
    expect(mine.get_by_text("草稿已保存")).to_be_visible()
    kept = api(mine, "GET", f"drafts/{draft['id']}")["content"]
    assert (kept["question"], kept["answer"]) == ("冲浪板在哪里登记备案", "到海事服务中心。")
    mine.context.close()
    other.context.close()


def test_an_unanswered_question_becomes_a_draft(
    hotline: Hotline, browser: Browser, editor: Maintainer, shots: Path
) -> None:
    asked = "骆驼配种站怎么申请"
    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    say(citizen, asked)
    expect(citizen.locator(".row.bot").nth(1)).to_be_visible()
    page = console(browser, hotline, editor)
    show(page, "gaps")
    gap = page.locator("[data-gap]", has_text=asked)
    for _ in range(20):
        if gap.count():
            break
        page.wait_for_timeout(500)
        page.reload()
        expect(page.get_by_role("heading", name="缺口")).to_be_visible()
        page.wait_for_load_state("networkidle")
    expect(gap).to_be_visible()
    page.screenshot(path=str(shots / "kb-1440-gap.png"))
    gap.get_by_test_id("make-draft").click()
    expect(page.locator("#f-question")).to_have_value(re.compile("骆驼"))
    page.context.close()
    citizen.context.close()


def doubt(hotline: Hotline, texts: tuple[str, ...]) -> None:
    """Note utterances that the bot was not sure of, whatever model is live."""

    async def note() -> None:
        settings = Settings(data_dir=hotline.data)
        database = Database(settings.effective_database_url)
        labels = Labels(database, Vault(settings), SystemClock(), BotActs())
        for text in texts:
            assert await labels.note(text, text, "open", [("ask", 0.4), ("chitchat", 0.3)], "low_confidence")
        await database.close()

    with ThreadPoolExecutor(1) as aside:  # the browser's own loop runs in this thread
        aside.submit(asyncio.run, note()).result()


def test_utterances_are_labelled_by_keyboard(
    hotline: Hotline, browser: Browser, editor: Maintainer, shots: Path
) -> None:
    doubt(hotline, ("星星点灯那个啥来着呢", "天上飘过一朵五彩云", "咕噜咕噜转圈圈呀"))
    page = console(browser, hotline, editor)
    show(page, "training/label")
    rows = page.locator("[data-utterance]")
    expect(rows.first).to_be_visible()
    before = rows.count()
    assert before >= 2
    queue = page.get_by_test_id("queue")
    expect(queue).to_be_focused()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_role("heading", name="选中 2 条")).to_be_visible()
    page.screenshot(path=str(shots / "kb-1440-labels.png"))
    page.keyboard.press("Enter")
    expect(rows).to_have_count(before - 2)
    page.keyboard.press("x")
    expect(rows).to_have_count(max(0, before - 3))
    page.context.close()


HEADER = "id,question,similar,answer,speech,unit,field,source,effective_at"
GOOD = "E2E-011,游艇泊位怎么申请,,到港航窗口。,请到港航窗口办理。,市交通运输局,交通,,2026-01-01"
BAD = f"E2E-012,帆船比赛怎么报名,,网上报名。,{'长' * 92},市旅游和文化体育局,体育,,2026-01-01"


def test_a_file_is_taken_whole_or_not_at_all(
    hotline: Hotline, browser: Browser, editor: Maintainer, shots: Path, tmp_path: Path
) -> None:
    page = console(browser, hotline, editor)
    show(page, "transfer")
    file = tmp_path / "entries.csv"
    file.write_text("\n".join([HEADER, GOOD, BAD, ""]), encoding="utf-8-sig")
    page.get_by_test_id("import-file").set_input_files(file)
    report = page.get_by_test_id("import-report")
    expect(report.locator("tr", has_text="E2E-012")).to_contain_text("92 个字")
    expect(page.get_by_test_id("make-drafts")).to_have_count(0)
    page.screenshot(path=str(shots / "kb-1440-import.png"))
    file.write_text("\n".join([HEADER, GOOD, ""]), encoding="utf-8-sig")
    page.get_by_test_id("import-file").set_input_files(file)
    page.get_by_test_id("make-drafts").click()
    page.get_by_role("dialog").get_by_role("button", name="生成").click()
    expect(page.locator(".review", has_text="游艇泊位怎么申请")).to_be_visible()
    with page.expect_download() as download:
        show(page, "transfer")
        page.get_by_role("button", name="JSON").click()
    exported = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert "二手房过户怎么办理" in {one["question"] for one in exported["entries"]}
    page.context.close()


def test_the_list_is_filtered_and_a_filter_taken_back_on_a_phone(
    hotline: Hotline, browser: Browser, reviewer: Maintainer, shots: Path
) -> None:
    page = console(browser, hotline, reviewer, PHONE)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    show(page, "entries")
    total = page.locator("h1 small")
    expect(total).to_be_visible()
    everything = total.inner_text()
    for name, option in (("领域", "公积金"), ("状态", "已过期")):
        chooser = page.locator(".filters .el-select", has=page.get_by_label(name, exact=True))
        chooser.click()
        page.locator(".el-select-dropdown:visible .el-select-dropdown__item", has_text=option).first.click()
        expect(page.get_by_role("button", name="清除筛选").first).to_be_visible()
        if name == "领域":
            expect(total).not_to_have_text(everything)
            page.screenshot(path=str(shots / "kb-390-filtered.png"))
        chooser.hover()
        chooser.locator(".el-select__clear").click()
        expect(page.get_by_role("button", name="清除筛选")).to_have_count(0)
        expect(total).to_have_text(everything)
    assert not failures
    page.context.close()


def test_every_section_fits_desk_and_phone(
    hotline: Hotline, browser: Browser, reviewer: Maintainer, shots: Path
) -> None:
    page = console(browser, hotline, reviewer)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    for width, size in (("1440", DESKTOP), ("390", PHONE)):
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        for section in SECTIONS:
            show(page, section)
            expect(page.locator("h1")).to_be_visible()
            page.wait_for_load_state("networkidle")
            expect(page.locator(".notice.bad")).to_have_count(0)
            assert no_sideways_scrolling(page), section
            page.screenshot(path=str(shots / f"kb-{width}-{section.replace('/', '-')}.png"))
    assert not failures
    page.context.close()
