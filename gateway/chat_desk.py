"""Joins the text channels with the desk: neither room imports the other."""

from collections.abc import Mapping
from typing import Any

from chatbot.contract import Place
from chatbot.service import Chat
from desk.contract import HandoverRequest, QueueState
from desk.service import Desk
from store.accounts import Account


class DeskForChat:
    """The desk as :class:`chatbot.contract.DeskSide`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def request(self, conversation_id: str, reason: str, priority: int, emergency_number: str) -> None:
        await self._desk.request(HandoverRequest(conversation_id, reason, priority, emergency_number))

    async def record(self, conversation_id: str, sender: str, text: str) -> Mapping[str, Any]:
        return await self._desk.record(conversation_id, sender, text)

    async def changed(self, conversation_id: str) -> None:
        await self._desk.changed(conversation_id)

    def typing(self, conversation_id: str) -> None:
        self._desk.citizen_typing(conversation_id)

    async def left(self, conversation_id: str, ended_by: str) -> None:
        await self._desk.citizen_left(conversation_id, ended_by)

    def place(self, conversation_id: str) -> Place | None:
        state = self._desk.state_of(conversation_id)
        return Place(state.position, state.agent_id) if state else None


class ChatLine:
    """The text channels as the desk's :class:`desk.contract.Line`."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def present(self, conversation_id: str) -> bool:
        return True

    async def tell(self, conversation_id: str, item: Mapping[str, Any], speech: str) -> bool:
        return self._chat.show_item(conversation_id, item)

    async def queued(self, conversation_id: str, state: QueueState) -> None:
        self._chat.show_place(conversation_id)

    async def accepted(self, conversation_id: str, handover_id: str, agent: Account) -> None:
        self._chat.show_place(conversation_id)

    async def put_outside(self, conversation_id: str, handover_id: str, name: str, uri: str) -> None:
        """A chat cannot be put through to a phone."""

    async def agent_said(self, conversation_id: str, item: Mapping[str, Any]) -> None:
        self._chat.show_item(conversation_id, item)

    async def agent_typing(self, conversation_id: str) -> None:
        self._chat.show_typing(conversation_id)

    async def pause_recording(self, conversation_id: str, paused: bool) -> None:
        """A chat has no recording."""

    async def promised(self, conversation_id: str) -> None:
        self._chat.show_place(conversation_id)

    async def released(self, conversation_id: str) -> None:
        await self._chat.close(conversation_id, "agent")
