"""What a city's rulebook holds: pydantic models; every rule names the document and article that it comes from."""

import re
from datetime import date, time
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SPOKEN_LIMIT_S: Final = 12.0
"""A greeting or notice may last this long (issue "a notice of at most 12 s"; GB/T 33358-2016 asks for no spoken menu)."""
SYLLABLES_PER_S: Final = 4.0
"""A calm speaking pace, 240 syllables a minute, used to judge the length of a text before it is spoken."""

TicketTypeId = Literal["consultation", "help", "complaint", "report", "suggestion", "praise"]


def spoken_seconds(text: str) -> float:
    """About how long ``text`` takes to say: one syllable a Chinese character, digit or Latin letter."""
    return len(re.findall(r"[\u4e00-\u9fff0-9A-Za-z]", text)) / SYLLABLES_PER_S


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Basis(_Rule):
    """Where a rule comes from. ``valid_to`` and ``renewed_until`` are the last days on which it holds."""

    document: str = Field(min_length=2)
    """Document number, or the title where it has none."""
    article: str = Field(min_length=1)
    title: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    renewed_until: date | None = None
    """Set from the office's record of renewals in the data folder, not in the city's file."""

    def cite(self) -> str:
        """Document and article as they are quoted, e.g. ``湛府办函〔2022〕116号 第九条``."""
        return f"{self.document} {self.article}"

    @property
    def last_day(self) -> date | None:
        """The last day of validity, a renewal counted in; ``None``: no end."""
        if self.valid_to is None:
            return None
        return max(self.valid_to, self.renewed_until or self.valid_to)


class EmergencyIncident(_Rule):
    """One kind of emergency: words that mean it, and contexts in which the same words need one question first."""

    id: str
    name: str
    number: str = Field(pattern=r"^\d{0,8}$")
    """The number to call; empty where there is none: a person at the hotline takes it, first in the queue."""
    advice: str
    """One sentence for the ear: what to do at once."""
    cues: tuple[str, ...] = Field(min_length=1)
    safe_contexts: tuple[str, ...] = ()
    basis: Basis

    @field_validator("advice")
    @classmethod
    def _advice_is_short(cls, value: str) -> str:
        return _short_enough(value)


class Ground(_Rule):
    """A ground for a restriction."""

    id: str = Field(pattern=r"^[a-z_]{1,32}$")
    text: str


class RestrictionPolicy(_Rule):
    """May the office hold a number back, for how long, on what article (湛府办函〔2022〕116号 第九条; 琼海: off)."""

    mode: Literal["number", "off"]
    max_days: int = Field(default=30, ge=1, le=30)
    basis: Basis | None = None
    requires_basis_text: bool = False
    """The sources hold no article for this city: the office must type the basis in with each decision."""
    reason: str = ""
    """Why there is no restriction here (mode ``off``)."""
    grounds: tuple[Ground, ...] = ()
    notice: str = ""
    """Spoken to a restricted caller before the call ends."""
    appeal: str = ""

    @property
    def article(self) -> str:
        return self.basis.article if self.basis else ""

    @property
    def valid_from(self) -> date | None:
        return self.basis.valid_from if self.basis else None

    @property
    def valid_to(self) -> date | None:
        return self.basis.valid_to if self.basis else None

    @property
    def renewed_until(self) -> date | None:
        return self.basis.renewed_until if self.basis else None

    def ground(self, given: str) -> Ground | None:
        """The ground of that id, or the only one whose text holds ``given`` (two characters or more)."""
        exact = next((ground for ground in self.grounds if given in (ground.id, ground.text)), None)
        if exact or len(given) < 2:
            return exact
        close = [ground for ground in self.grounds if given in ground.text]
        return close[0] if len(close) == 1 else None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.mode == "off":
            if not self.reason or self.basis is None:
                raise ValueError("mode 为 off 时必须写明 reason 与 basis")
            return self
        if not self.requires_basis_text and self.basis is None:
            raise ValueError("没有 basis 时必须把 requires_basis_text 设为 true")
        if not self.grounds or not self.appeal:
            raise ValueError("可以限制来电的城市必须列出 grounds 与 appeal")
        _short_enough(self.notice)
        for needed in ("网站", "小程序", "申诉", "110", "119", "120", "按1"):
            if needed not in self.notice:
                raise ValueError(f"notice 必须说到“{needed}”")
        return self


class Deadline(_Rule):
    """Working days within which a matter of one type is answered, counted from receipt (the day of receipt is day 0)."""

    working_days: int = Field(ge=1, le=60)
    basis: Basis


