"""Who may do what in the knowledge base: the one table that every route and the page's own menus go by."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

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


_MAINTAINERS: Final = frozenset({Role.EDITOR, Role.REVIEWER})
_OVERSEERS: Final = _MAINTAINERS | {Role.SUPERVISOR, Role.OFFICE}
_REVIEWERS: Final = frozenset({Role.REVIEWER})

RIGHTS: Final[Mapping[Right, frozenset[Role]]] = {
    Right.EDIT: _MAINTAINERS | {Role.UNIT},
    Right.REVIEW: _REVIEWERS,
    Right.TRAIN: _MAINTAINERS,
    Right.PROMOTE: _REVIEWERS,
    Right.LABEL: _MAINTAINERS,
    Right.IMPORT: _MAINTAINERS,
    Right.GAPS: _MAINTAINERS,
    Right.DISPUTE: _MAINTAINERS | {Role.AGENT},
    Right.SCRIPTS: _MAINTAINERS,
    Right.ENTER: _OVERSEERS | {Role.AGENT, Role.UNIT},
    Right.SEARCH: _OVERSEERS | {Role.AGENT},
    Right.READ_DRAFTS: _OVERSEERS | {Role.UNIT},
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
