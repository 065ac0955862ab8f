"""Versions that meet in a browser: a draft brought up to what was published meanwhile, an answer with its files."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.console import Maintainer, api, console, show
from tests.e2e.instance import Hotline
from tests.e2e.test_pages import PHONE, browser, open_page, say, shots

__all__ = ["browser", "shots"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CONTENT = {
    "id": "E2E-V1", "kind": "matter", "question": "热气球驾驶证在哪里换", "answer": "到一楼窗口。", "speech": "请到一楼窗口办理。",
    "unit": "市交通运输局", "field": "交通", "effective_at": "2026-01-01",
}  # fmt: skip
PDF = b"%PDF-1.7\n1 0 obj\n"


def published(hotline: Hotline, folder: Path, **changes: str) -> None:
    """Publish the entry from a file, as an operator does."""
    row = CONTENT | changes
    names = ("id", "question", "answer", "speech", "unit", "field", "effective_at")
    file = folder / "entry.csv"
    file.write_text(f"similar,{','.join(names)}\n,{','.join(row[name] for name in names)}\n", encoding="utf-8")
    assert hotline.run("kb", "import", str(file)).returncode == 0


def test_a_draft_is_brought_up_to_the_version_published_meanwhile(
    hotline: Hotline, browser: Browser, editor: Maintainer, shots: Path, tmp_path: Path
) -> None:
    published(hotline, tmp_path)
    page = console(browser, hotline, editor)
    mine = CONTENT | {"answer": "到二楼窗口。"}
    draft = api(page, "POST", "drafts", {"content": mine, "base_version": 1})
    published(hotline, tmp_path, speech="请到一楼大厅办理。")
    show(page, f"entries/draft/{draft['id']}")
    expect(page.get_by_test_id("newer")).to_contain_text("已发布第 2 版")
    expect(page.get_by_test_id("submit")).to_be_disabled()
    page.get_by_test_id("rebase").click()
    dialog = page.get_by_role("dialog", name="对照第 2 版更新")
    expect(dialog.locator("fieldset", has_text="文字答案").get_by_label("用我的")).to_be_checked()
    expect(dialog.locator("fieldset", has_text="语音答案").get_by_label("用第 2 版的")).to_be_checked()
    page.screenshot(path=str(shots / "kb-1440-rebase.png"))
    page.get_by_test_id("settle").click()
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    expect(page.get_by_test_id("newer")).to_have_count(0)
    kept = api(page, "GET", f"drafts/{draft['id']}")
    assert kept["base_version"] == 2
    assert (kept["content"]["answer"], kept["content"]["speech"]) == ("到二楼窗口。", "请到一楼大厅办理。")
    page.get_by_test_id("submit").click()
    expect(page.locator(".review", has_text=CONTENT["question"])).to_be_visible()
    page.context.close()


def test_a_citizen_downloads_the_file_of_an_answer(
    hotline: Hotline, browser: Browser, editor: Maintainer, reviewer: Maintainer, shots: Path
) -> None:
    writing, approving = console(browser, hotline, editor), console(browser, hotline, reviewer)
    csrf = writing.request.get(f"{hotline.web}api/kb/me").json()["csrf"]
    upload: Any = {"file": {"name": "换证申请表.pdf", "mimeType": "application/pdf", "buffer": PDF}}
    sent = writing.request.post(f"{hotline.web}api/kb/attachments", headers={"X-CSRF-Token": csrf}, multipart=upload)
    content = CONTENT | {"id": "E2E-V2", "question": "滑翔伞执照遗失怎么补", "attachments": [sent.json()]}
    draft = api(writing, "POST", "drafts", {"content": content, "base_version": 0})
    draft = api(writing, "POST", f"drafts/{draft['id']}/submit", {"revision": draft["revision"]})
    api(approving, "POST", f"drafts/{draft['id']}/approve", {"revision": draft["revision"], "note": ""})
    citizen = open_page(browser, hotline.web, PHONE)
    expect(citizen.locator(".row.bot").first).to_be_visible()
    citizen.wait_for_timeout(1500)  # a publication is answered from within a second
    say(citizen, "滑翔伞执照遗失怎么补")
    link = citizen.locator(".row.bot[data-kind=answer] .files a").last
    expect(link).to_have_text("换证申请表.pdf")
    citizen.screenshot(path=str(shots / "chat-390-files.png"))
    with citizen.expect_download() as fetched:
        link.click()
    assert Path(fetched.value.path()).read_bytes() == PDF
    for page in (writing, approving, citizen):
        page.context.close()
