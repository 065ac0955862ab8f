"""``./hotline ticket``: the JSON of the issue, and Chinese on stderr."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from config.clock import ManualClock
from config.settings import Settings
from gateway.commands.ticket import app
from store.engine import Database
from store.schema import conversations
from store.vault import Vault
from tickets.model import FiveElements
from tickets.service import Tickets

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(settings: Settings, migrated: Path) -> Run:
    settings.data_dir.mkdir(parents=True)
    shutil.copy(migrated, settings.data_dir / "hotline.db")

    def invoke(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, [*arguments, "--data", str(settings.data_dir)])
        return result.exit_code, result.stdout, result.stderr

    return invoke


@pytest.fixture
def filed(run: Run, settings: Settings, clock: ManualClock, noise: FiveElements) -> str:
    """The number of a filed complaint."""

    async def make() -> str:
        database = Database(settings.effective_database_url)
        async with database.begin() as connection:
            row = {"id": "c", "channel": "phone", "external_id": "c", "started_at": clock.now()}
            await connection.execute(insert(conversations).values(row))
        tickets = Tickets(database, Vault(settings), clock, settings.city)
        no = await tickets.file(await tickets.draft("c", None, "phone", "complaint", noise), "bot")
        await database.close()
        return no

    return asyncio.run(make())


def test_show_prints_each_element_with_its_source(run: Run, filed: str) -> None:
    code, out, _ = run("show", filed, "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["no"], shown["type"], shown["channel"]) == (filed, "complaint", "phone")
    assert list(shown["elements"]) == ["time", "place", "person", "event", "demand"]
    assert shown["elements"]["place"] == {
        "value": {"text": "赤坎区海滨大道"},
        "status": "filled",
        "source": [
            {"turn_id": "turn-1", "start": 7, "end": 14, "text": "赤坎区海滨大道", "audio_start_ms": 100, "audio_end_ms": 900}
        ],
        "confidence": 0.9,
        "set_by": "bot",
        "reason": "",
    }  # fmt: skip
    assert shown["elements"]["person"]["status"] == "missing"


def test_show_is_readable_without_json(run: Run, filed: str) -> None:
    code, out, _ = run("show", filed)
    assert code == 0
    assert "地点：赤坎区海滨大道（出自 “赤坎区海滨大道”）  [机器人]" in out
    assert "人物：缺" in out


def test_list_has_what_was_filed(run: Run, filed: str) -> None:
    assert [row["no"] for row in json.loads(run("list", "--json")[1])["tickets"]] == [filed]
    assert "缺 1 个要素" in run("list")[1]


def test_an_empty_list_is_an_empty_list(run: Run) -> None:
    assert json.loads(run("list", "--json")[1]) == {"tickets": []}
    assert run("list")[1] == "还没有工单。\n"


def test_a_ticket_that_is_not_there(run: Run) -> None:
    code, out, err = run("show", "2023040399999", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "ticket_not_found"
    assert err == "错误：没有找到工单 2023040399999，请核对编号\n"


def test_a_city_that_is_not_there(run: Run) -> None:
    code, out, err = run("list", "--city", "atlantis")
    assert (code, out) == (2, "")
    assert "现有：haidong、haikou、qionghai、zhanjiang" in err
