"""Session timers in their own time, and what a call does when they run out."""

import asyncio

import pytest

from ivr.sip.session_timer import SessionTerms, SessionWatch
from tests.ivr.virtual_time import run_virtually
from tests.ivr_sip.wire import OFFERED, Answering, Wire, header, tag_of

THEIRS = SessionTerms(1800, we_refresh=False, supported=True)
OURS = SessionTerms(1800, we_refresh=True, supported=True)


async def seen_within(terms: SessionTerms, seconds: float, refreshed_at: float = 0.0) -> list[tuple[str, float]]:
    loop = asyncio.get_running_loop()
    seen: list[tuple[str, float]] = []
    watch = SessionWatch(
        terms,
        refresh=lambda: seen.append(("refresh", loop.time())),
        expired=lambda: seen.append(("expired", loop.time())),
    )
    if refreshed_at:
        loop.call_at(refreshed_at, watch.refreshed)
    await asyncio.sleep(seconds)
    watch.stop()
    await asyncio.sleep(seconds)
    return seen


def test_we_refresh_at_half_time_and_give_up_shortly_before_the_end() -> None:
    assert run_virtually(seen_within(OURS, 1000)) == [("refresh", 900)]
    assert run_virtually(seen_within(THEIRS, 1767)) == []
    assert run_virtually(seen_within(THEIRS, 1800)) == [("expired", 1768)]
    assert run_virtually(seen_within(THEIRS, 3000, refreshed_at=1700)) == []
    assert run_virtually(seen_within(SessionTerms(90, False, True), 90)) == [("expired", 60)]


@pytest.fixture
def seconds_instead_of_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.sip.session_timer.SHORTEST_S", 1)


async def up(wire: Wire, asked: str) -> None:
    more = f"Session-Expires: {asked}\r\nSupported: timer\r\nAllow: UPDATE\r\n"
    wire.send(wire.request("INVITE", body=OFFERED, more=more))
    wire.send(wire.request("ACK", branch="z9hG4bK-ack", to_tag=tag_of(await wire.final())))


@pytest.mark.usefixtures("seconds_instead_of_minutes")
async def test_a_call_that_nobody_refreshes_is_ended(answering: Answering, wire: Wire) -> None:
    await up(wire, "1;refresher=uac")
    wire.reply(await wire.next("BYE"), 200)
    assert await answering.legs[0].wait_ended() == "fault"


@pytest.mark.usefixtures("seconds_instead_of_minutes")
async def test_we_refresh_by_update_until_the_far_end_knows_the_call_no_more(answering: Answering, wire: Wire) -> None:
    await up(wire, "1;refresher=uas")
    for _ in range(2):
        update = await wire.next("UPDATE")
        assert header(update, "Session-Expires") == "1;refresher=uac"
        wire.reply(update, 200)
    assert not answering.legs[0].ended
    update = await wire.next("UPDATE")
    while header(update, "CSeq") == "2 UPDATE":  # a repetition that crossed our answer
        update = await wire.next("UPDATE")
    wire.reply(update, 481)
    await wire.next("BYE")
    assert await answering.legs[0].wait_ended() == "fault"
