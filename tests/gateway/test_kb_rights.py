"""Who may do what in the knowledge base, route by route and role by role, as written down here and nowhere else."""

from typing import Final

import pytest

from knowledge.web.routing import Route
from store.accounts import Role
from tests.gateway.conftest import House
from tests.gateway.kb_page import KnowledgePage

_ALL: Final = "editor reviewer supervisor office agent unit"
_READERS: Final = "editor reviewer supervisor office unit"
_OVERSEERS: Final = "editor reviewer supervisor office"
_SEARCHERS: Final = "editor reviewer supervisor office agent"
_WRITERS: Final = "editor reviewer unit"
_MAINTAINERS: Final = "editor reviewer"
_REVIEWER: Final = "reviewer"

TABLE: Final = {
    "GET /entries": _ALL,
    "GET /entries/{id}": _ALL,
    "GET /entries/{id}/diff": _READERS,
    "POST /entries/{id}/archive": _REVIEWER,
    "POST /entries/{id}/rollback": _REVIEWER,
    "POST /entries/{id}/dispute": "editor reviewer agent",
    "GET /scripts": _SEARCHERS,
    "POST /scripts": _MAINTAINERS,
    "GET /drafts": _READERS,
    "POST /drafts": _WRITERS,
    "GET /drafts/{id}": _READERS,
    "PUT /drafts/{id}": _WRITERS,
    "POST /drafts/{id}/submit": _WRITERS,
    "POST /drafts/{id}/withdraw": _WRITERS,
    "POST /drafts/{id}/approve": _REVIEWER,
    "POST /drafts/{id}/return": _REVIEWER,
    "POST /check": _WRITERS,
    "GET /reviews": _OVERSEERS,
    "POST /disputes/{id}/resolve": _REVIEWER,
    "GET /freshness": _READERS,
    "GET /export": _MAINTAINERS,
    "POST /import": _MAINTAINERS,
    "POST /test": _SEARCHERS,
    "GET /synonyms": _OVERSEERS,
    "PUT /synonyms": _MAINTAINERS,
    "GET /gaps": _READERS,
    "PUT /gaps/{id}": _MAINTAINERS,
    "POST /gaps/{id}/draft": _WRITERS,
    "POST /gaps/{id}/document": _WRITERS,
    "GET /rate": _OVERSEERS,
    "POST /attachments": _WRITERS,
    "GET /attachments/{id}": _ALL,
    "POST /speech": _READERS,
    "GET /training": _OVERSEERS,
    "GET /training/acts/{id}/examples": _OVERSEERS,
    "POST /training/examples": _MAINTAINERS,
    "DELETE /training/examples/{id}": _MAINTAINERS,
    "GET /training/unsure": _OVERSEERS,
    "POST /training/label": _MAINTAINERS,
    "POST /training/discard": _MAINTAINERS,
    "POST /training/start": _MAINTAINERS,
    "POST /training/cancel": _MAINTAINERS,
    "GET /training/models/{id}/report": _OVERSEERS,
    "POST /training/models/{id}/promote": _REVIEWER,
    "POST /training/rollback": _REVIEWER,
}
"""Every route below ``/api/kb`` and the roles that get an answer; the operator gets none."""
_HEAVY: Final = frozenset({"POST /training/start"})
"""Refusals are asked for over HTTP; what it would begin is not begun."""
ROLES: Final = [role for role in Role if role is not Role.OPERATOR]


def _routes(house: House) -> dict[str, Route]:
    return {f"{route.method} {route.path}": route for route in house.gateway._knowledge.guarded}


async def test_every_route_is_in_the_table(house: House) -> None:
    assert sorted(_routes(house)) == sorted(TABLE)
    paths = [
        f"{route.method} {route.resource.canonical.removeprefix('/api/kb')}"
        for route in house.web.app.router.routes()
        if route.resource and route.resource.canonical.startswith("/api/kb/") and route.method != "HEAD"
    ]
    assert sorted(paths) == sorted([*TABLE, "POST /login", "POST /logout", "GET /me"])


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_gets_what_the_table_says_and_nothing_else(house: House, role: Role) -> None:
    page = await KnowledgePage.login(house, "wo", role)
    for name, roles in TABLE.items():
        allowed = role in roles.split()
        if allowed and name in _HEAVY:
            continue
        method, path = name.replace("{id}", "keins").split(" ")
        status, told = await page.ask(method, path)
        code = told["error"]["code"] if isinstance(told, dict) and "error" in told else ""
        assert status < 500, (name, told)
        assert (status, code) != (401, "not_logged_in"), name
        assert (code == "forbidden") is not allowed, (role, name, told)


async def test_nobody_gets_anything_without_a_login(house: House) -> None:
    client = await house.visitor()
    for name in [*TABLE, "GET /me", "POST /logout"]:
        method, path = name.replace("{id}", "keins").split(" ")
        answer = await client.request(method, f"/api/kb{path}")
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, "not_logged_in"), name


async def test_every_writing_route_asks_for_the_csrf_token(house: House) -> None:
    page = await KnowledgePage.login(house, "shen", "reviewer")
    for name in [*TABLE, "POST /logout"]:
        method, path = name.replace("{id}", "keins").split(" ")
        if method == "GET":
            continue
        answer = await page.client.request(method, f"/api/kb{path}", headers={"X-CSRF-Token": "x"})
        assert (answer.status, (await answer.json())["error"]["code"]) == (403, "csrf"), name
