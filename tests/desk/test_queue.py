"""Who is served next: cases by hand, and what must hold of any queue."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.contract import HandoverStatus
from desk.queue import ReadyAgent, Waiting, expected_wait_s, in_order, next_offers, overdue, positions, to_promise

NOON = datetime(2023, 4, 3, 4, 0, tzinfo=UTC)


def waiting(id: str, *, age_s: float = 0, priority: int = 0, refused_by: tuple[str, ...] = ()) -> Waiting:
    return Waiting(id, priority, NOON - timedelta(seconds=age_s), refused_by=frozenset(refused_by))


def offered(id: str, agent: str, *, since_s: float) -> Waiting:
    return Waiting(id, 0, NOON, HandoverStatus.OFFERED, agent, NOON - timedelta(seconds=since_s))


def ready(id: str, *, for_s: float = 0) -> ReadyAgent:
    return ReadyAgent(id, NOON - timedelta(seconds=for_s))


def test_the_oldest_goes_first_and_to_the_agent_who_waited_longest() -> None:
    queue = [waiting("young", age_s=1), waiting("old", age_s=9)]
    offers = next_offers(queue, [ready("new"), ready("patient", for_s=60)])
    assert [(offer.handover_id, offer.agent_id) for offer in offers] == [("old", "patient"), ("young", "new")]


def test_an_emergency_goes_before_age() -> None:
    queue = [waiting("old", age_s=90), waiting("gas", priority=100)]
    assert [offer.handover_id for offer in next_offers(queue, [ready("a")])] == ["gas"]


def test_an_agent_is_not_asked_again_for_what_he_refused_nor_while_he_is_asked() -> None:
    queue = [waiting("one", refused_by=("a",))]
    assert next_offers(queue, [ready("a")]) == ()
    assert next_offers([offered("x", "a", since_s=1), waiting("one")], [ready("a")]) == ()


def test_an_offer_is_overdue_at_the_second() -> None:
    assert overdue([offered("x", "a", since_s=19.9)], NOON, 20) == ()
    assert [one.id for one in overdue([offered("x", "a", since_s=20)], NOON, 20)] == ["x"]


def test_a_callback_is_promised_at_once_when_nobody_is_there_and_after_the_wait_otherwise() -> None:
    queue = [waiting("fresh"), waiting("stale", age_s=60), offered("x", "a", since_s=99)]
    assert [one.id for one in to_promise(queue, NOON, 60, anyone_logged_in=False)] == ["fresh", "stale"]
    assert [one.id for one in to_promise(queue, NOON, 60, anyone_logged_in=True)] == ["stale"]


def test_who_comes_back_into_the_queue_keeps_the_place_and_waits_anew() -> None:
    back = Waiting("back", 0, NOON - timedelta(seconds=300), again_since=NOON - timedelta(seconds=59))
    assert to_promise([back], NOON, 60, anyone_logged_in=True) == ()
    assert [one.id for one in in_order([waiting("new", age_s=30), back])] == ["back", "new"]


def test_places_are_counted_among_those_who_wait() -> None:
    queue = [waiting("second", age_s=1), waiting("first", age_s=5), offered("asked", "a", since_s=1)]
    assert positions(queue) == {"asked": 0, "first": 1, "second": 2}


_HANDOVERS = st.lists(
    st.builds(
        waiting,
        st.uuids().map(str),
        age_s=st.integers(0, 300),
        priority=st.sampled_from([0, 0, 10, 100]),
        refused_by=st.lists(st.sampled_from("abcd"), max_size=3).map(tuple),
    ),
    max_size=12,
)
_AGENTS = st.lists(st.sampled_from("abcd"), unique=True).map(lambda ids: [ready(id) for id in ids])


@given(_HANDOVERS, _AGENTS)
def test_nobody_is_offered_twice_and_nobody_idles_beside_work(queue: list[Waiting], agents: list[ReadyAgent]) -> None:
    offers = next_offers(queue, agents)
    taken = {offer.handover_id for offer in offers}
    asked = {offer.agent_id for offer in offers}
    assert len(taken) == len(asked) == len(offers)
    by_id = {one.id: one for one in queue}
    assert all(offer.agent_id not in by_id[offer.handover_id].refused_by for offer in offers)
    for agent in agents:
        if agent.id not in asked:
            assert all(agent.id in one.refused_by for one in queue if one.id not in taken)


@given(_HANDOVERS)
def test_nobody_is_overtaken_by_a_younger_one_of_no_higher_priority(queue: list[Waiting]) -> None:
    ordered = in_order(queue)
    for first, second in pairwise(ordered):
        assert (-first.priority, first.created_at) <= (-second.priority, second.created_at)


@pytest.mark.parametrize(
    ("position", "handling_s", "agents", "expected"),
    [
        (1, [240.0] * 5, 1, 240.0),
        (3, [240.0] * 5, 2, 360.0),
        (2, [100.0, 200.0, 300.0, 400.0, 500.0], 3, 200.0),
        (1, [240.0] * 4, 1, None),
        (0, [240.0] * 5, 1, None),
        (1, [240.0] * 5, 0, None),
    ],
)
def test_the_wait_is_told_from_talks_or_not_at_all(
    position: int, handling_s: list[float], agents: int, expected: float | None
) -> None:
    assert expected_wait_s(position, handling_s, agents) == expected


def test_who_asks_for_the_leader_is_put_through_to_the_leaders_seat_alone() -> None:
    asks = Waiting("a", 0, NOON, for_leader=True)
    agent, chief = ReadyAgent("8001", NOON), ReadyAgent("9001", NOON + timedelta(minutes=1), leads=True)
    assert next_offers([asks], [agent]) == ()
    assert [offer.agent_id for offer in next_offers([asks], [agent, chief])] == ["9001"]
    assert [offer.agent_id for offer in next_offers([waiting("b")], [agent, chief])] == ["8001"]
