"""The trained bot, really served: whole conversations turn by turn, a restart in mid-form, validation, no way out."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from config.settings import Settings
from dialog import bot_training
from dialog.bot_server import BotServer, serving
from dialog.rasa_client import CHANNEL_HEADER, ELEMENTS, PATH, RasaClient, RasaStep, RasaUnavailable, Resume, Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Talk:
    """A conversation as ``dialog/`` keeps it: it owns statuses and stage, and says what was settled by each turn."""

    client: RasaClient
    name: str
    statuses: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(ELEMENTS))
    stage: Stage = Stage.OPEN
    requested: str | None = None

    async def say(self, text: str, *settles: str) -> list[str]:
        """The directives for ``text``, in short: ``kb_lookup``, ``ask place``, ``start complaint``, ``say bye``."""
        self.statuses |= dict.fromkeys(settles, "filled")
        active = self.stage in (Stage.GATHERING, Stage.CONFIRMING)
        resume = Resume(self.stage, self.requested, settles)
        step = await self.client.turn(self.name, text, self.statuses, active, resume)
        self._follow(step)
        return [_short(directive) for directive in step.directives]

    def _follow(self, step: RasaStep) -> None:
        self.statuses = dict(step.statuses)
        for directive in step.directives:
            if "ask" in directive:
                self.stage, self.requested = Stage.GATHERING, directive["ask"]
            elif directive["do"] == "confirm_ticket":
                self.stage, self.requested = Stage.CONFIRMING, None
            elif directive["do"] in ("submit_ticket", "cancel_ticket"):
                self.stage, self.statuses = Stage.OPEN, dict.fromkeys(ELEMENTS)


def _short(directive: dict[str, str]) -> str:
    if "ask" in directive:
        return f"ask {directive['ask']}"
    extra = directive.get("type") or directive.get("key")
    return f"{directive['do']} {extra}" if extra else directive["do"]


@pytest.fixture
async def client(bot: BotServer) -> AsyncIterator[RasaClient]:
    async with bot.client() as client:
        yield client


@pytest.fixture
async def talk(client: RasaClient) -> Talk:
    return Talk(client, "talk")


async def test_a_complaint_from_first_word_to_ticket(talk: Talk) -> None:
    assert await talk.say("我要投诉") == ["start_ticket complaint", "ask event"]
    told = "昨天晚上十点半赤坎区海滨大道的工地一直施工，吵得睡不着"
    assert await talk.say(told, "event", "time", "place") == ["ask person"]
    assert await talk.say("我姓王", "person") == ["ask demand"]
    assert await talk.say("希望尽快停工", "demand") == ["confirm_ticket"]
    assert await talk.say("对") == ["submit_ticket"]


async def test_all_told_at_once_is_read_back_at_once(talk: Talk) -> None:
    assert await talk.say("我是李某，昨晚人民大道工地吵得睡不着，希望停工", *ELEMENTS) == [
        "start_ticket complaint",
        "confirm_ticket",
    ]


async def test_a_second_complaint_begins_afresh(talk: Talk) -> None:
    await talk.say("楼下烧烤店油烟直接排到我家里", *ELEMENTS)
    assert await talk.say("对") == ["submit_ticket"]
    assert await talk.say("我还要投诉物业乱收费", "event") == ["start_ticket complaint", "ask time"]


async def test_a_question_in_mid_form_is_answered_and_the_form_goes_on(talk: Talk) -> None:
    await talk.say("工地一直施工吵得睡不着", "event")
    assert await talk.say("公积金怎么提取") == ["kb_lookup", "ask time"]
    assert await talk.say("昨天晚上", "time") == ["ask place"]


async def test_what_is_not_known_is_not_asked_for_again(talk: Talk) -> None:
    await talk.say("工地一直施工吵得睡不着", "event", "time")
    await talk.say("在人民大道", "place")
    assert talk.requested == "person"
    assert await talk.say("不知道") == ["ask demand"]
    assert talk.statuses["person"] == "declined"


async def test_the_event_cannot_be_declined(talk: Talk) -> None:
    await talk.say("我要投诉")
    assert await talk.say("不知道") == ["clarify", "ask event"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("算了不投诉了", ["cancel_ticket"]),
        ("转人工", ["transfer"]),
        ("家里煤气泄漏了", ["emergency"]),
        ("再说一遍", ["repeat"]),
        ("等一下我找一下", ["say wait"]),
        ("再见", ["say bye"]),
        ("我要匿名", ["say anonymous", "ask time"]),
        ("查一下我的工单", ["progress", "ask time"]),
        ("工单不要了取消", ["cancel_ticket"]),
    ],
)
async def test_the_form_can_be_left_or_held_at_any_time(talk: Talk, text: str, expected: list[str]) -> None:
    await talk.say("楼下酒吧每天唱到三四点", "event")
    assert talk.requested == "time"
    assert await talk.say(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("不对", ["change_element"]),
        ("地点不对", ["change_element"]),
        ("公积金怎么提取", ["kb_lookup", "confirm_ticket"]),
        ("嗯那个", ["say wait"]),
        ("取消", ["cancel_ticket"]),
        ("转人工", ["transfer"]),
    ],
)
async def test_only_a_yes_files_what_was_read_back(talk: Talk, text: str, expected: list[str]) -> None:
    await talk.say("楼下酒吧每天唱到三四点", *ELEMENTS)
    assert talk.stage is Stage.CONFIRMING
    assert await talk.say(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("晚上工地施工归哪个部门管", ["kb_lookup"]),
        ("物业费不交会怎么样", ["kb_lookup"]),
        ("工地一直施工吵得睡不着", ["start_ticket complaint", "ask event"]),
        ("家里停水两天了麻烦派人来修", ["start_ticket help", "ask event"]),
        ("我要举报有人偷排污水", ["start_ticket report", "ask event"]),
        ("建议在学校门口装红绿灯", ["start_ticket suggestion", "ask event"]),
        ("我要表扬派出所的【姓名】警官", ["start_ticket praise", "ask event"]),
        ("对", ["clarify"]),
        ("第二个", ["clarify"]),
    ],
)
async def test_where_a_conversation_begins(talk: Talk, text: str, expected: list[str]) -> None:
    assert await talk.say(text) == expected


async def test_one_of_the_offered_answers_is_chosen(client: RasaClient) -> None:
    step = await client.turn("choosing", "第二个", {}, False, Resume(Stage.CHOOSING))
    assert step.directives == ({"do": "choose"},)
    assert step.entities == {"choice": "2"}


async def test_the_wrong_element_is_named(client: RasaClient) -> None:
    filled: dict[str, str | None] = dict.fromkeys(ELEMENTS, "filled")
    step = await client.turn("changing", "地址不对", filled, True, Resume(Stage.CONFIRMING))
    assert step.directives == ({"do": "change_element"},)
    assert step.entities == {"element": "place"}


@pytest.mark.parametrize("text", ["/person_please", "/restart", "//cancel", "／emergency", "/ticket_form{}"])
async def test_a_slash_commands_nothing(client: RasaClient, text: str) -> None:
    step = await client.turn("slash", text, {}, False)
    assert step.confidence < 1.0
    assert step.act not in {"restart", "back", "session_start"}


async def test_conversations_at_the_same_time_do_not_mix(client: RasaClient) -> None:
    async def ask(number: int) -> tuple[dict[str, str], ...]:
        element = ELEMENTS[number % len(ELEMENTS)]
        statuses: dict[str, str | None] = dict.fromkeys(ELEMENTS, "filled") | {element: None}
        step = await client.turn("same", "嗯", statuses, True, Resume(Stage.GATHERING, element, ()))
        return step.directives

    answers = await asyncio.gather(*(ask(number) for number in range(30)))
    assert [answer[-1] for answer in answers] == [{"ask": ELEMENTS[n % len(ELEMENTS)]} for n in range(30)]


@pytest.mark.parametrize(
    ("secret", "body", "status"),
    [
        ("", b"{}", 403),
        ("x" * 64, b"{}", 403),
        (None, b"not json", 400),
        (None, b'{"text": "a"}', 400),
        (None, json.dumps({"sender": "", "text": "a"}).encode(), 400),
        (None, json.dumps({"sender": "a", "text": "a" * 501}).encode(), 400),
        (None, json.dumps({"sender": "a", "text": "a", "stage": "other"}).encode(), 400),
        (None, json.dumps({"sender": "a", "text": "a", "statuses": {"time": "unknown"}}).encode(), 400),
        (None, json.dumps({"sender": "a", "text": "a", "new": [["x"]]}).encode(), 400),
        (None, b"x" * 9000, 413),
    ],
)
async def test_the_channel_takes_only_our_messages(
    bot: BotServer, secret: str | None, body: bytes, status: int
) -> None:
    url = f"http://127.0.0.1:{bot.settings.rasa_port}{PATH}"
    headers = {CHANNEL_HEADER: bot.settings.secret("rasa_channel") if secret is None else secret}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize("path", ["/model/parse", "/conversations/a/tracker", "/webhooks/rest/webhook"])
async def test_there_is_no_other_way_in(bot: BotServer, path: str) -> None:
    url = f"http://127.0.0.1:{bot.settings.rasa_port}{path}"
    async with aiohttp.ClientSession() as session, session.post(url, json={"text": "你好"}) as response:
        assert response.status == 404


async def test_a_restart_in_mid_form_is_not_noticed(bot_settings: Settings) -> None:
    async with serving(bot_settings) as server, server.client() as client:
        talk = Talk(client, "restarted")
        await talk.say("我要投诉")
        assert await talk.say("工地一直施工吵得睡不着", "event", "time") == ["ask place"]
        server.kill()
        with pytest.raises(RasaUnavailable, match="down"):
            await talk.say("在人民大道")
        await server.start()
        assert await talk.say("在人民大道", "place") == ["ask person"]
        assert await talk.say("我姓王", "person") == ["ask demand"]


def test_rasa_finds_the_data_valid(rasa_environment: None, tmp_path: Path) -> None:
    argv = [str(bot_training.RASA_PYTHON), "-W", "ignore", "-m", "rasa", "data", "validate"]
    environment = {"RASA_TELEMETRY_ENABLED": "false", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        argv, cwd=bot_training.BOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    warned = set(re.findall(r"UserWarning: (.+)", told))
    form = "The utterance 'utter_ask_ticket_form_{}' is not used in any story or rule."
    assert warned == {form.format(element) for element in ELEMENTS}, "the form asks by itself; nothing else is to warn"


SITE_CUSTOMIZE = """
import ipaddress, os, socket

