"""What maintainers teach the bot with: real utterances it was unsure of, labelled, and examples added by hand.

Texts are masked before they come here, checked again, and encrypted at rest. Adding, labelling and removing are audited
without the text. Nothing is trained by it: see :class:`knowledge.training.Trainer`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.clock import Clock
from knowledge.example_text import bare, problem, read_file, refused
from knowledge.importer import RowError
from knowledge.training import Person, TrainingError
from store import audit
from store.accounts import Role
from store.engine import Database
from store.ids import new_id
from store.schema import nlu_examples, nlu_utterances
from store.vault import Vault

LABELLERS: Final = frozenset({"editor", "reviewer"})
READERS: Final = LABELLERS | {Role.OFFICE.value, Role.SUPERVISOR.value}
MOST_OPEN: Final = 10_000
"""Utterances waiting for a label; more are not kept."""
MOST_AT_ONCE: Final = 500
MOST_EXAMPLES: Final = 20_000
_KEPT_RANKING: Final = 5


class Acts(Protocol):
    """The bot's dialogue acts, as ``dialog.acts.BotActs`` reads them."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Chinese name of each act, in the order in which people are shown them."""
        ...

    @property
    def own(self) -> Mapping[str, Sequence[str]]:
        """The bot's own examples of each act."""
        ...

    @property
    def evaluated(self) -> frozenset[str]:
        """What the models are measured with, as :func:`knowledge.example_text.bare` text: never an example."""
        ...


@dataclass(frozen=True, slots=True)
class Act:
    """One dialogue act. ``examples``: the bot's own; ``added``: by maintainers."""

    name: str
    label: str
    examples: int
    added: int


@dataclass(frozen=True, slots=True)
class Example:
    """One example. ``id`` and ``by`` are empty for the bot's own, which stay; ``origin``: own | labelled | manual | import."""

    id: str
    text: str
    label: str
    origin: str
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """An utterance to label. ``ids``: of all that said the same; ``ranking``: acts with confidence, the likeliest first."""

    id: str
    ids: tuple[str, ...]
    text: str
    at: datetime
    stage: str
    suggested: str
    ranking: tuple[tuple[str, float], ...]
    confidence: float
    why: str


