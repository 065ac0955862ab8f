"""One visitor's chat: takes what the pages send, asks the dialogue or the agent, and shows the answers on every page."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import select

from chatbot.contract import DeskSide, LiveMarks, Pages
from chatbot.render import bot_messages, desk_message, history, message, stamp, titles
from config.clock import Clock
from dialog.contract import Channel, Contact, DialogEngine, Do, Reply, Said, Utterance
from dialog.transcript import Transcripts, TurnRecord
from store.engine import Database
from store.schema import conversations

log = structlog.get_logger("chatbot")

LONGEST: Final = 500
"""Characters of one message (Rasa is blocked for seconds by very long ones)."""
MESSAGES_MOST: Final = 30
MESSAGES_WINDOW_S: Final = 60.0
REMEMBERED_S: Final = 24 * 3600.0
"""How long a client's message id is known."""
IDLE_AFTER: Final = timedelta(hours=12)
"""A conversation that rested this long is over; the next visit begins a new one."""

TOO_LONG_TEXT: Final = f"一次最多 {LONGEST} 个字，请分几次发给我。"
TOO_FAST_TEXT: Final = "您发得有点快，请稍等一下再发。"
ENDED_TEXT: Final = "这次会话已结束，请开始新的会话。"
UNAVAILABLE_TEXT: Final = "系统暂时没有回应，请稍后再发，或拨打12345。紧急情况请拨110、119、120。"


@dataclass(frozen=True, slots=True)
class RoomNeeds:
    """What every room shares."""

    dialog: DialogEngine
    desk: DeskSide
    database: Database
    transcripts: Transcripts
    marks: LiveMarks
    pages: Pages
    clock: Clock


