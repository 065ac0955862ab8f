"""A conversation core that knows a few sentences; it keeps its record in the real store, as the real core does."""

import asyncio
from datetime import datetime
from typing import Any

from callers.identity import Callers
from config.clock import Clock
from dialog.contract import (
    Channel,
    Choice,
    Contact,
    Directive,
    Do,
    Expectation,
    Message,
    MessageKind,
    Reply,
    Utterance,
)
from dialog.records import Records
from store.engine import Database
from store.ids import new_id
from store.vault import Vault
from tickets.model import Element, ElementName, ElementStatus, FiveElements, Span, TicketType
from tickets.service import Tickets

GREETING = "您好，请问有什么可以帮您？"
ANSWER = "公积金可以在网上提取。"


class ScriptedDialog:
    """人工 and 煤气 hand over, 公积金 is answered, 办理 offers a choice, 投诉 is taken down, 再见 ends."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, city: str) -> None:
        self._records = Records(database, vault, Callers(database, vault, clock))
        self._tickets = Tickets(database, vault, clock, city)
        self.heard: list[str] = []
        self.closed: list[tuple[str, str]] = []
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self, channel: Channel, contact: Contact, external_id: str, at: datetime) -> tuple[str, Reply]:
        record = await self._records.begin(channel, contact, external_id, at)
        reply = _reply(Message(MessageKind.GREETING, GREETING, GREETING))
        await self._records.commit(record, None, reply, at)
        return record.id, reply

    async def turn(self, conversation_id: str, utterance: Utterance, at: datetime) -> Reply:
        self.heard.append(utterance.text)
        await self.gate.wait()
        if self.broken:
            raise RuntimeError("the core is broken")
        record = await self._records.load(conversation_id)
        reply = _answer(utterance.text)
        await self._records.commit(record, utterance, reply, at)
        if "投诉" in utterance.text:
            await self._take_down(conversation_id, record.contact_id, record.channel, utterance.text, reply.turn_id)
        return reply

    async def partial(self, conversation_id: str, text: str, at: datetime, *, settled: bool = True) -> Reply | None:
        if "煤气" not in text and "人工" not in text:
            return None
        return await self.turn(conversation_id, Utterance(text), at)

    async def silence(self, conversation_id: str, count: int, at: datetime) -> Reply:
        record = await self._records.load(conversation_id)
        reply = _answer("人工") if count >= 3 else _reply(Message(MessageKind.SORRY, "您还在吗？", "您还在吗？"))
        await self._records.commit(record, None, reply, at)
        return reply

    async def close(self, conversation_id: str, ended_by: str, at: datetime) -> None:
        self.closed.append((conversation_id, ended_by))
        await self._records.end(conversation_id, ended_by, at)

    async def _take_down(
        self, conversation_id: str, contact_id: str | None, channel: Channel, text: str, turn_id: str
    ) -> None:
        event = Element(
            ElementName.EVENT,
            {"text": text},
            ElementStatus.FILLED,
            (Span(turn_id, 0, len(text), text),),
            0.9,
        )
        elements = FiveElements(event=event)
        await self._tickets.draft(conversation_id, contact_id, channel.value, TicketType.COMPLAINT, elements)


def _reply(message: Message, *directives: Directive, **more: Any) -> Reply:
    return Reply(new_id(), (message,), directives, engine="guard", **more)


def _answer(text: str) -> Reply:
    if "煤气" in text:
        advice = Message(MessageKind.EMERGENCY, "请先关阀开窗，再拨119。", "请先关阀开窗，再拨119。")
        return _reply(advice, Directive(Do.TRANSFER, "emergency", "119", 100), emergency=True, act="emergency")
    if "人工" in text or text == "0":
        wait = Message(MessageKind.NOTICE, "正在为您转人工。", "正在为您转人工。")
        return _reply(wait, Directive(Do.TRANSFER, "asked"), act="person")
    if "公积金" in text:
        return _reply(Message(MessageKind.ANSWER, ANSWER, ANSWER, "gjj-1", 3), act="ask")
    if "办理" in text:
        choices = (Choice("1", "身份证"), Choice("2", "居住证"))
        return _reply(Message(MessageKind.CHOOSE, "您要办哪一个？", "您要办哪一个？", choices=choices), act="ask")
    if "投诉" in text:
        ask = Message(MessageKind.ASK, "请问在什么地方？", "请问在什么地方？")
        return _reply(ask, act="complain", expect=Expectation("element", "place"))
    if "再见" in text:
        return _reply(Message(MessageKind.CHAT, "再见。", "再见。"), Directive(Do.HANG_UP), act="bye")
    if "编号" in text:
        return _reply(Message(MessageKind.ASK, "请按工单号。", "请按工单号。"), expect=Expectation("digits"))
    return _reply(Message(MessageKind.SORRY, f"没有听懂：{text}", "没有听懂。"), act="other")
