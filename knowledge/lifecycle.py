"""The life of entries in one service: written, reviewed by a second person, published, disputed, archived, watched."""

from collections.abc import Mapping
from typing import Any

from config.clock import Clock, local
from knowledge.content import Problem, problems
from knowledge.contract import Actor, Entry
from knowledge.disputes import Disputes
from knowledge.document import Document
from knowledge.drafts import Draft, Drafts
from knowledge.duplicates import Candidates, Like, NearDuplicates
from knowledge.filing import Filing
from knowledge.freshness import Freshness, UnitFreshness, draft_filing
from knowledge.intake import Intake, document_content, document_note
from knowledge.permissions import READERS, require
from knowledge.repository import Repository
from knowledge.review import Review
from store.engine import Database
from store.vault import Vault


class Lifecycle(Drafts, Review, Disputes, Intake, Freshness):
    """Everything that is done to entries; each part has a module of its own. Rights are checked here, not by the pages.

    ``candidates``: the live search, for near-duplicates; without one none are named. Raises
    :class:`knowledge.contract.KnowledgeError`.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, *, candidates: Candidates | None = None) -> None:
        Disputes.__init__(self, database, vault, clock)
        self._repository = Repository(database, clock)
        self._duplicates = NearDuplicates(database, candidates) if candidates else None

    async def history(self, entry_id: str) -> tuple[Entry, ...]:
        """Every version of an entry, the newest first."""
        return await self._repository.history(entry_id)

    def check(self, content: Mapping[str, Any]) -> tuple[Problem, ...]:
        """What is wrong with content that is being written."""
        return problems(content)

    async def similar_entries(self, content: Mapping[str, Any]) -> tuple[Like, ...]:
        """Entries in force that are asked for in nearly the same words."""
        if self._duplicates is None:
            return ()
        similar = content.get("similar")
        ways = similar if isinstance(similar, list | tuple) else ()
        return await self._duplicates.of(
            str(content.get("id") or ""), [str(content.get("question") or ""), *map(str, ways)]
        )

    async def document_draft(self, actor: Actor, document: Document, *, unit: str = "", field: str = "") -> Draft:
        """A draft of a document that a unit sent (CLAUSES D10), for a person to finish; a unit writes for itself."""
        content = document_content(document, actor, unit, field, local(self._clock.now()).date())
        return await self.save_draft(actor, content, note=document_note(document), origin="document")

    def filing(self, draft: Draft) -> Filing | None:
        """How a policy's draft stands to the filing clock; ``None`` for what is no policy."""
        return draft_filing(draft, local(self._clock.now()).date())

    async def freshness(self, actor: Actor) -> tuple[UnitFreshness, ...]:
        """By handling unit: entries, stale ones, disputes."""
        require(actor, READERS, "看保鲜情况")
        return await self.by_unit(actor, await self.disputes(actor))
