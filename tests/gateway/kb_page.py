"""A browser at the knowledge base: its cookie, its CSRF token, requests and answers."""

from dataclasses import dataclass
from typing import Any

import aiohttp
from argon2 import PasswordHasher

from store.accounts import Accounts, Role
from tests.gateway.conftest import House

UNIT = "市住房公积金管理中心"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""So that a test with many people takes no seconds over their passwords."""


@dataclass
class KnowledgePage:
    """Whoever is logged in. ``me``: what login told."""

    client: aiohttp.ClientSession
    me: dict[str, Any]

    @classmethod
    async def login(cls, house: House, account: str, role: str, unit: str = "") -> "KnowledgePage":
        """A new account of ``role``, logged in."""
        accounts = Accounts(house.database, house.vault, house.clock, hasher=QUICK)
        unit = unit or (UNIT if role == Role.UNIT else "")
        password = await accounts.create(account, "", role, unit=unit)
        client = await house.visitor()
        answer = await client.post("/api/kb/login", json={"account": account, "password": password})
        assert answer.status == 200, (await answer.json())["error"]["message"]
        return cls(client, await answer.json())

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """Status and document of a request; ``more`` goes to aiohttp (``data`` for files)."""
        if method != "GET" and "data" not in more:
            more["json"] = body or {}
        headers = {"X-CSRF-Token": self.me["csrf"]}
        async with self.client.request(method, f"/api/kb{path}", headers=headers, **more) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.read()

    async def do(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        """The document of a request that must have that status."""
        found, document = await self.ask(method, path, body, **more)
        assert found == status, document
        return document


def file_of(content: object, name: str, media: str = "application/octet-stream") -> aiohttp.FormData:
    """An upload with one file."""
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", content, filename=name, content_type=media)
    return form
