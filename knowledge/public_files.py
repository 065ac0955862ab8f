"""Files for the public: those of the entries that it may be answered with now, and no others."""

from sqlalchemy import exists, select

from config.clock import Clock
from knowledge.attachments import Attachments, Stored
from knowledge.contract import Attachment, Audience, KnowledgeError
from knowledge.repository import in_force, read_versions
from store.engine import Database
from store.schema import disputes


class PublicFiles:
    """Reads; whatever is embargoed, expired, archived, disputed, for agents or only in a draft is not there."""

    def __init__(self, database: Database, clock: Clock, attachments: Attachments) -> None:
        self._database = database
        self._clock = clock
        self._attachments = attachments

    async def of(self, entry_id: str) -> tuple[Attachment, ...]:
        """The attachments of an entry as the public may be answered with it now; none for any other entry."""
        disputed = select(exists().where(disputes.c.entry_id == entry_id, disputes.c.resolved_at.is_(None)))
        async with self._database.connect() as connection:
            if await connection.scalar(disputed):
                return ()
            versions = await read_versions(connection, entry_id)
        now = in_force(versions, self._clock.now())
        return tuple(one for entry in now if entry.audience == Audience.PUBLIC for one in entry.attachments)

    async def find(self, entry_id: str, attachment_id: str) -> Stored:
        """One of them. Raises ``not_found``, whatever the reason: nothing is told of what is not public."""
        if not any(one.id == attachment_id for one in await self.of(entry_id)):
            raise KnowledgeError("not_found", "附件不在了，可能内容已更新，请重新提问")
        return await self._attachments.find(attachment_id)
