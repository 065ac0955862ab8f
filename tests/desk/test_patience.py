"""What may not come is waited for just so long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from desk.contract import HandoverStatus
from desk.handovers import Handover
from desk.patience import agent_is_lost, is_orphan, is_wrapped_up, phone_is_dead
from desk.pops import LiveHandover, PhoneState

NOON = datetime(2023, 4, 3, 4, 0, tzinfo=UTC)
BASE = Handover("h", "c", "phone", "asked", 0, HandoverStatus.ACCEPTED, "8001", NOON, NOON, NOON, None, None, False)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "dead"), [(19.9, False), (20, True)])
def test_a_failed_phone_may_be_put_right_for_a_while(seconds: float, dead: bool) -> None:
    live = LiveHandover(BASE, phone=PhoneState("failed", 480, "", NOON))
    assert phone_is_dead(live, at(seconds), 20) is dead


@pytest.mark.parametrize(("seconds", "dead"), [(39.9, False), (40, True)])
def test_a_phone_of_which_nothing_is_heard_is_given_up(seconds: float, dead: bool) -> None:
    assert phone_is_dead(LiveHandover(BASE), at(seconds), 20) is dead


@pytest.mark.parametrize("change", [{"channel": "web"}, {"status": HandoverStatus.CONNECTED}])
def test_who_talks_or_writes_needs_no_phone(change: dict[str, object]) -> None:
    assert not phone_is_dead(LiveHandover(replace(BASE, **change)), at(999), 20)  # type: ignore[arg-type]


def test_only_what_was_taken_up_from_disk_can_be_an_orphan() -> None:
    assert not is_orphan(LiveHandover(BASE), at(999), present=False)
    restored = LiveHandover(BASE, restored_at=NOON)
    assert not is_orphan(restored, at(14.9), present=False)
    assert is_orphan(restored, at(15), present=False)
    assert not is_orphan(restored, at(15), present=True)


@pytest.mark.parametrize(
    ("channel", "status", "seconds", "lost"),
    [
        ("phone", HandoverStatus.OFFERED, 15, True),
        ("web", HandoverStatus.ACCEPTED, 59.9, False),
        ("web", HandoverStatus.ACCEPTED, 60, True),
        ("phone", HandoverStatus.CONNECTED, 999, False),
    ],
)
def test_an_agents_page_may_be_away_as_long_as_nobody_waits_for_it(
    channel: str, status: HandoverStatus, seconds: float, lost: bool
) -> None:
    live = LiveHandover(replace(BASE, channel=channel, status=status), agent_gone_since=NOON)
    assert agent_is_lost(live, at(seconds)) is lost


def test_the_form_has_its_time() -> None:
    assert not is_wrapped_up(LiveHandover(BASE), at(999))
    assert not is_wrapped_up(LiveHandover(BASE, ended_at=NOON), at(19.9))
    assert is_wrapped_up(LiveHandover(BASE, ended_at=NOON), at(20))