class ChatRoom:
    """One session. All its turns go one after the other."""

    def __init__(self, session: str, channel: Channel, needs: RoomNeeds) -> None:
        self.session: Final = session
        self.conversation_id = ""
        self.ended = False
        self._channel = channel
        self._needs = needs
        self._lock = asyncio.Lock()
        self._offered: dict[str, str] = {}

    # --- what the page sees ----------------------------------------------------------------------------------------

    async def ready(self) -> dict[str, Any]:
        """The whole state; begins a conversation where there is none."""
        async with self._lock:
            if not self.conversation_id and not await self.find():
                await self._begin()
            return await self.state()

    async def state(self) -> dict[str, Any]:
        """The frame ``ready``."""
        records = await self._needs.transcripts.of(self.conversation_id) if self.conversation_id else []
        return {
            "type": "ready",
            "conversation": self.conversation_id or None,
            **self._place(),
            "messages": history(records),
            "max_length": LONGEST,
        }

    async def find(self) -> bool:
        """Take up the session's latest conversation, unless it has rested too long."""
        query = (
            select(conversations)
            .where(conversations.c.external_id == self.session, conversations.c.channel == self._channel.value)
            .order_by(conversations.c.started_at.desc())
        )
        async with self._needs.database.connect() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            return False
        records = await self._needs.transcripts.of(row.id)
        last = records[-1].at if records else row.started_at
        now = self._needs.clock.now()
        if now - last > IDLE_AFTER and self._needs.desk.place(row.id) is None:
            if row.ended_at is None:
                await self._needs.dialog.close(row.id, "timeout", now)
            return False
        self.conversation_id, self.ended = row.id, row.ended_at is not None
        replies = [record.reply for record in records if isinstance(record, TurnRecord)]
        self._offered = titles(replies[-1]) if replies else {}
        return True

    def _place(self) -> dict[str, Any]:
        place = self._needs.desk.place(self.conversation_id)
        if place is None:
            return {"state": "ended" if self.ended else "bot", "agent": None, "position": None}
        if place.agent_id is None:
            return {"state": "queue", "agent": None, "position": place.position}
        agent = {"id": place.agent_id, "name": f"{place.agent_id}号话务员"}
        return {"state": "agent", "agent": agent, "position": None}

    def show_place(self) -> None:
        """Tell the pages who answers now."""
        self._show({"type": "state", **self._place()})

    def show_item(self, item: Mapping[str, Any]) -> bool:
        """Show a sentence of the agent's or the desk's; true when a page is open."""
        return self._show({"type": "message", "message": desk_message(item)})

    def show_typing(self, sender: str, *, on: bool = True) -> None:
        self._show({"type": "typing", "from": sender, "on": on})

    # --- what the page sends ---------------------------------------------------------------------------------------

    async def take(self, frame: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """One frame; returns what only its sender gets."""
        kind, id = frame.get("type"), frame.get("id")
        if kind == "ping":
            return {"type": "pong"}
        if kind == "typing":
            self._needs.desk.typing(self.conversation_id)
            return None
        if not isinstance(id, str) or not 1 <= len(id) <= 64:
            return _error("bad_frame", "每条消息要有自己的 id（1 到 64 个字符）", None)
        if kind == "say" and isinstance(frame.get("text"), str):
            return await self._say(id, frame["text"].strip(), Said.TYPED)
        if kind == "choose" and isinstance(frame.get("key"), str):
            return await self._say(id, frame["key"].strip(), Said.KEYS)
        if kind == "end":
            return await self._end(id)
        if kind == "restart":
            return await self._restart(id)
        return _error("bad_frame", "不认识的内容，请刷新页面", id)

    async def _say(self, id: str, text: str, said: Said) -> Mapping[str, Any]:
        if not text:
            return _error("empty", "请输入内容", id)
        if len(text) > LONGEST:
            return _error("too_long", TOO_LONG_TEXT, id)
        async with self._lock:
            if await self._needs.marks.marked(self._mark(id)):
                return {"type": "ack", "id": id}
            wait = await self._needs.marks.hit(f"chat:{self.session}", MESSAGES_MOST, MESSAGES_WINDOW_S)
            if wait:
                return _error("rate_limited", TOO_FAST_TEXT, id) | {"retry_after": int(wait) + 1}
            if self.ended:
                return _error("ended", ENDED_TEXT, id)
            try:
                await self._accept(id, text, said)
            except Exception:
                log.exception("chat_message_failed")
                self.show_typing("bot", on=False)
                return _error("unavailable", UNAVAILABLE_TEXT, id)
            await self._needs.marks.mark(self._mark(id), REMEMBERED_S)
            return {"type": "ack", "id": id}

    async def _accept(self, id: str, text: str, said: Said) -> None:
        place = self._needs.desk.place(self.conversation_id)
        if place is None:
            await self._ask_bot(id, text, said)
        elif place.agent_id is None:
            await self._while_queued(id, text)
        else:
            await self._record(id, text)

    async def _ask_bot(self, id: str, text: str, said: Said) -> None:
        self.show_typing("bot")
        utterance = Utterance(text, said)
        try:
            reply = await self._needs.dialog.turn(self.conversation_id, utterance, self._needs.clock.now())
        except Exception:
            log.exception("dialog_turn_failed")
            self.show_typing("bot", on=False)
            await self._record(id, text)
            await self._needs.desk.request(self.conversation_id, "failed", 0, "")
            self.show_place()
            return
        shown = self._offered.get(text, text) if said is Said.KEYS else text
        await self._show_turn(id, shown, reply)

    async def _while_queued(self, id: str, text: str) -> None:
        """While waiting, what is written is for the agent to read, and an emergency is still heard."""
        reply = await self._needs.dialog.partial(self.conversation_id, text, self._needs.clock.now())
        if reply is not None and reply.emergency:
            await self._show_turn(id, text, reply)
        else:
            await self._record(id, text)

    async def _record(self, id: str, text: str) -> None:
        item = await self._needs.desk.record(self.conversation_id, "citizen", text)
        self._show({"type": "message", "message": desk_message(item, client_id=id)})

    async def _show_turn(self, id: str, text: str, reply: Reply) -> None:
        now = self._needs.clock.now()
        mine = message(f"{reply.turn_id}:u", "citizen", text, stamp(now), client_id=id)
        for bubble in (mine, *bot_messages(reply, now)):
            self._show({"type": "message", "message": bubble})
        self.show_typing("bot", on=False)
        self._offered = titles(reply)
        await self._carry_out(reply)
        await self._needs.desk.changed(self.conversation_id)

    async def _carry_out(self, reply: Reply) -> None:
        for directive in reply.directives:
            if directive.do is Do.TRANSFER:
                await self._needs.desk.request(
                    self.conversation_id, directive.reason or "asked", directive.priority, directive.emergency_number
                )
                self.show_place()
            else:
                await self.close("bot")

    async def _end(self, id: str) -> Mapping[str, Any]:
        async with self._lock:
            if not self.ended:
                await self._needs.desk.left(self.conversation_id, "citizen")
                await self.close("citizen")
        return {"type": "ack", "id": id}

    async def _restart(self, id: str) -> Mapping[str, Any]:
        async with self._lock:
            if not await self._needs.marks.marked(self._mark(id)):
                if not self.ended:
                    await self._needs.desk.left(self.conversation_id, "citizen")
                    await self.close("citizen")
                await self._begin()
                await self._needs.marks.mark(self._mark(id), REMEMBERED_S)
                self._show(await self.state())
        return {"type": "ack", "id": id}

    async def close(self, ended_by: str) -> None:
        """The conversation is over; its history stays."""
        self.ended = True
        await self._needs.dialog.close(self.conversation_id, ended_by, self._needs.clock.now())
        self.show_place()

    async def _begin(self) -> None:
        self.conversation_id, reply = await self._needs.dialog.open(
            self._channel, Contact(), self.session, self._needs.clock.now()
        )
        self.ended = False
        self._offered = titles(reply)

    def _mark(self, id: str) -> str:
        return f"chat:{self.session}:{id}"

    def _show(self, frame: Mapping[str, Any]) -> bool:
        return self._needs.pages.send(self.session, frame) > 0


def _error(code: str, text: str, id: str | None) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": text, "id": id}
