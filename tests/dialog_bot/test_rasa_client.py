"""The client against a small server that behaves as badly as real ones do."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from dialog.rasa_client import MAX_TEXT, PATH, RasaClient, RasaUnavailable, Resume, Stage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
STATUSES: dict[str, str | None] = dict.fromkeys(("event", "time", "place", "person", "demand"))
GOOD: dict[str, Any] = {
    "messages": [{"do": "kb_lookup"}, {"ask": "time"}],
    "intent": {"name": "ask", "confidence": 0.9},
    "ranking": [{"name": "ask", "confidence": 0.9}, {"name": "complain", "confidence": 0.05}],
    "entities": {"element": "place"},
    "statuses": {**STATUSES, "event": "filled"},
}


class FakeRasa:
    """Answers each request with ``reply``; keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.reply: object = GOOD
        self.raw: bytes | None = None
        self.hold: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.headers.append(dict(request.headers))
        if self.hold is not None:
            await self.hold.wait()
        body = self.raw if self.raw is not None else json.dumps(self.reply).encode()
        return web.Response(status=self.status, body=body, content_type="application/json")


@pytest.fixture
async def rasa() -> FakeRasa:
    return FakeRasa()


@pytest.fixture
async def server(rasa: FakeRasa) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_post(PATH, rasa.handle)
    server = TestServer(app)
    await server.start_server()
    yield server
    if rasa.hold:
        rasa.hold.set()
    await server.close()


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[RasaClient]:
    async with RasaClient(str(server.make_url("/")), secret="s" * 20, timeout_s=2.0) as client:
        yield client


async def test_a_step_is_read(client: RasaClient) -> None:
    step = await client.turn("c1", "公积金怎么提取", {"event": "filled"}, active_form=True)
    assert (step.act, step.confidence) == ("ask", 0.9)
    assert step.directives == ({"do": "kb_lookup"}, {"ask": "time"})
    assert step.ranking == (("ask", 0.9), ("complain", 0.05))
    assert step.entities == {"element": "place"}
    assert step.statuses == {**STATUSES, "event": "filled"}
    assert step.declined is None


async def test_the_whole_state_goes_with_each_request(client: RasaClient, rasa: FakeRasa) -> None:
    statuses = {"event": "filled", "time": "missing", "place": "declined", "person": "not_applicable", "demand": None}
    await client.turn("c1", " 昨天 ", statuses, True, Resume(Stage.GATHERING, "event"))
    assert rasa.asked == [
        {
            "sender": "c1",
            "text": "昨天",
            "stage": "gathering",
            "requested": "event",
            "statuses": {"event": "filled", "time": None, "place": "declined", "person": "declined", "demand": None},
            "new": ["event"],
        }
    ]
    assert rasa.headers[0]["X-Hotline-Secret"] == "s" * 20


@pytest.mark.parametrize(
    ("active", "given", "sent"),
    [
        (False, Stage.OPEN, "open"),
        (False, Stage.CHOOSING, "choosing"),
        (False, Stage.GATHERING, "open"),
        (False, Stage.CONFIRMING, "open"),
        (True, Stage.OPEN, "gathering"),
        (True, Stage.CONFIRMING, "confirming"),
    ],
)
async def test_stage_and_form_agree(client: RasaClient, rasa: FakeRasa, active: bool, given: Stage, sent: str) -> None:
    await client.turn("c1", "对", {}, active, Resume(given, "time"))
    assert rasa.asked[0]["stage"] == sent
    assert rasa.asked[0]["requested"] == ("time" if sent == "gathering" else None)


async def test_nothing_new_is_claimed_when_the_requested_element_is_still_missing(
    client: RasaClient, rasa: FakeRasa
) -> None:
    await client.turn("c1", "嗯", {"event": "filled"}, True, Resume(Stage.GATHERING, "time"))
    await client.turn("c1", "赤坎", {"event": "filled"}, True, Resume(Stage.GATHERING, "time", ("place", "other")))
    assert [asked["new"] for asked in rasa.asked] == [[], ["place"]]


async def test_long_text_is_cut(client: RasaClient, rasa: FakeRasa) -> None:
    await client.turn("c1", "吵" * 5000, {}, False)
    assert len(rasa.asked[0]["text"]) == MAX_TEXT


async def test_a_declined_element_is_told(client: RasaClient, rasa: FakeRasa) -> None:
    rasa.reply = GOOD | {"statuses": {**STATUSES, "time": "declined"}}
    step = await client.turn("c1", "不知道", {}, True, Resume(Stage.GATHERING, "time"))
    assert step.declined == "time"
    step = await client.turn("c1", "不知道", {"time": "declined"}, True, Resume(Stage.GATHERING, "time"))
    assert step.declined is None


@pytest.mark.parametrize("reply", [[], {}, None, GOOD | {"messages": []}])
async def test_an_empty_reply_is_a_failure(client: RasaClient, rasa: FakeRasa, reply: object) -> None:
    rasa.reply = reply
    with pytest.raises(RasaUnavailable) as failure:
        await client.turn("c1", "你好", {}, False)
    assert failure.value.code == "empty"


@pytest.mark.parametrize("status", [400, 403, 413, 500, 503])
async def test_an_http_error_is_a_failure(client: RasaClient, rasa: FakeRasa, status: int) -> None:
    rasa.status = status
    with pytest.raises(RasaUnavailable) as failure:
        await client.turn("c1", "你好", {}, False)
    assert failure.value.code == f"http_{status}"


@pytest.mark.parametrize(
    "raw",
    [
        b"<html>oops",
        b"\xff\xfe",
        b"",
        b"[1, 2]",
        b'"text"',
        json.dumps(GOOD | {"intent": None}).encode(),
        json.dumps(GOOD | {"messages": ["text"]}).encode(),
        json.dumps(GOOD | {"ranking": [{}]}).encode(),
        json.dumps(GOOD | {"statuses": []}).encode(),
    ],
)
async def test_garbage_is_a_failure(client: RasaClient, rasa: FakeRasa, raw: bytes) -> None:
    rasa.raw = raw
    with pytest.raises(RasaUnavailable) as failure:
        await client.turn("c1", "你好", {}, False)
    assert failure.value.code == "garbled"


async def test_a_slow_server_is_given_up(server: TestServer, rasa: FakeRasa) -> None:
    rasa.hold = asyncio.Event()
    async with RasaClient(str(server.make_url("/")), timeout_s=0.05) as client:
        with pytest.raises(RasaUnavailable) as failure:
            await client.turn("c1", "你好", {}, False)
    assert failure.value.code == "slow"


async def test_nobody_listening_is_a_failure(server: TestServer) -> None:
    url = str(server.make_url("/"))
    await server.close()
    async with RasaClient(url) as client:
        with pytest.raises(RasaUnavailable) as failure:
            await client.turn("c1", "你好", {}, False)
        assert failure.value.code == "down"
        assert not await client.healthy()


async def test_healthy_is_a_real_turn(client: RasaClient, rasa: FakeRasa) -> None:
    assert await client.healthy()
    assert rasa.asked[0]["text"] == "你好"
    rasa.reply = []
    assert not await client.healthy()


async def test_a_conversation_needs_an_id(client: RasaClient) -> None:
    with pytest.raises(ValueError, match="without an id"):
        await client.turn("", "你好", {}, False)


async def test_a_client_can_be_used_again_after_closing(client: RasaClient) -> None:
    assert await client.healthy()
    await client.close()
    assert await client.healthy()
