"""Who may do what in the knowledge base: the one table that every route and the page's own menus go by."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from knowledge.permissions import MAINTAINERS, READERS, REPORTERS, REVIEWERS, WRITERS
from store.accounts import Role


class Right(StrEnum):
    """Something that a route does. The first nine are told to the page, which shows its menus by them."""

    EDIT = "edit"
    REVIEW = "review"
    TRAIN = "train"
    PROMOTE = "promote"
    LABEL = "label"
    IMPORT = "import"
    GAPS = "gaps"
    DISPUTE = "dispute"
    SCRIPTS = "scripts"
    ENTER = "enter"
    """Log in and read entries: those of the own unit for a unit."""
    SEARCH = "search"
    READ_DRAFTS = "read_drafts"
    """Drafts, gaps and freshness: those of the own unit for a unit."""
    OVERSEE = "oversee"
    """Review queue, rate, synonyms and training, to look at."""
    READ_SCRIPTS = "read_scripts"


_OVERSEERS: Final = READERS - {Role.UNIT}

RIGHTS: Final[Mapping[Right, frozenset[Role]]] = {
    Right.EDIT: WRITERS,
    Right.REVIEW: REVIEWERS,
    Right.TRAIN: MAINTAINERS,
    Right.PROMOTE: REVIEWERS,
    Right.LABEL: MAINTAINERS,
    Right.IMPORT: MAINTAINERS,
    Right.GAPS: MAINTAINERS,
    Right.DISPUTE: REPORTERS,
    Right.SCRIPTS: MAINTAINERS,
    Right.ENTER: READERS | {Role.AGENT},
    Right.SEARCH: _OVERSEERS | {Role.AGENT},
    Right.READ_DRAFTS: READERS,
    Right.OVERSEE: _OVERSEERS,
    Right.READ_SCRIPTS: _OVERSEERS | {Role.AGENT},
}
KNOWLEDGE_ROLES: Final = RIGHTS[Right.ENTER]
"""Whoever has any business with the knowledge base."""

_TOLD: Final = (
    Right.EDIT,
    Right.REVIEW,
    Right.TRAIN,
    Right.PROMOTE,
    Right.LABEL,
    Right.IMPORT,
    Right.GAPS,
    Right.DISPUTE,
    Right.SCRIPTS,
)


def can(role: Role) -> list[str]:
    """What the page may offer to an account of ``role``."""
    return [right.value for right in _TOLD if role in RIGHTS[right]]
