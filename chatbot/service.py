"""All chats: rooms by session, and the citizen's line for the desk (the gateway joins the two)."""

from collections.abc import Mapping
from typing import Any, Final

from chatbot.room import ChatRoom, RoomNeeds
from dialog.contract import Channel


class Chat:
    """The rooms that have a page open. A room without one is forgotten and found again in the store."""

    def __init__(self, needs: RoomNeeds, channel: Channel = Channel.WEB) -> None:
        self.channel: Final = channel
        self._needs = needs
        self._rooms: dict[str, ChatRoom] = {}

    def room(self, session: str) -> ChatRoom:
        """The room of a session."""
        if session not in self._rooms:
            self._rooms[session] = ChatRoom(session, self.channel, self._needs)
        return self._rooms[session]

    async def look(self, session: str) -> dict[str, Any]:
        """The state of a session, beginning nothing."""
        room = self._rooms.get(session) or ChatRoom(session, self.channel, self._needs)
        if not room.conversation_id:
            await room.find()
        return await room.state()

    def leave(self, session: str) -> None:
        """The last page of a session is gone."""
        self._rooms.pop(session, None)

    # --- what the desk says ----------------------------------------------------------------------------------------

    def show_item(self, conversation_id: str, item: Mapping[str, Any]) -> bool:
        """A sentence of the desk's or the agent's, already recorded; false when no page is open."""
        room = self._of(conversation_id)
        return room.show_item(item) if room else False

    def show_place(self, conversation_id: str) -> None:
        """Who answers has changed."""
        if room := self._of(conversation_id):
            room.show_place()

    def show_typing(self, conversation_id: str) -> None:
        if room := self._of(conversation_id):
            room.show_typing("agent")

    async def close(self, conversation_id: str, ended_by: str) -> None:
        """The agent has ended the conversation."""
        room = self._of(conversation_id)
        if room is not None:
            await room.close(ended_by)
        else:
            await self._needs.dialog.close(conversation_id, ended_by, self._needs.clock.now())

    def _of(self, conversation_id: str) -> ChatRoom | None:
        return next((room for room in self._rooms.values() if room.conversation_id == conversation_id), None)
