"""The pages in Chromium: a citizen chats, an agent takes over, a ticket is filed, at desk and at phone size."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import Need
from tests.e2e.instance import Agent, Hotline

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(need: Need) -> Iterator[Browser]:
    chromium = need("chromium", "sudo apt-get install -y chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """Where screenshots go: a folder named by HOTLINE_SHOTS to keep them, else the test's own."""
    folder = Path(os.environ.get("HOTLINE_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_page(browser: Browser, url: str, size: dict[str, int]) -> Page:
    context = browser.new_context(viewport={"width": size["width"], "height": size["height"]}, locale="zh-CN")
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(url)
    assert not failures
    return page


def say(page: Page, text: str) -> None:
    page.get_by_label("输入您的问题或诉求").fill(text)
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".row.citizen .bubble", has_text=text).last).to_be_visible()


def log_in(page: Page, agent: Agent) -> None:
    page.locator("#account").fill(agent.id)
    page.locator("#password").fill(agent.password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_text("12345 话务台")).to_be_visible()


def no_sideways_scrolling(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_citizen_asks_and_finds_the_history_after_reload(hotline: Hotline, browser: Browser, shots: Path) -> None:
    page = open_page(browser, hotline.web, PHONE)
    expect(page.locator(".row.bot").first).to_be_visible()
    page.screenshot(path=str(shots / "chat-390-greeting.png"))
    say(page, "请问公积金怎么提取")
    answer = page.locator(".row.bot[data-kind=answer]")
    expect(answer.locator("[data-entry]")).to_be_visible()
    entry = answer.locator("[data-entry]").get_attribute("data-entry")
    assert no_sideways_scrolling(page)
    page.screenshot(path=str(shots / "chat-390-answer.png"))
    page.reload()
    expect(page.locator(f"[data-entry='{entry}']")).to_be_visible()
    expect(page.locator(".row.citizen .bubble")).to_contain_text("请问公积金怎么提取")
    page.context.close()


def test_a_complaint_is_taken_down_in_the_chat(hotline: Hotline, browser: Browser, shots: Path) -> None:
    page = open_page(browser, hotline.web, DESKTOP)
    expect(page.locator(".row.bot").first).to_be_visible()
    for text in ("我要投诉", "昨天晚上十点半赤坎区海滨大道的工地一直施工，吵得睡不着", "我姓王", "希望尽快停工"):
        shown = page.locator(".row.bot").count()
        say(page, text)
        expect(page.locator(".row.bot").nth(shown)).to_be_visible()
    confirm = page.get_by_role("button", name="对，就这样登记")
    expect(confirm).to_be_visible()
    page.screenshot(path=str(shots / "chat-1440-confirm.png"))
    confirm.click()
    expect(page.locator(".ticket b").last).to_have_text(re.compile(r"^\d{13}$"))
    page.context.close()


def test_an_agent_takes_over_a_chat_and_files_the_ticket(
    hotline: Hotline, agent: Agent, browser: Browser, shots: Path
) -> None:
    desk = open_page(browser, f"{hotline.web}desk", DESKTOP)
    desk.screenshot(path=str(shots / "desk-1440-login.png"))
    log_in(desk, agent)
    desk.get_by_text("可接", exact=True).click()
    expect(desk.get_by_text("等待转接…")).to_be_visible()
    desk.screenshot(path=str(shots / "desk-1440-waiting.png"))
    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    say(citizen, "昨天晚上十点半赤坎区海滨大道的工地一直施工，我要投诉")
    expect(citizen.locator(".row.bot").nth(1)).to_be_visible()
    citizen.get_by_role("button", name="转人工").click()
    desk.get_by_test_id("accept").click(timeout=10_000)
    place = desk.locator("[data-element=place]")
    expect(place).to_have_attribute("data-status", "filled")
    place.hover()
    expect(desk.locator("mark").first).to_be_visible()
    desk.screenshot(path=str(shots / "desk-1440-pop.png"))
    desk.get_by_label("回复市民").fill("您好，我是话务员，正在为您登记。")
    desk.get_by_label("回复市民").press("Enter")
    expect(citizen.locator(".row.agent .bubble").last).to_contain_text("正在为您登记")
    say(citizen, "好的，我姓王")
    expect(desk.locator(".transcript li.citizen").last).to_contain_text("我姓王")
    desk.get_by_label("诉求", exact=True).fill("夜间停止施工")
    desk.get_by_test_id("file").click()
    expect(desk.get_by_test_id("ticket-no")).to_be_visible()
    number = desk.get_by_test_id("ticket-no").inner_text()
    expect(citizen.get_by_text(number).last).to_be_visible()
    desk.screenshot(path=str(shots / "desk-1440-filed.png"))
    citizen.screenshot(path=str(shots / "chat-390-agent.png"))
    ticket = hotline.json("ticket", "show", number)
    assert ticket["elements"]["demand"]["set_by"] == "agent"
    assert ticket["elements"]["place"]["set_by"] == "bot"
    desk.get_by_test_id("end").click()
    expect(citizen.get_by_role("button", name="开始新的会话")).to_be_visible()
    desk.context.close()
    citizen.context.close()


def test_an_agent_takes_a_call_and_hears_its_recording(
    hotline: Hotline, agent: Agent, browser: Browser, shots: Path
) -> None:
    phone = hotline.start(
        "phone", "--agent", agent.id, "--auto", "--say", "您好，请讲。", "--calls", "1", "--seconds", "120"
    )
    desk = open_page(browser, f"{hotline.web}desk", DESKTOP)
    log_in(desk, agent)
    desk.get_by_text("可接", exact=True).click()
    expect(desk.get_by_text("等待转接…")).to_be_visible()
    caller = hotline.start("call", "--say", "请问公积金怎么提取", "--say", "转人工", "--from", "13800000014", "--json")
    try:
        desk.get_by_test_id("accept").click(timeout=60_000)
        told = json.loads(caller.communicate(timeout=60)[0])
        assert told["transfer"]["heard_both_ways"] is True
        expect(desk.get_by_text("已结束")).to_be_visible()
        listen = desk.get_by_role("button", name="听录音", exact=True)
        player = desk.get_by_label("通话录音")
        for _ in range(40):
            listen.click()
            desk.wait_for_timeout(500)
            if player.is_visible():
                break
        expect(player).to_be_visible()
        desk.wait_for_function("document.querySelector('audio').duration > 8")
        desk.get_by_role("button", name="从这里听录音").last.click()
        desk.wait_for_function("document.querySelector('audio').currentTime > 1")
        desk.screenshot(path=str(shots / "desk-1440-recording.png"))
        desk.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        assert no_sideways_scrolling(desk)
        desk.screenshot(path=str(shots / "desk-390-recording.png"), full_page=True)
    finally:
        for process in (caller, phone):
            process.terminate()
            process.communicate(timeout=20)
        desk.context.close()


def test_the_desk_fits_a_small_screen(hotline: Hotline, agent: Agent, browser: Browser, shots: Path) -> None:
    desk = open_page(browser, f"{hotline.web}desk", PHONE)
    log_in(desk, agent)
    expect(desk.get_by_role("button", name="退出")).to_be_visible()
    assert no_sideways_scrolling(desk)
    desk.screenshot(path=str(shots / "desk-390-waiting.png"), full_page=True)
    desk.context.close()