class DutyWindow(_Rule):
    """When callers who ask for the leader on duty are put through."""

    name: str
    start: time
    end: time
    basis: Basis

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start 必须早于 end")
        return self


class RecordingPolicy(_Rule):
    """Are calls recorded, and for how many days are recordings kept? The greeting says so, in one sentence, or not at all."""

    enabled: bool = True
    keep_days: int = Field(default=180, ge=1, le=3650)
    basis: Basis | None = None


class OverflowPolicy(_Rule):
    """What becomes of a caller for whom no recogniser is free: the human queue, or a notice of the other channels.

    Even the notice leaves the way to a person open: key 0 leads into the queue.
    """

    rule: Literal["queue", "notice"] = "queue"
    notice: str = ""
    basis: Basis | None = None

    @model_validator(mode="after")
    def _notice_is_whole(self) -> Self:
        if self.rule == "notice":
            _short_enough(self.notice)
            for needed in ("网站", "小程序", "110", "119", "120", "按0"):
                if needed not in self.notice:
                    raise ValueError(f"overflow.notice 必须说到“{needed}”")
        return self


class DutyPhone(_Rule):
    """Who answers for a matter at some hours (CLAUSES D8: night and holiday duty of districts and of water, power, gas).

    ``incidents``: ids of emergencies; empty: any matter. ``division``: a district; empty: the whole city. ``days``:
    ``rest`` are days off as the State Council announces them. ``end`` not after ``start``: until that hour of the next
    day, counted to the day on which the duty began.
    """

    name: str
    number: str = Field(pattern=r"^\d{3,12}$")
    incidents: tuple[str, ...] = ()
    division: str = ""
    days: Literal["all", "work", "rest"] = "all"
    start: time = time(0)
    end: time = time(0)
    basis: Basis


class Unit(_Rule):
    """A handling unit suggested for a field; a person decides."""

    field: str
    name: str


class Rulebook(_Rule):
    """A city's rules."""

    id: str = Field(pattern=r"^[a-z]+$")
    name: str
    short_name: str
    province: str
    greeting: str
    divisions: tuple[str, ...] = Field(min_length=1)
    emergency: tuple[EmergencyIncident, ...] = Field(min_length=1)
    front_door: Literal["bot_first", "human_first", "bot_on_overflow"] = "bot_first"
    duty_window: DutyWindow | None = None
    duty_phones: tuple[DutyPhone, ...] = ()
    """From the office's table in the data folder (``duty_phones.yaml``), in order of precedence."""
    recording: RecordingPolicy = RecordingPolicy()
    overflow: OverflowPolicy = OverflowPolicy()
    restriction: RestrictionPolicy
    deadlines: dict[TicketTypeId, Deadline] = {}
    units: tuple[Unit, ...] = ()
    scope: Basis | None = None
    """The article by which matters outside the city do not belong to its hotline."""

    @field_validator("greeting")
    @classmethod
    def _greeting_is_open(cls, value: str) -> str:
        if value.count("？") != 1:
            raise ValueError("greeting 应当只有一个开放的问题")
        for needed in ("人工", "0"):
            if needed not in value:
                raise ValueError(f"greeting 必须说到“{needed}”")
        if re.search(r"按[1-9]", value):
            raise ValueError("greeting 不得有按键菜单（GB/T 33358-2016）")
        return _short_enough(value)

    @model_validator(mode="after")
    def _recording_is_announced(self) -> Self:
        if self.recording.enabled and "录音" not in self.greeting:
            raise ValueError("通话会录音，greeting 必须说到“录音”")
        if not self.recording.enabled and "录音" in self.greeting:
            raise ValueError("recording.enabled 为 false 时，greeting 不得说“录音”")
        return self

    def unit_for(self, field: str) -> str:
        """The unit suggested for ``field``; empty where the city lists none."""
        return next((unit.name for unit in self.units if unit.field == field), "")

    def bases(self) -> tuple[Basis, ...]:
        """Every basis that the rules name."""
        found = [incident.basis for incident in self.emergency]
        found += [deadline.basis for deadline in self.deadlines.values()]
        found += [self.duty_window.basis] if self.duty_window else []
        found += [self.restriction.basis] if self.restriction.basis else []
        found += [self.recording.basis] if self.recording.basis else []
        found += [self.scope] if self.scope else []
        found += [self.overflow.basis] if self.overflow.basis else []
        return tuple(found)


def _short_enough(text: str) -> str:
    seconds = spoken_seconds(text)
    if seconds > SPOKEN_LIMIT_S:
        raise ValueError(f"约需 {seconds:.0f} 秒才能说完，超过 {SPOKEN_LIMIT_S:.0f} 秒")
    if not text:
        raise ValueError("不能为空")
    return text
