"""CLAUSES Z22–Z24 at the door, in a gateway that has no Redis: nothing but the decision lifts or extends a restriction."""

from datetime import datetime, timedelta

from callers.restrictions import Restriction, Restrictions
from config.clock import LOCAL_ZONE
from config.rulebook import load_rulebook
from ivr.protocol import AdmitRestricted, CallOffered
from tests.gateway.conftest import House
from tests.gateway.scripted_node import ScriptedNode

NUMBER = "13800138000"


async def restrict(house: House, *, shared: bool = False) -> Restriction:
    await house.account("boss", "office", "")
    decisions = Restrictions(house.database, house.vault, house.clock, load_rulebook("zhanjiang"))
    return await decisions.add(NUMBER, "harass", "录音 0001", "boss", shared=shared)


async def offer(node: ScriptedNode, call: str, number: str | None = NUMBER) -> str:
    """What the gateway says of an INVITE: ``admit`` or ``admit_restricted``."""
    await node.raw(CallOffered(call=call, number=number).model_dump_json())
    told = await node.about(call)
    kind: str = told.type
    return kind


async def test_a_restriction_lasts_to_midnight_of_its_last_day_and_not_a_second_longer(
    house: House, node: ScriptedNode
) -> None:
    """Decided 2023-04-03 10:00: day 1; until 2023-05-02 24:00, Asia/Shanghai."""
    made = await restrict(house)
    end = datetime(2023, 5, 3, tzinfo=LOCAL_ZONE)
    assert made.ends_at == end
    await house.gateway.feed.look()
    table = await node.wait("restrictions", version=1)
    assert [datetime.fromisoformat(row.ends_at) for row in table.rows] == [end]
    house.clock.advance((end - house.clock.now() - timedelta(seconds=1)).total_seconds())
    assert await offer(node, "c1") == "admit_restricted"
    assert await offer(node, "c2", "13800138001") == "admit"
    assert await offer(node, "c3", None) == "admit"
    house.clock.advance(1)
    assert await offer(node, "c4") == "admit"


async def test_a_number_that_many_share_gets_through(house: House, node: ScriptedNode) -> None:
    await restrict(house, shared=True)
    await house.gateway.feed.look()
    assert (await node.wait("restrictions", version=1)).rows == ()
    assert await offer(node, "c1") == "admit"


async def test_the_notice_names_the_open_ways_and_the_appeal(house: House, node: ScriptedNode) -> None:
    """Only the telephone is restricted (Z23)."""
    await restrict(house)
    await offer(node, "c1")
    notice = next(one for one in node.frames if isinstance(one, AdmitRestricted)).notice
    assert [way for way in ("网站", "小程序", "申诉", "110", "119", "120", "按1") if way not in notice] == []
