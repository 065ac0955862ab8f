"""Agents who come, go and put their forms in order: who may be asked, and who is taken off a call that nobody serves."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from desk.contract import HandoverStatus
from desk.patience import agent_is_lost, is_wrapped_up
from desk.pops import LiveHandover
from desk.presence import GONE_AFTER_S, PresenceState
from desk.queue import ReadyAgent
from desk.words import AGENT_LOST
from store.accounts import Role

LEADERS: Final = frozenset({Role.SUPERVISOR, Role.OFFICE})

if TYPE_CHECKING:
    from desk.service import Desk


class Attendance:
    """Looks after the agents of ``desk``; :meth:`look` is part of each tick and runs under the desk's lock."""

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._gone: dict[str, datetime] = {}
        self._leaders: set[str] = set()

    async def look(self) -> None:
        """Whose page is gone, whose talk is lost with it, whose time for the form is over."""
        await self._notice_absent()
        await self._take_over_from_absent()
        for live in list(self._desk.live.values()):
            if is_wrapped_up(live, self._desk.clock.now()):
                await self.wrapped_up(live)

    async def know_leaders(self) -> None:
        """Look up who takes callers that ask for the leader on duty."""
        self._leaders = {one.id for one in await self._desk.accounts.list() if one.role in LEADERS}

    def ready(self) -> tuple[ReadyAgent, ...]:
        """The agents who may be asked."""
        return tuple(replace(agent, leads=agent.id in self._leaders) for agent in self._desk.presence.ready())

    async def set_aside(self, agent_id: str) -> None:
        """Ask this agent no more until he or she says so."""
        here = agent_id in self._desk.hub.present()
        await self._desk.presence.set(agent_id, PresenceState.BUSY if here else PresenceState.OFFLINE)

    async def wrapped_up(self, live: LiveHandover) -> None:
        """The pop is done with; its agent is ready again, unless there is another talk or the agent said otherwise."""
        desk = self._desk
        desk.live.pop(live.handover.id, None)
        agent_id = live.handover.agent_id or ""
        if desk.presence.of(agent_id) is PresenceState.BUSY and not any(
            other.handover.agent_id == agent_id for other in desk.live.values()
        ):
            await desk.presence.set(agent_id, PresenceState.READY)

    async def _notice_absent(self) -> None:
        here, now = set(self._desk.hub.present()), self._desk.clock.now()
        for agent_id in self._desk.presence.online():
            if agent_id in here:
                self._gone.pop(agent_id, None)
                continue
            since = self._gone.setdefault(agent_id, now)
            if (now - since).total_seconds() >= GONE_AFTER_S:
                await self._desk.presence.set(agent_id, PresenceState.OFFLINE)
                del self._gone[agent_id]

    async def _take_over_from_absent(self) -> None:
        here, now = set(self._desk.hub.present()), self._desk.clock.now()
        for live in list(self._desk.live.values()):
            handover = live.handover
            if handover.status is HandoverStatus.ENDED or handover.agent_id is None or handover.agent_id in here:
                live.agent_gone_since = None
                continue
            live.agent_gone_since = live.agent_gone_since or now
            if agent_is_lost(live, now):
                if handover.status is HandoverStatus.OFFERED:
                    await self._desk.unanswered(live)
                else:
                    await self._desk.requeue(live, AGENT_LOST)
