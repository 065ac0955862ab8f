"""Groups of words that mean the same, as maintainers keep them: the whole list at a time, never over another's change."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.contract import Actor, KnowledgeError
from knowledge.permissions import MAINTAINERS, require
from knowledge.repository import VERSION_NAME
from store import audit, versions
from store.engine import Database
from store.ids import new_id
from store.schema import synonyms

MOST_GROUPS: Final = 2000
MOST_WORDS: Final = 20
MOST_CHARACTERS: Final = 30

Groups = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The groups in their order; ``revision`` names this state of them."""

    groups: tuple[tuple[str, ...], ...]
    revision: str


class SynonymLists:
    """Reads and replaces the groups. Raises :class:`KnowledgeError`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self) -> Kept:
        """The groups as they are."""
        async with self._database.connect() as connection:
            return _kept(await _rows(connection))

    async def replace(self, actor: Actor, groups: Groups, revision: str = "") -> Kept:
        """Put ``groups`` in place of all there are; search follows within a second.

        ``revision``: of the state that was read; another one now is a ``conflict``. Empty: whatever there is.
        """
        require(actor, MAINTAINERS, "改同义词")
        wanted = _checked(groups)
        now = self._clock.now()
        standing = await self.read()
        if standing.groups == wanted and revision in ("", standing.revision):
            return standing
        async with self._database.begin() as connection:
            count = await versions.bump(
                connection, VERSION_NAME
            )  # first: here writers on PostgreSQL wait for each other
            rows = await _rows(connection)
            before = _kept(rows)
            if revision and revision != before.revision:
                raise KnowledgeError("conflict", "同义词刚刚被别人改过，您的修改没有保存；请刷新后在最新的上面再改")
            known = {tuple(row.words): row for row in rows}
            await connection.execute(delete(synonyms))
            fresh = [_row(number, words, known.get(words), actor.id, now) for number, words in enumerate(wanted)]
            if fresh:
                await connection.execute(insert(synonyms), fresh)
            added = sum(words not in known for words in wanted)
            detail = f"共 {len(wanted)} 组，新写 {added} 组，去掉 {len(set(known) - set(wanted))} 组"
            await audit.record(
                connection, at=now, by=actor.id, action="knowledge.synonyms", subject=str(count), detail=detail
            )
            return _kept(await _rows(connection))


async def _rows(connection: AsyncConnection) -> Sequence[Any]:
    return (await connection.execute(select(synonyms).order_by(synonyms.c.id))).all()


def _kept(rows: Sequence[Any]) -> Kept:
    groups = tuple(tuple(row.words) for row in rows)
    return Kept(groups, hashlib.sha256(json.dumps(groups).encode()).hexdigest()[:16])


def _row(number: int, words: tuple[str, ...], before: Any, by: str, now: Any) -> dict[str, Any]:
    """Ids sort in the order of the list; a group that stays keeps who wrote it and when."""
    id = f"{number:08d}{new_id()[:24]}"
    return {
        "id": id,
        "words": list(words),
        "by": before.by if before else by,
        "at": before.at if before else now,
    }


def _checked(groups: Groups) -> tuple[tuple[str, ...], ...]:
    from knowledge.text import normalise  # its dictionaries take most of a second

    if len(groups) > MOST_GROUPS:
        raise KnowledgeError("invalid", f"同义词最多 {MOST_GROUPS} 组")
    found: dict[tuple[str, ...], None] = {}
    for number, group in enumerate(groups, start=1):
        words = tuple({normalise(word): word.strip() for word in group if normalise(word)}.values())
        if not 2 <= len(words) <= MOST_WORDS:
            raise KnowledgeError("invalid", f"第 {number} 组要有 2 到 {MOST_WORDS} 个不同的词")
        if any(len(word) > MOST_CHARACTERS for word in words):
            raise KnowledgeError(
                "invalid", f"第 {number} 组里有超过 {MOST_CHARACTERS} 个字的词，请写成词，不要写成句子"
            )
        found[words] = None
    return tuple(found)
