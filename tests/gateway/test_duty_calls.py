"""Urgent at night with nobody at the desk: the duty phone of the hour; without one an alarm, and the supervisor's phone."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from config.settings import Settings
from store.schema import audit, callbacks
from tests.gateway.conftest import House
from tests.gateway.scripted_node import ScriptedNode
from tests.gateway.test_desk_over_http import status_of

Begin = Callable[[], Awaitable[House]]
TABLE = """zhanjiang:
  - {name: 消防值班电话, number: "88880001", incidents: [fire, gas], days: rest, basis: {document: 值班表, article: 国庆}}
"""


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("duty") / "data"
    return Settings(data_dir=data, outgoing_uri="sip:{number}@10.0.0.1")


async def at_night(begin: Begin, *, table: str = TABLE) -> tuple[House, ScriptedNode]:
    first = await begin()
    (first.settings.data_dir / "duty_phones.yaml").write_text(table, encoding="utf-8")
    await first.stop()
    house = await begin()
    wanted = datetime(2023, 9, 30, 18, 0, tzinfo=UTC)  # 02:00 on 1 October in Asia/Shanghai
    house.clock.advance((wanted - house.clock.now()).total_seconds())
    return house, await ScriptedNode.link(house.node, house.settings.secret("node"))


async def emergency(node: ScriptedNode) -> None:
    await node.call()
    await node.wait("expect")
    await node.partial("煤气漏了")


async def noted(house: House) -> list[str]:
    async with house.database.connect() as connection:
        query = select(audit.c.action).where(audit.c.action.like("duty.%")).order_by(audit.c.at)
        return list((await connection.execute(query)).scalars())


async def test_the_duty_phone_of_the_hour_is_rung(begin: Begin) -> None:
    house, node = await at_night(begin)
    await emergency(node)
    assert (await node.wait("transfer")).target == "sip:88880001@10.0.0.1"
    await node.said("正在接通消防值班电话")
    await node.transfer("connected", node.all("transfer")[0].id, code=200)
    await node.transfer("ended", node.all("transfer")[0].id)
    await node.wait("hangup")
    assert await noted(house) == ["duty.called"]
    assert await status_of(house) == ["ended"]
    await node.close()


async def test_a_duty_phone_that_does_not_answer_is_followed_by_the_supervisor_and_then_a_promise(begin: Begin) -> None:
    house, node = await at_night(begin)
    await house.account("9001", "supervisor", "sip:9001@10.0.0.2")
    await emergency(node)
    first = await node.wait("transfer")
    await node.transfer("failed", first.id, code=408)
    second = await node.wait("transfer", count=2)
    assert second.target == "sip:9001@10.0.0.2"
    await node.transfer("failed", second.id, code=486)
    await node.said("紧急情况请直接拨打119")
    await node.wait("hangup")
    async with house.database.connect() as connection:
        assert list((await connection.execute(select(callbacks.c.status))).scalars()) == ["open"]
    await node.close()


async def test_without_a_row_for_the_hour_there_is_an_alarm_and_the_supervisor_is_rung(begin: Begin) -> None:
    house, node = await at_night(begin, table=TABLE.replace("days: rest", "days: work"))
    await house.account("9001", "supervisor", "sip:9001@10.0.0.2")
    await emergency(node)
    assert (await node.wait("transfer")).target == "sip:9001@10.0.0.2"
    assert await noted(house) == ["duty.missing", "duty.called"]
    await node.close()


async def test_what_is_not_urgent_waits_for_the_morning(begin: Begin) -> None:
    house, node = await at_night(begin)
    await node.call()
    await node.wait("expect")
    await node.final("人工")
    await node.said("已为您登记回拨")
    assert not node.all("transfer")
    assert await noted(house) == []
    await node.close()
