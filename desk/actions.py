"""What an agent does with a hand-over; who may is checked here, not in the pages."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from desk.contract import WITH_AGENT, DeskError, HandoverStatus
from desk.handovers import Handover
from desk.pops import LiveHandover, ticket_form
from desk.presence import PresenceState
from desk.service import Desk
from store.accounts import Account, Role
from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy, Ticket, TicketType
from tickets.service import Tickets

OVERSEERS: Final = frozenset({Role.SUPERVISOR, Role.OFFICE})
"""Roles that see and may put right what other agents have."""
MESSAGE_MOST: Final = 1000
"""Characters of one message from an agent."""


TypeChanged = Callable[[str, TicketType, TicketType], Awaitable[None]]
"""Conversation, type before, type now."""


class AgentActions:
    """The agent's side of a hand-over."""

    def __init__(self, desk: Desk, tickets: Tickets, on_type_changed: TypeChanged | None = None) -> None:
        """``on_type_changed``: told of tickets whose type an agent put right."""
        self._desk = desk
        self._on_type_changed = on_type_changed
        self._tickets = tickets
        self._sent: dict[str, dict[str, dict[str, Any]]] = {}

    async def see(self, account: Account, handover_id: str) -> dict[str, Any]:
        """The pop."""
        live = await self._live(account, handover_id)
        return await self._desk.pops.pop(live, 0)

    async def pops_of(self, account: Account) -> list[dict[str, Any]]:
        """What the agent is asked or works on, after a reload."""
        mine = [live for live in self._desk.live.values() if live.handover.agent_id == account.id]
        return [await self._desk.pops.pop(live, self._desk.left_s(live)) for live in mine]

    async def accept(self, account: Account, handover_id: str) -> dict[str, Any]:
        """Take a hand-over that is offered to the agent, or that waits. Raises ``taken``."""
        desk = self._desk
        async with desk.lock:
            live = desk.live.get(handover_id)
            if live is None:
                await desk.handovers.get(handover_id)
                raise DeskError("taken", "已被其他话务员接起，或来电人已离开", 409)
            mine = live.handover.agent_id == account.id
            if mine and live.handover.status in WITH_AGENT:
                return await desk.pops.pop(live, 0)
            free = live.handover.status is HandoverStatus.WAITING
            if not (free or (mine and live.handover.status is HandoverStatus.OFFERED)):
                raise DeskError("taken", "已被其他话务员接起", 409)
            moved = await desk.move(live, HandoverStatus.ACCEPTED, agent_id=account.id, accepted_at=desk.clock.now())
            if not moved:
                raise DeskError("taken", "已被其他话务员接起", 409)
            await desk.presence.set(account.id, PresenceState.BUSY)
            await self._connect(live, account)
            pop = await desk.pops.pop(live, 0)
        desk.wake()
        return pop

    async def decline(self, account: Account, handover_id: str) -> None:
        """Let the next agent be asked."""
        async with self._desk.lock:
            live = self._desk.live.get(handover_id)
            if live is None or live.handover.agent_id != account.id:
                return
            if live.handover.status is not HandoverStatus.OFFERED:
                raise DeskError("conflict", "已经接起，不能再拒接；请结束转接", 409)
            live.refused_by.add(account.id)
            await self._desk.move(live, HandoverStatus.WAITING, agent_id=None, offered_at=None)
            self._desk.hub.send(account.id, {"type": "withdrawn", "handover": handover_id, "reason": "declined"})
        self._desk.wake()

    async def redial(self, account: Account, handover_id: str) -> None:
        """Ring the agent's phone again."""
        async with self._desk.lock:
            live = await self._live(account, handover_id)
            if live.handover.channel != "phone" or live.handover.status is not HandoverStatus.ACCEPTED:
                raise DeskError("conflict", "现在不能重新呼叫：电话已接通或已结束", 409)
            if live.phone.state == "ringing":
                return
            await self._connect(live, account)

    async def end(self, account: Account, handover_id: str) -> None:
        """End the talk, or close the pop of one that is over; the agent is ready again."""
        desk = self._desk
        async with desk.lock:
            live = await self._live(account, handover_id)
            handover = live.handover
            if handover.status in WITH_AGENT:
                if handover.channel != "phone":
                    await desk.tell(handover, "话务员已结束本次服务，感谢您的来访。")
                await desk.finish(live, "agent")
                await desk.line(live).released(handover.conversation_id)
            elif handover.status is not HandoverStatus.ENDED:
                raise DeskError("conflict", "还没有接起", 409)
            self._sent.pop(handover_id, None)
            await desk.attendance.wrapped_up(live)
        desk.wake()

    async def pause_recording(self, account: Account, handover_id: str, paused: bool) -> None:
        """Keep what is being said now out of the recording, or record again; on record with the agent's name."""
        live = await self._live(account, handover_id)
        if live.handover.channel != "phone" or live.handover.status not in WITH_AGENT:
            raise DeskError("conflict", "通话中才能暂停或继续录音", 409)
        await self._desk.handovers.note(live.handover, account.id, f"recording.{'paused' if paused else 'resumed'}")
        await self._desk.line(live).pause_recording(live.handover.conversation_id, paused)

    async def say(self, account: Account, handover_id: str, message_id: str, text: str) -> dict[str, Any]:
        """Write to the citizen (text channels); the same ``message_id`` is sent once."""
        live = await self._live(account, handover_id)
        if live.handover.channel == "phone":
            raise DeskError("conflict", "电话转接不能发文字", 409)
        if live.handover.status not in WITH_AGENT:
            raise DeskError("conflict", "会话已结束或还没有接起", 409)
        text = text.strip()
        if not text or len(text) > MESSAGE_MOST:
            raise DeskError("bad_request", f"消息要有 1 到 {MESSAGE_MOST} 个字")
        sent = self._sent.setdefault(handover_id, {})
        if message_id not in sent:
            conversation_id = live.handover.conversation_id
            item = sent[message_id] = await self._desk.record(conversation_id, "agent", text, account.id)
            await self._desk.line(live).agent_said(conversation_id, item)
        return sent[message_id]

    async def typing(self, account: Account, handover_id: str) -> None:
        live = self._desk.live.get(handover_id)
        if live is not None and live.handover.agent_id == account.id and live.handover.status in WITH_AGENT:
            await self._desk.line(live).agent_typing(live.handover.conversation_id)

    async def save(self, account: Account, handover_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take in the agent's changes to the form; makes the ticket where there is none yet."""
        live = await self._live(account, handover_id)
        ticket = await self._ticket(live.handover)
        changes = _changes(body.get("elements") or {}, ticket)
        kind = body.get("type")
        if kind is not None and kind not in set(TicketType):
            raise DeskError("bad_request", "没有这个工单类型")
        saved = ticket_form(await self._tickets.update(ticket.id, changes, account.id, kind))
        if kind is not None and kind != ticket.type and self._on_type_changed is not None:
            await self._on_type_changed(live.handover.conversation_id, ticket.type, TicketType(kind))
        live.ticket_shown = saved
        return saved

    async def file(self, account: Account, handover_id: str) -> dict[str, Any]:
        """File the ticket and tell the citizen its number (once)."""
        live = await self._live(account, handover_id)
        ticket = await self._ticket(live.handover)
        no = await self._tickets.file(ticket.id, account.id)
        told = False
        if ticket.no is None and live.handover.status is not HandoverStatus.ENDED:
            spoken = "，".join(no[start : start + 4] for start in range(0, len(no), 4))
            told = await self._desk.tell(
                live.handover, f"您反映的事项已登记，工单号 {no}。", f"您反映的事项已登记，工单号是{spoken}。"
            )
        saved = live.ticket_shown = await self._desk.pops.ticket(live.handover.conversation_id)
        return {"no": no, "ticket": saved, "told": told}

    async def number(self, account: Account, handover_id: str, reason: str) -> str:
        """The caller's number in full; the reason goes into the audit."""
        live = await self._live(account, handover_id)
        number = await self._desk.handovers.show_number(live.handover, account.id, checked_reason(reason))
        if number is None:
            raise DeskError("not_found", "来电没有显示号码", 404)
        return number

    async def set_presence(self, account: Account, state: str) -> PresenceState:
        """Ready, busy or offline; being ready again means being asked again."""
        if state not in set(PresenceState):
            raise DeskError("bad_request", "状态应为 ready、busy 或 offline")
        wanted = PresenceState(state)
        async with self._desk.lock:
            for live in list(self._desk.live.values()):
                if live.ended_at is not None and live.handover.agent_id == account.id:
                    del self._desk.live[live.handover.id]
                if wanted is PresenceState.READY:
                    live.refused_by.discard(account.id)
            await self._desk.attendance.know_leaders()
            await self._desk.presence.set(account.id, wanted)
        self._desk.wake()
        return wanted

    async def _connect(self, live: LiveHandover, account: Account) -> None:
        """Put the citizen through: the agent's phone rings, or the chat opens."""
        desk, handover = self._desk, live.handover
        if handover.channel == "phone" and not account.sip_uri:
            await desk.set_phone(live, "failed")
            return
        if handover.channel == "phone":
            await desk.set_phone(live, "idle")
        else:
            await desk.tell(handover, f"{account.id}号话务员为您服务。")
        await desk.line(live).accepted(handover.conversation_id, handover.id, account)

    async def _live(self, account: Account, handover_id: str) -> LiveHandover:
        """The hand-over, if the agent may see it; one that is over is read from disk."""
        live = self._desk.live.get(handover_id)
        if live is None:
            handover = await self._desk.handovers.get(handover_id)
            live = LiveHandover(handover)
        if live.handover.agent_id != account.id and account.role not in OVERSEERS:
            raise DeskError("forbidden", "这个转接不是派给您的", 403)
        return live

    async def _ticket(self, handover: Handover) -> Ticket:
        found = await self._tickets.of_conversation(handover.conversation_id)
        if found is not None:
            return found
        ticket_id = await self._tickets.draft(
            handover.conversation_id, handover.contact_id, handover.channel, TicketType.HELP, FiveElements()
        )
        return await self._tickets.get_by_id(ticket_id)


def checked_reason(reason: object) -> str:
    """Why a number is shown in full: 2 to 100 characters."""
    text = str(reason or "").strip()
    if not 2 <= len(text) <= 100:
        raise DeskError("bad_request", "请写明查看号码的理由（2 到 100 个字）")
    return text


def _changes(raw: object, ticket: Ticket) -> dict[ElementName, Element]:
    """The form's fields as elements. Words that the agent left as they were keep their normal form and source."""
    if not isinstance(raw, Mapping) or set(raw) - set(ElementName):
        raise DeskError("bad_request", "要素只能是 time、place、person、event、demand")
    changes = {}
    for key, sent in raw.items():
        name = ElementName(key)
        if not isinstance(sent, Mapping) or sent.get("status", "filled") not in set(ElementStatus):
            raise DeskError("bad_request", "要素应写成 {text, status, reason}")
        before = ticket.elements.get(name)
        text = str(sent.get("text") or "").strip()[:2000]
        same = bool(before.value) and text == str((before.value or {}).get("text") or "")
        changes[name] = Element(
            name=name,
            value=before.value if same else ({"text": text} if text else None),
            status=ElementStatus(sent.get("status", "filled")),
            source=before.source if same else (),
            set_by=SetBy.AGENT,
            reason=str(sent.get("reason") or "").strip()[:200],
        )
    return changes
