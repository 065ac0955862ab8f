"""A whole hotline, started as a newcomer would, on free ports and in a folder of its own; ended with the tests."""

from collections.abc import Iterator

import pytest

from tests.e2e.console import Maintainer, account
from tests.e2e.instance import Agent, Hotline, begin


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