class Labels:
    """Examples and the queue of utterances to label. Raises :class:`TrainingError` (``invalid``, ``forbidden``, ``not_found``)."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, acts: Acts) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._acts = acts
        self._own = {bare(text): act for act, texts in acts.own.items() for text in texts}

    async def note(
        self, conversation_id: str, text: str, stage: str, ranking: Sequence[tuple[str, float]], why: str
    ) -> str | None:
        """Keep a masked utterance for labelling; its id, or ``None`` when it cannot serve or enough are waiting.

        ``why``: low_confidence | corrected | fallback.
        """
        if problem(text):
            return None
        id, best = new_id(), [(name, round(value, 4)) for name, value in ranking if name in self._acts.labels]
        async with self._database.begin() as connection:
            if await _count_open(connection) >= MOST_OPEN:
                return None
            await connection.execute(
                insert(nlu_utterances).values(
                    id=id,
                    at=self._clock.now(),
                    conversation_id=conversation_id,
                    text_enc=self._vault.encrypt(text, id),
                    stage=stage,
                    suggested=best[0][0] if best else "",
                    ranking=[list(pair) for pair in best[:_KEPT_RANKING]],
                    confidence=best[0][1] if best else 0.0,
                    why=why,
                    status="open",
                )
            )
        return id

    async def open_count(self) -> int:
        """How many utterances wait for a label."""
        async with self._database.connect() as connection:
            return await _count_open(connection)

    async def unsure(self, size: int = 50) -> list[Unsure]:
        """Up to ``size`` utterances to label: said most often first, then the latest. Those that are alike are one."""
        rows = select(nlu_utterances).where(nlu_utterances.c.status == "open").order_by(nlu_utterances.c.at.desc())
        async with self._database.connect() as connection:
            found = (await connection.execute(rows)).all()
        alike: dict[tuple[str, str], list[Row[Any]]] = {}
        for row in found:
            alike.setdefault((bare(self._vault.decrypt(row.text_enc, row.id)), row.stage), []).append(row)
        often = sorted(alike.values(), key=lambda group: -len(group))
        return [self._unsure(group) for group in often[: max(1, min(size, MOST_AT_ONCE))]]

    async def label(self, ids: Sequence[str], label: str, by: Person) -> int:
        """Give utterances their label and make an example of each new wording; returns how many examples that added."""
        _allow(by)
        if label not in self._acts.labels:
            raise TrainingError("invalid", f"没有“{label}”这个对话行为")
        added = 0
        async with self._database.begin() as connection:
            rows = await self._take(connection, ids, "labelled", label, by)
            known = await self._known(connection)
            for row in rows:
                text = self._vault.decrypt(row.text_enc, row.id)
                if bare(text) in known or bare(text) in self._acts.evaluated or problem(text):
                    continue
                known[bare(text)] = label
                await self._insert(connection, text, label, "labelled", by)
                added += 1
            await self._audit(connection, by, "nlu.labelled", label, f"{len(rows)} 句，新增示例 {added} 句")
        return added

    async def discard(self, ids: Sequence[str], by: Person) -> int:
        """Take utterances out of the queue without a label; returns how many."""
        _allow(by)
        async with self._database.begin() as connection:
            rows = await self._take(connection, ids, "discarded", "", by)
            await self._audit(connection, by, "nlu.discarded", "", f"{len(rows)} 句")
        return len(rows)

    async def acts(self) -> list[Act]:
        """Every act with the number of its examples."""
        counted = (
            select(nlu_examples.c.label, func.count())
            .where(nlu_examples.c.removed_at.is_(None))
            .group_by(nlu_examples.c.label)
        )
        async with self._database.connect() as connection:
            added = Counter({row[0]: int(row[1]) for row in await connection.execute(counted)})
        own = self._acts.own
        return [Act(name, label, len(own.get(name, ())), added[name]) for name, label in self._acts.labels.items()]

    async def examples(self, act: str) -> list[Example]:
        """The examples of one act: the added ones, the newest first, then the bot's own."""
        if act not in self._acts.labels:
            raise TrainingError("not_found", f"没有“{act}”这个对话行为")
        added = [example for example in await self.added() if example.label == act]
        return [*reversed(added), *(Example("", text, act, "own") for text in self._acts.own.get(act, ()))]

    async def added(self) -> list[Example]:
        """All examples that were added and not removed, the oldest first: what a training takes in."""
        rows = (
            select(nlu_examples)
            .where(nlu_examples.c.removed_at.is_(None))
            .order_by(nlu_examples.c.at, nlu_examples.c.id)
        )
        async with self._database.connect() as connection:
            found = (await connection.execute(rows)).all()
        return [self._example(row) for row in found]

    async def add_example(self, text: str, label: str, by: Person) -> Example:
        """Add one example by hand."""
        _allow(by)
        text = text.strip()
        async with self._database.begin() as connection:
            reason = self._refusal(text, label, await self._known(connection))
            if reason:
                raise TrainingError("invalid", reason)
            id = await self._insert(connection, text, label, "manual", by)
            await self._audit(connection, by, "nlu.example_added", id, label)
        return Example(id, text, label, "manual", by.id, self._clock.now())

    async def remove_example(self, id: str, by: Person) -> None:
        """Take an added example out of the next training."""
        _allow(by)
        async with self._database.begin() as connection:
            changed = await connection.execute(
                update(nlu_examples)
                .where(nlu_examples.c.id == id, nlu_examples.c.removed_at.is_(None))
                .values(removed_at=self._clock.now())
            )
            if not changed.rowcount:
                raise TrainingError("not_found", "没有这条示例，或已经移除；随程序的示例不能移除")
            await self._audit(connection, by, "nlu.example_removed", id, "")

    async def import_file(self, name: str, data: bytes, by: Person) -> int:
        """Add every example of a file or none; returns how many. What is there already with the same act is left out.

        Raises also :class:`knowledge.importer.ImportRefused`, which names each wrong line.
        """
        _allow(by)
        rows = read_file(name, data)
        async with self._database.begin() as connection:
            known = await self._known(connection)
            fresh, errors, lines = [], [], dict[str, int]()
            for line, text, label in rows:
                key = bare(text)
                if key in lines:
                    errors.append(RowError(line, "", f"与第 {lines[key]} 行相同"))
                    continue
                lines[key] = line
                if known.get(key) == label:
                    continue
                if reason := self._refusal(text, label, known):
                    errors.append(RowError(line, "", reason))
                fresh.append((text, label))
            if errors:
                raise refused(errors)
            for text, label in fresh:
                await self._insert(connection, text, label, "import", by)
            await self._audit(connection, by, "nlu.examples_imported", "", f"{len(fresh)} 句")
        return len(fresh)

    def _refusal(self, text: str, label: str, known: Mapping[str, str]) -> str:
        if label not in self._acts.labels:
            return f"没有“{label}”这个对话行为；有：{'、'.join(self._acts.labels)}"
        if reason := problem(text):
            return f"这句话{reason}"
        if bare(text) in self._acts.evaluated:
            return "这句话在评估集里，不能用来训练（否则评估不再可信）"
        if (there := known.get(bare(text))) is not None:
            return f"已有这句话（{self._acts.labels.get(there, there)}）"
        if len(known) - len(self._own) >= MOST_EXAMPLES:
            return f"已有 {MOST_EXAMPLES} 句新增示例，请先移除不用的"
        return ""

    async def _known(self, connection: AsyncConnection) -> dict[str, str]:
        rows = await connection.execute(select(nlu_examples).where(nlu_examples.c.removed_at.is_(None)))
        return self._own | {bare(self._vault.decrypt(row.text_enc, row.id)): row.label for row in rows}

    async def _insert(self, connection: AsyncConnection, text: str, label: str, origin: str, by: Person) -> str:
        id = new_id()
        row = {"id": id, "text_enc": self._vault.encrypt(text, id), "label": label, "origin": origin}
        await connection.execute(insert(nlu_examples).values(**row, by=by.id, at=self._clock.now()))
        return id

    async def _take(
        self, connection: AsyncConnection, ids: Iterable[str], status: str, label: str, by: Person
    ) -> Sequence[Row[Any]]:
        wanted = list(dict.fromkeys(ids))
        if not 0 < len(wanted) <= MOST_AT_ONCE:
            raise TrainingError("invalid", f"请选 1 到 {MOST_AT_ONCE} 句话")
        chosen = nlu_utterances.c.id.in_(wanted) & (nlu_utterances.c.status == "open")
        rows = (await connection.execute(select(nlu_utterances).where(chosen))).all()
        if len(rows) != len(wanted):
            raise TrainingError("not_found", "有的话已被别人标注或不存在，请刷新后重选")
        values = {"status": status, "label": label, "by": by.id, "labelled_at": self._clock.now()}
        await connection.execute(update(nlu_utterances).where(chosen).values(**values))
        return rows

    async def _audit(self, connection: AsyncConnection, by: Person, action: str, subject: str, detail: str) -> None:
        now = self._clock.now()
        await audit.record(connection, at=now, by=by.id, action=action, subject=subject, detail=detail)

    def _example(self, row: Row[Any]) -> Example:
        return Example(row.id, self._vault.decrypt(row.text_enc, row.id), row.label, row.origin, row.by, row.at)

    def _unsure(self, alike: Sequence[Row[Any]]) -> Unsure:
        row = alike[0]
        return Unsure(
            id=row.id,
            ids=tuple(other.id for other in alike),
            text=self._vault.decrypt(row.text_enc, row.id),
            at=row.at,
            stage=row.stage,
            suggested=row.suggested,
            ranking=tuple((str(name), float(value)) for name, value in row.ranking),
            confidence=row.confidence,
            why=row.why,
        )


async def _count_open(connection: AsyncConnection) -> int:
    waiting = select(func.count()).select_from(nlu_utterances).where(nlu_utterances.c.status == "open")
    return int((await connection.execute(waiting)).scalar_one())


def _allow(by: Person) -> None:
    if by.role not in LABELLERS:
        raise TrainingError("forbidden", "只有知识编辑与知识审核可以标注和增删示例")
