"""Attachments for citizens: of entries that are answered now and public, as downloads; of no others."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp
import pytest

from chatbot.files import ASKED_MOST
from knowledge.repository import Repository
from tests.gateway.conftest import House
from tests.gateway.kb_page import KnowledgePage, file_of
from tests.gateway.test_kb_over_http import PDF, form

ENTRIES = "/api/chat/entries"


@dataclass
class Citizen:
    """A visitor of the chat, and an uploaded file."""

    client: aiohttp.ClientSession
    file: dict[str, Any]

    async def files(self, entry: str) -> list[str]:
        answer = await self.client.get(f"{ENTRIES}/{entry}/attachments")
        assert answer.status == 200
        return [one["id"] for one in (await answer.json())["attachments"]]

    async def fetch(self, entry: str) -> int:
        return (await self.client.get(f"{ENTRIES}/{entry}/attachments/{self.file['id']}")).status


@pytest.fixture
async def editor(house: House) -> AsyncIterator[KnowledgePage]:
    yield await KnowledgePage.login(house, "bian", "editor")


@pytest.fixture
async def citizen(house: House, editor: KnowledgePage) -> AsyncIterator[Citizen]:
    file = await editor.do("POST", "/attachments", data=file_of(PDF, "申请表 <1>.pdf"), status=201)
    client = await house.visitor()
    assert (await client.post("/api/chat/session")).status == 200
    yield Citizen(client, file)


async def publish(house: House, citizen: Citizen, id: str, **changes: Any) -> None:
    entry = form(id, "公积金怎么提取", attachments=[citizen.file], **changes)
    await Repository(house.database, house.clock).publish([entry], "tests")


async def test_a_citizen_downloads_what_belongs_to_an_answer(house: House, citizen: Citizen) -> None:
    await publish(house, citizen, "gjj-1")
    assert await citizen.files("gjj-1") == [citizen.file["id"]]
    answer = await citizen.client.get(f"{ENTRIES}/gjj-1/attachments/{citizen.file['id']}")
    assert (answer.status, await answer.read()) == (200, PDF)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E7%94%B3%E8%AF%B7%E8%A1%A8%201.pdf"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cache-Control"] == "no-store"
    for wrong in ("none", "..%2f..%2fhotline.db", "x" * 65):
        assert (await citizen.client.get(f"{ENTRIES}/gjj-1/attachments/{wrong}")).status == 404
    assert (await citizen.client.post(f"{ENTRIES}/gjj-1/attachments")).status == 405


@pytest.mark.parametrize(
    "changes",
    [{"audience": "agents"}, {"effective_at": date(2023, 4, 4)}, {"expires_at": date(2023, 4, 2)}],
    ids=["for agents", "embargoed", "expired"],
)
async def test_what_the_public_is_not_answered_is_not_there(
    house: House, citizen: Citizen, changes: dict[str, Any]
) -> None:
    await publish(house, citizen, "gjj-1", **changes)
    assert await citizen.files("gjj-1") == []
    assert await citizen.fetch("gjj-1") == 404


async def test_a_drafts_file_is_not_there_until_it_is_published(
    house: House, citizen: Citizen, editor: KnowledgePage
) -> None:
    content = form("gjj-9", "提前还贷", attachments=[citizen.file]).model_dump(
        mode="json", exclude={"version", "sample"}
    )
    draft = await editor.do("POST", "/drafts", {"content": content}, status=201)
    assert await citizen.fetch("gjj-9") == 404
    await editor.do("POST", f"/drafts/{draft['id']}/submit", {"revision": 1})
    assert await citizen.fetch("gjj-9") == 404
    reviewer = await KnowledgePage.login(house, "shen", "reviewer")
    await reviewer.do("POST", f"/drafts/{draft['id']}/approve", {"revision": 2})
    assert await citizen.fetch("gjj-9") == 200
    await reviewer.do("POST", "/entries/gjj-9/archive", {"reason": "作废"})
    assert await citizen.fetch("gjj-9") == 404


async def test_a_file_goes_with_its_version_and_a_dispute(
    house: House, citizen: Citizen, editor: KnowledgePage
) -> None:
    await publish(house, citizen, "gjj-1")
    await publish(house, citizen, "gjj-2", effective_at=date(2023, 4, 10))
    assert await citizen.fetch("gjj-2") == 404
    house.clock.advance(8 * 86400)
    assert await citizen.fetch("gjj-2") == 200
    agent = await KnowledgePage.login(house, "hua", "agent")
    await agent.do("POST", "/entries/gjj-1/dispute", {"reason": "表格过期"}, status=201)
    assert await citizen.fetch("gjj-1") == 404
    await Repository(house.database, house.clock).publish([form("gjj-2", "公积金怎么提取")], "tests")
    assert await citizen.files("gjj-2") == []
    assert await citizen.fetch("gjj-2") == 404


async def test_only_visitors_of_the_chat_and_not_without_end(house: House, citizen: Citizen) -> None:
    await publish(house, citizen, "gjj-1")
    stranger = await house.visitor()
    for path in (f"{ENTRIES}/gjj-1/attachments", f"{ENTRIES}/gjj-1/attachments/{citizen.file['id']}"):
        assert (await stranger.get(path)).status == 401
    for _ in range(ASKED_MOST):
        assert await citizen.files("none") == []
    assert await citizen.fetch("gjj-1") == 429
