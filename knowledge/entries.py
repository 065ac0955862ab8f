"""What a knowledge entry must be, with messages for the people who write them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.clock import LOCAL_ZONE, local
from config.errors import HotlineError
from knowledge.contract import KIND_LABELS, Attachment, Audience, Entry, Kind

SAMPLE_FOLDER: Final = Path(__file__).parent / "sample"

MAX_SPEECH: Final = 80
"""Characters of a spoken answer: about 20 s at the phone voice's pace."""
MAX_QUESTION: Final = 200
MAX_ANSWER: Final = 5000
MAX_SIMILAR: Final = 100
MAX_OFFICIAL: Final = 100_000
MAX_TAGS: Final = 20
MAX_ATTACHMENTS: Final = 20
_UNSPEAKABLE: Final = frozenset("()（）[]［］【】<>《》{}｛｝/\\|*#_=~^@")

Line = Annotated[str, StringConstraints(strip_whitespace=True)]


def _in_utc(moment: datetime) -> datetime:
    """A moment written without an offset is one in Asia/Shanghai."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=LOCAL_ZONE)).astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_in_utc)]

NAMES: Final[Mapping[str, str]] = {
    "id": "编号",
    "question": "标准问题",
    "similar": "相似问法",
    "answer": "答案",
    "speech": "语音答案",
    "unit": "承办单位",
    "field": "领域",
    "source": "来源",
    "effective_at": "生效日期",
    "version": "版本",
    "sample": "样例标记",
    "kind": "类型",
    "audience": "可见范围",
    "area": "适用地区",
    "source_no": "文号",
    "source_date": "成文日期",
    "official": "官方正文",
    "expires_at": "失效日期",
    "tags": "标签",
    "attachments": "附件",
    "urgent": "应急口径",
    "starts_at": "开始时间",
    "ends_at": "结束时间",
}
"""What the columns are called on screens and in messages."""
AUDIENCE_LABELS: Final = {Audience.PUBLIC: "公开", Audience.AGENTS: "仅话务员"}
_OF_COLUMNS: Final = {"missing", "extra_forbidden"}
_CHOICES: Final = {
    "kind": "、".join(f"{kind}（{label}）" for kind, label in KIND_LABELS.items()),
    "audience": "、".join(f"{audience}（{label}）" for audience, label in AUDIENCE_LABELS.items()),
}


class EntryInvalid(HotlineError):
    """An entry that cannot be taken; ``reasons`` has one Chinese sentence for each thing that is wrong.

    ``problems`` has the same as (field, sentence); the field is empty for what concerns the whole.
    """

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        self.problems: Final = problems
        self.reasons: Final = tuple(dict.fromkeys(reason for _, reason in problems))
        super().__init__("entry_invalid", "；".join(self.reasons))


class EntryForm(BaseModel):
    """An entry as it is written: in a sample file, in a row to import, in the editor."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    question: Annotated[Line, Field(min_length=2, max_length=MAX_QUESTION)]
    similar: tuple[Annotated[Line, Field(min_length=1, max_length=MAX_QUESTION)], ...] = Field(
        default=(), max_length=MAX_SIMILAR
    )
    answer: Annotated[Line, Field(min_length=1, max_length=MAX_ANSWER)]
    speech: Annotated[Line, Field(min_length=1, max_length=MAX_SPEECH)]
    unit: Annotated[Line, Field(min_length=1, max_length=100)]
    field: Annotated[Line, Field(min_length=1, max_length=32)] = "其他"
    source: Annotated[Line, Field(max_length=500)] = ""
    effective_at: date
    version: int = Field(default=1, ge=1)
    sample: bool = False
    kind: Kind = Kind.MATTER
    audience: Audience = Audience.PUBLIC
    area: Annotated[Line, Field(max_length=64)] = ""
    source_no: Annotated[Line, Field(max_length=100)] = ""
    source_date: date | None = None
    official: Annotated[Line, Field(max_length=MAX_OFFICIAL)] = ""
    expires_at: date | None = None
    tags: tuple[Annotated[Line, Field(min_length=1, max_length=32)], ...] = Field(default=(), max_length=MAX_TAGS)
    attachments: tuple[Attachment, ...] = Field(default=(), max_length=MAX_ATTACHMENTS)
    urgent: bool = False
    starts_at: Annotated[Moment | None, Field(validate_default=True)] = None
    ends_at: Annotated[Moment | None, Field(validate_default=True)] = None

    @model_validator(mode="before")
    @classmethod
    def _script_from_its_first_day(cls, values: Any) -> Any:
        """An urgent script need not name its day: it is that of its first moment."""
        if isinstance(values, dict) and values.get("urgent") and not values.get("effective_at"):
            return values | {"effective_at": str(values.get("starts_at"))[:10]}
        return values

    @field_validator("similar", "tags")
    @classmethod
    def _each_once(cls, lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(lines))

    @field_validator("expires_at")
    @classmethod
    def _not_before_it_holds(cls, expires_at: date | None, info: ValidationInfo) -> date | None:
        begins = info.data.get("effective_at")
        if expires_at and begins and expires_at < begins:
            raise ValueError("失效日期（expires_at）是有效的最后一天，不能早于生效日期")
        return expires_at

    @field_validator("urgent")
    @classmethod
    def _only_scripts(cls, urgent: bool, info: ValidationInfo) -> bool:
        if urgent and info.data.get("kind") is not Kind.SCRIPT:
            raise ValueError("只有“应答口径”才能设为应急口径")
        if urgent and info.data.get("expires_at"):
            raise ValueError("应急口径到“结束时间”自停，不用填失效日期")
        return urgent

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _moments_of_scripts(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        urgent = info.data.get("urgent", False)
        if urgent and moment is None:
            raise ValueError("应急口径要填开始时间和结束时间")
        if moment and not urgent:
            raise ValueError("只有应急口径才填开始时间和结束时间，其他条目请用生效日期和失效日期")
        starts = info.data.get("starts_at")
        if info.field_name == "ends_at" and moment and starts and moment <= starts:
            raise ValueError("结束时间要晚于开始时间")
        return moment

    @model_validator(mode="after")
    def _day_of_the_script(self) -> Self:
        if self.starts_at and self.effective_at > local(self.starts_at).date():
            raise ValueError("应急口径的生效日期不能晚于开始时间")
        return self

    @field_validator("speech")
    @classmethod
    def _can_be_spoken(cls, speech: str) -> str:
        if "://" in speech or "www." in speech.lower():
            raise ValueError("语音答案里不能有网址，请改为可以念出来的说法")
        wrong = sorted(_UNSPEAKABLE & set(speech))
        if wrong:
            raise ValueError(f"语音答案里不能有括号或符号“{''.join(wrong)}”，请改为可以念出来的说法")
        return speech

    def entry(self, version: int) -> Entry:
        """The entry as search answers it, as version ``version``."""
        values = {name: getattr(self, name) for name in EntryForm.model_fields}
        return Entry(**{**values, "version": version})


def parse_entry(values: Mapping[str, object]) -> EntryForm:
    """Check one entry. Raises :class:`EntryInvalid` with everything that is wrong with it."""
    try:
        return EntryForm.model_validate(values)
    except ValidationError as error:
        raise EntryInvalid(tuple(dict.fromkeys(_problems(error)))) from error


def sample_entries(folder: Path = SAMPLE_FOLDER) -> tuple[EntryForm, ...]:
    """The sample knowledge base that comes with the program. Raises :class:`EntryInvalid`."""
    return tuple(
        parse_entry(values)
        for file in sorted(folder.glob("*.yaml"))
        for values in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    )


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    for item in error.errors(include_url=False):
        column = str(item["loc"][0]) if item["loc"] else ""
        kind = item["type"] if len(item["loc"]) == 1 or item["type"] not in _OF_COLUMNS else "nested"
        yield column, _reason(column, kind, item["input"], item.get("ctx", {}))


def _reason(column: str, kind: str, given: object, limits: Mapping[str, Any]) -> str:
    name = NAMES.get(column, column)
    length = len(str(given).strip())
    match kind:
        case "missing":
            return f"缺少“{name}”（{column}）"
        case "string_too_short" if column == "speech":
            return f"语音答案（speech）为空：请写一段不超过 {MAX_SPEECH} 个字、可以念出来的答案"
        case "string_too_long" if column == "speech":
            return f"语音答案（speech）有 {length} 个字，最多 {MAX_SPEECH} 个字，请改短"
        case "string_too_short":
            return f"“{name}”（{column}）为空或太短，至少 {limits['min_length']} 个字"
        case "string_too_long":
            return f"“{name}”（{column}）有 {length} 个字，最多 {limits['max_length']} 个字"
        case "too_long":
            return f"“{name}”（{column}）最多 {limits['max_length']} 条"
        case "string_pattern_mismatch":
            return "“编号”（id）只能用字母、数字、点、横线和下划线，最多 64 位，例如 GJJ-001"
        case "extra_forbidden":
            return f"不认识的列“{column}”"
        case "value_error":
            return str(limits["error"])
        case "enum" if column in _CHOICES:
            return f"“{name}”（{column}）只能是 {_CHOICES[column]}"
        case _ if kind.startswith("datetime"):
            return f"“{name}”（{column}）应写成 2025-01-31 08:00 的形式"
        case _ if kind.startswith("date"):
            return f"“{name}”（{column}）应写成 2025-01-31 的形式"
        case _:
            return f"“{name}”（{column}）的内容不对"
