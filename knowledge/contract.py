"""What knowledge search answers, who works on the knowledge base, and how a request of theirs is refused."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from config.errors import HotlineError
from store.accounts import Role


class Verdict(StrEnum):
    ANSWER = "answer"
    CHOOSE = "choose"
    ABSTAIN = "abstain"


class Kind(StrEnum):
    """What an entry is about (第十八条（一）: matters, duties, contacts and hours; （二） policies; （三） scripts)."""

    MATTER = "matter"
    POLICY = "policy"
    DUTY = "duty"
    CONTACT = "contact"
    SCRIPT = "script"


KIND_LABELS: Final = {
    Kind.MATTER: "事项",
    Kind.POLICY: "政策",
    Kind.DUTY: "职责与权责清单",
    Kind.CONTACT: "联系方式与时间",
    Kind.SCRIPT: "应答口径",
}


class Audience(StrEnum):
    """Who may be told an entry: everybody, or only agents."""

    PUBLIC = "public"
    AGENTS = "agents"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an entry. ``bytes``: its size; ``media``: its media type."""

    id: str
    name: str
    bytes: int
    media: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One published version of a knowledge entry. ``speech`` has at most 80 characters.

    It holds from ``effective_at`` until the end of ``expires_at``, days in Asia/Shanghai; an urgent script besides from
    ``starts_at`` until just before ``ends_at``. ``area``: a division, empty for the whole city. ``official``: the text of
    the document that it comes from, or where that stands. ``reviewed_by`` is empty when nobody reviewed it.
    """

    id: str
    version: int
    question: str
    similar: tuple[str, ...]
    answer: str
    speech: str
    unit: str
    field: str
    source: str
    effective_at: date
    sample: bool
    kind: str = Kind.MATTER
    audience: str = Audience.PUBLIC
    area: str = ""
    source_no: str = ""
    source_date: date | None = None
    official: str = ""
    expires_at: date | None = None
    tags: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    urgent: bool = False
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    author: str = ""
    reviewed_by: str = ""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry with its calibrated score, 0…1."""

    entry: Entry
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best entries first. ``margin``: score of the first less that of the second."""

    query: str
    verdict: Verdict
    ranked: tuple[Ranked, ...]
    margin: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks a service to do something. ``unit``: the handling unit of an account of :attr:`Role.UNIT`."""

    id: str
    role: Role
    unit: str = ""


STATUS_OF: Final = {"not_found": 404, "forbidden": 403, "conflict": 409, "second_person": 403, "invalid": 422}
"""HTTP status of each ``KnowledgeError.code``."""


class KnowledgeError(HotlineError):
    """A request that the knowledge base refuses. ``code`` is one of :data:`STATUS_OF`; ``status`` its HTTP status.

    ``fields`` says of single fields what is wrong with them: (name, message).
    """

    def __init__(self, code: str, message: str, fields: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code, message)
        self.status: Final = STATUS_OF[code]
        self.fields: Final = fields
