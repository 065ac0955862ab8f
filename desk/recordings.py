"""Recordings in the store: taken in, listened to by those who may, with each listening on record, purged when their time is over."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update

from config.clock import Clock, local
from config.rulebook_model import RecordingPolicy
from desk.contract import DeskError
from store import audit
from store.accounts import Account, Role
from store.engine import Database
from store.recording_file import Recording
from store.schema import conversations, handovers, recordings, tickets
from store.upsert import insert
from store.vault import Vault

log = structlog.get_logger("desk")

OVERSEERS: Final = frozenset({Role.SUPERVISOR, Role.OFFICE})
"""Who may listen to every recording; an agent may to the calls that he or she served."""
_PURGED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """One recording that is there. ``call``: its Call-ID."""

    id: str
    call: str
    sha256: str
    size: int
    duration_ms: int
    complete: bool
    started_at: datetime


class StoredRecordings:
    """The recordings of all calls, encrypted, in ``folder``."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, folder: Path, policy: RecordingPolicy) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._folder = folder
        self._policy = policy

    # --- taken in -----------------------------------------------------------------------------------------------

    async def take_in(self, recording_id: str, file: Path, sha256: str) -> None:
        """File what a node delivered; on disk when this returns. Raises :class:`store.recording_file.RecordingUnreadable`."""
        about, values = await asyncio.to_thread(self._read, file)
        target = self._file(recording_id)
        await asyncio.to_thread(_move, file, target)
        async with self._database.begin() as connection:
            made = insert(connection, recordings).values(
                id=recording_id,
                external_id=str(about["call"]),
                sha256=sha256,
                started_at=datetime.fromisoformat(str(about["started_at"])),
                received_at=self._clock.now(),
                **values,
            )
            await connection.execute(made.on_conflict_do_nothing(index_elements=["id"]))
        log.info("recording_taken_in", recording=recording_id, bytes=values["bytes"])

    async def size_of(self, recording_id: str) -> int | None:
        """Bytes of a recording that was taken in, purged or not; ``None``: it is not here."""
        row = await self._row(recording_id)
        return int(row.bytes) if row else None

    async def hash_of(self, recording_id: str) -> str | None:
        """SHA-256 of a recording that was taken in."""
        row = await self._row(recording_id)
        return str(row.sha256) if row else None

    # --- listened to --------------------------------------------------------------------------------------------

    async def of_conversation(self, conversation_id: str) -> StoredRecording | None:
        """The recording of a call, if there is one and its time is not over."""
        query = (
            select(recordings)
            .join(conversations, conversations.c.external_id == recordings.c.external_id)
            .where(conversations.c.id == conversation_id, conversations.c.channel == "phone")
            .where(recordings.c.purged_at.is_(None))
            .order_by(recordings.c.started_at.desc())
        )
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).first()
        return _stored(row) if row else None

    async def of_call(self, call: str) -> StoredRecording | None:
        """The recording of a Call-ID."""
        query = select(recordings).where(recordings.c.external_id == call, recordings.c.purged_at.is_(None))
        async with self._database.connect() as connection:
            row = (await connection.execute(query.order_by(recordings.c.started_at.desc()))).first()
        return _stored(row) if row else None

    async def list(self, limit: int = 50) -> list[StoredRecording]:
        """The newest recordings."""
        query = select(recordings).where(recordings.c.purged_at.is_(None)).order_by(recordings.c.started_at.desc())
        async with self._database.connect() as connection:
            return [_stored(row) for row in await connection.execute(query.limit(limit))]

    async def require(self, account: Account, conversation_id: str) -> StoredRecording:
        """The recording of a conversation for somebody who may listen to it; raises ``forbidden`` or ``not_found``."""
        if account.role not in OVERSEERS and not await self._served(account.id, conversation_id):
            raise DeskError("forbidden", "只有班长、热线办和接办这通电话的话务员可以听录音", 403)
        found = await self.of_conversation(conversation_id)
        if found is None:
            raise DeskError("not_found", "这通电话没有录音，或录音还没有送到、已过保存期", 404)
        return found

    async def note_listening(self, recording: StoredRecording, by: str, reason: str) -> None:
        """Put on record that somebody listens, before a sound is given out."""
        async with self._database.begin() as connection:
            await audit.record(
                connection,
                at=self._clock.now(),
                by=by,
                action="recording.listened",
                subject=recording.id,
                detail=reason,
            )

    def open(self, recording: StoredRecording) -> Recording:
        """The file, to be closed by the caller. Blocks. Raises :class:`DeskError` when it is not there."""
        try:
            return Recording(self._file(recording.id), self._vault)
        except FileNotFoundError as error:
            raise DeskError("not_found", "录音文件不在本机的录音目录里，请检查存储", 404) from error

    # --- purged -------------------------------------------------------------------------------------------------

    async def purge(self) -> int:
        """Delete the recordings whose days are over, each with an audit row; how many there were."""
        now = self._clock.now()
        until = now - timedelta(days=self._policy.keep_days)
        query = select(recordings.c.id).where(recordings.c.purged_at.is_(None), recordings.c.started_at < until)
        async with self._database.connect() as connection:
            due = list((await connection.execute(query.limit(_PURGED_AT_ONCE))).scalars())
        for recording_id in due:
            await asyncio.to_thread(self._delete, recording_id)
            async with self._database.begin() as connection:
                await connection.execute(
                    update(recordings).where(recordings.c.id == recording_id).values(purged_at=now)
                )
                detail = f"保存期 {self._policy.keep_days} 天已满"
                await audit.record(
                    connection, at=now, by="system", action="recording.purged", subject=recording_id, detail=detail
                )
        if due:
            log.info("recordings_purged", count=len(due))
        return len(due)

    # --- inside -------------------------------------------------------------------------------------------------

    async def _row(self, recording_id: str) -> Row[Any] | None:
        async with self._database.connect() as connection:
            return (await connection.execute(select(recordings).where(recordings.c.id == recording_id))).first()

    async def _served(self, agent_id: str, conversation_id: str) -> bool:
        own = select(handovers.c.id).where(
            handovers.c.conversation_id == conversation_id,
            handovers.c.agent_id == agent_id,
            handovers.c.accepted_at.is_not(None),
        )
        filed = select(tickets.c.id).where(tickets.c.conversation_id == conversation_id, tickets.c.filed_by == agent_id)
        async with self._database.connect() as connection:
            if (await connection.execute(own)).first() is not None:
                return True
            return (await connection.execute(filed)).first() is not None

    def _read(self, file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        with Recording(file, self._vault) as recording:
            values = {
                "bytes": file.stat().st_size,
                "duration_ms": recording.duration_ms,
                "complete": recording.complete,
            }
            return dict(recording.about), values

    def _file(self, recording_id: str) -> Path:
        return self._folder / recording_id[:2] / f"{recording_id}.rec"

    def _delete(self, recording_id: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._file(recording_id).unlink()


def _stored(row: Row[Any]) -> StoredRecording:
    return StoredRecording(
        row.id, row.external_id, row.sha256, row.bytes, row.duration_ms, row.complete, row.started_at
    )


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.replace(target)


def to_json(recording: StoredRecording) -> dict[str, Any]:
    """A recording as pages and commands show it."""
    return {
        "recording": recording.id,
        "call": recording.call,
        "started_at": local(recording.started_at).isoformat(timespec="milliseconds"),
        "duration_ms": recording.duration_ms,
        "complete": recording.complete,
    }