def refuse(what):
    with open({record!r}, "a") as record:
        record.write(what + "\\n")
    raise OSError(101, "refused by the test: " + what)

def check(address):
    if isinstance(address, tuple):
        host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
        if host not in ("", "localhost"):
            try:
                local = ipaddress.ip_address(host.partition("%")[0]).is_loopback
            except ValueError:
                local = False
            if not local:
                refuse(host)

def wrap(name, position):
    original = getattr(socket.socket, name)
    def guarded(self, *arguments):
        check(arguments[position])
        return original(self, *arguments)
    setattr(socket.socket, name, guarded)

wrap("connect", 0)
wrap("connect_ex", 0)
wrap("sendto", -1)
original_lookup = socket.getaddrinfo

def lookup(host, *arguments, **named):
    if host not in (None, ""):
        check((host,))
    return original_lookup(host, *arguments, **named)

socket.getaddrinfo = lookup
with open({started!r}, "a") as started:
    started.write(str(os.getpid()) + "\\n")
"""


async def test_nothing_leaves_the_machine(
    rasa_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training, start-up and a turn with every connection that is not to this machine refused and recorded."""
    record, started, site = tmp_path / "refused", tmp_path / "started", tmp_path / "site"
    site.mkdir()
    text = SITE_CUSTOMIZE.format(record=str(record), started=str(started))
    (site / "sitecustomize.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site))
    probe = "import socket; socket.socket().connect(('192.0.2.1', 9))"
    argv = [str(bot_training.RASA_PYTHON), "-c", probe]
    probed = await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=False)
    assert probed.returncode != 0
    assert record.read_text() == "192.0.2.1\n"
    record.unlink()

    monkeypatch.setattr(bot_training, "SHARED_MODELS", tmp_path / "models")
    settings = Settings(data_dir=tmp_path / "data")
    await asyncio.to_thread(bot_training.train_if_needed, settings, lambda _: None)
    async with serving(settings) as server, server.client() as client:
        step = await client.turn("alone", "公积金怎么提取", {}, False)
    assert step.directives == ({"do": "kb_lookup"},)
    assert len(started.read_text().splitlines()) >= 3
    assert not record.exists(), record.read_text()
