"""A whole hotline, started as a newcomer would, on free ports and in a folder of its own; ended with the tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.console import Maintainer, account
from tests.e2e.instance import Agent, Hotline, begin

_PATIENCE_MS = 30_000
"""A page may take so long on a busy machine to show what is expected of it."""


@pytest.fixture(scope="session", autouse=True)
def _patient_pages() -> None:
    expect.set_options(timeout=_PATIENCE_MS)


@pytest.fixture(scope="session")
def hotline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hotline]:
    running = begin(tmp_path_factory.mktemp("hotline"))
    try:
        yield running
    finally:
        running.run("down", "--now", timeout_s=60)


@pytest.fixture(scope="session")
def agent(hotline: Hotline) -> Agent:
    port = int(hotline.setting("sip_port")) + 1
    made = hotline.json("agent", "add", "8001", "--sip", f"sip:8001@127.0.0.1:{port}", "--role", "agent")
    return Agent("8001", made["password"], port)


@pytest.fixture(scope="session")
def officer(hotline: Hotline) -> str:
    hotline.json("agent", "add", "9001", "--sip", "", "--role", "office")
    return "9001"


@pytest.fixture(scope="session")
def editor(hotline: Hotline) -> Maintainer:
    return account(hotline, "7001", "editor")


@pytest.fixture(scope="session")
def reviewer(hotline: Hotline) -> Maintainer:
    return account(hotline, "7002", "reviewer")
