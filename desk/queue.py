"""Who is served next, by which agent, and when to stop waiting: plain functions of a snapshot and the time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from desk.contract import HandoverStatus

FEWEST_TALKS: Final = 5
"""Fewer recent talks than this tell nothing about how long one lasts."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hand-over as the queue sees it. ``refused_by``: agents that declined it or let it ring; ``again_since``: when it
    came back into the queue from an agent who could not serve it.
    """

    id: str
    priority: int
    created_at: datetime
    status: HandoverStatus = HandoverStatus.WAITING
    agent_id: str | None = None
    offered_at: datetime | None = None
    refused_by: frozenset[str] = frozenset()
    again_since: datetime | None = None
    for_leader: bool = False


@dataclass(frozen=True, slots=True)
class ReadyAgent:
    """An agent who may be asked, and since when."""

    id: str
    since: datetime
    leads: bool = False
    """Whether callers who ask for the leader on duty are put through to this one."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Show hand-over ``handover_id`` to agent ``agent_id``."""

    handover_id: str
    agent_id: str


def in_order(handovers: Iterable[Waiting]) -> list[Waiting]:
    """Priority first, then age."""
    return sorted(handovers, key=lambda one: (-one.priority, one.created_at, one.id))


def next_offers(handovers: Sequence[Waiting], ready: Sequence[ReadyAgent]) -> tuple[Offer, ...]:
    """Give each waiting hand-over, in order, to the agent who has been ready longest and has not refused it."""
    asked = {one.agent_id for one in handovers if one.status is HandoverStatus.OFFERED}
    free = sorted((agent for agent in ready if agent.id not in asked), key=lambda agent: (agent.since, agent.id))
    offers = []
    for handover in in_order(one for one in handovers if one.status is HandoverStatus.WAITING):
        suited = (agent for agent in free if agent.leads or not handover.for_leader)
        agent = next((agent for agent in suited if agent.id not in handover.refused_by), None)
        if agent is not None:
            free.remove(agent)
            offers.append(Offer(handover.id, agent.id))
    return tuple(offers)


def overdue(handovers: Iterable[Waiting], now: datetime, answer_timeout_s: float) -> tuple[Waiting, ...]:
    """Offers that an agent has let ring for ``answer_timeout_s``."""
    return tuple(
        one
        for one in handovers
        if one.status is HandoverStatus.OFFERED
        and one.offered_at is not None
        and (now - one.offered_at).total_seconds() >= answer_timeout_s
    )


def to_promise(
    handovers: Iterable[Waiting], now: datetime, queue_timeout_s: float, *, anyone_logged_in: bool
) -> tuple[Waiting, ...]:
    """Hand-overs for which a callback is promised: waiting too long, or nobody is logged in at all."""
    return tuple(
        one
        for one in handovers
        if one.status is HandoverStatus.WAITING
        and (not anyone_logged_in or (now - (one.again_since or one.created_at)).total_seconds() >= queue_timeout_s)
    )


def positions(handovers: Iterable[Waiting]) -> dict[str, int]:
    """The place in the queue, counted from 1, of each hand-over that waits; 0 while an agent is being asked."""
    places = {one.id: 0 for one in handovers if one.status is HandoverStatus.OFFERED}
    waiting = in_order(one for one in handovers if one.status is HandoverStatus.WAITING)
    return places | {one.id: place for place, one in enumerate(waiting, start=1)}


def expected_wait_s(position: int, handling_s: Sequence[float], agents: int) -> float | None:
    """About how long the caller at ``position`` waits while ``agents`` serve, after recent talks' ``handling_s``.

    With every agent busy one of them becomes free each (mean handling time ÷ agents). ``None``: too few talks to tell.
    """
    if position < 1 or agents < 1 or len(handling_s) < FEWEST_TALKS:
        return None
    return position * (sum(handling_s) / len(handling_s)) / agents
