"""The knowledge console in a browser: accounts, logging in, going to a section, asking its API."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.e2e.instance import Hotline
from tests.e2e.test_pages import DESKTOP, open_page


@dataclass(frozen=True)
class Maintainer:
    """An account of the console."""

    id: str
    password: str


def account(hotline: Hotline, id: str, role: str, unit: str = "") -> Maintainer:
    """A new account of the running hotline."""
    made = hotline.json("agent", "add", id, "--role", role, *(["--unit", unit] if unit else []))
    return Maintainer(id, made["password"])


def console(browser: Browser, hotline: Hotline, who: Maintainer, size: dict[str, int] = DESKTOP) -> Page:
    """The console as ``who`` sees it, in a context of its own."""
    page = open_page(browser, f"{hotline.web}kb", size)
    page.locator("#account").fill(who.id)
    page.locator("#password").fill(who.password)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("navigation", name="栏目")).to_be_visible()
    return page


def show(page: Page, place: str) -> None:
    """Go to a section, as a click on a link does."""
    page.evaluate("place => { location.hash = `#/${place}` }", place)


def api(page: Page, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the console's API with the session of ``page``."""
    origin = page.evaluate("location.origin")
    csrf = page.request.get(f"{origin}/api/kb/me").json()["csrf"]
    answer = page.request.fetch(f"{origin}/api/kb/{path}", method=method, headers={"X-CSRF-Token": csrf}, data=body)
    assert answer.ok, answer.text()
    return answer.json()
