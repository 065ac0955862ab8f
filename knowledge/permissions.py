"""Who may do what to the knowledge base, checked inside its services whatever page or command asks."""

from typing import Final

from knowledge.contract import Actor, KnowledgeError
from store.accounts import ROLE_LABELS, Role

MAINTAINERS: Final = frozenset({Role.EDITOR, Role.REVIEWER})
WRITERS: Final = MAINTAINERS | {Role.UNIT}
REVIEWERS: Final = frozenset({Role.REVIEWER})
READERS: Final = WRITERS | {Role.SUPERVISOR, Role.OFFICE}
"""Of drafts and of what is overdue; a unit reads its own only."""
REPORTERS: Final = MAINTAINERS | {Role.AGENT}
"""Of errors in entries."""


def require(actor: Actor, roles: frozenset[Role], doing: str) -> None:
    """Raise ``forbidden`` unless the actor's role is one of ``roles``; ``doing``: what was asked for, in Chinese."""
    if actor.role not in roles:
        able = "、".join(ROLE_LABELS[role] for role in Role if role in roles)
        raise KnowledgeError("forbidden", f"{ROLE_LABELS[actor.role]}账号不能{doing}，请找{able}")


def require_unit(actor: Actor, unit: str) -> None:
    """Raise ``forbidden`` when a unit's account touches what belongs to another unit."""
    if actor.role is Role.UNIT and unit != actor.unit:
        raise KnowledgeError("forbidden", f"这一条属于“{unit or '未填单位'}”，您的账号只能看和报“{actor.unit}”的知识")
