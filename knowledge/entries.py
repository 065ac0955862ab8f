"""What a knowledge entry must be, with messages for the people who write them."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from config.errors import HotlineError
from knowledge.contract import Entry

SAMPLE_FOLDER: Final = Path(__file__).parent / "sample"

MAX_SPEECH: Final = 80
"""Characters of a spoken answer: about 20 s at the phone voice's pace."""
MAX_QUESTION: Final = 200
MAX_ANSWER: Final = 5000
MAX_SIMILAR: Final = 100
_UNSPEAKABLE: Final = frozenset("()（）[]［］【】<>《》{}｛｝/\\|*#_=~^@")

Line = Annotated[str, StringConstraints(strip_whitespace=True)]

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
}
"""What the columns are called on screens and in messages."""


class EntryInvalid(HotlineError):
    """An entry that cannot be taken; ``reasons`` has one Chinese sentence for each thing that is wrong."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("entry_invalid", "；".join(reasons))
        self.reasons = reasons


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

    @field_validator("similar")
    @classmethod
    def _each_once(cls, similar: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(similar))

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
        return Entry(**{**self.model_dump(), "version": version})


def parse_entry(values: Mapping[str, object]) -> EntryForm:
    """Check one entry. Raises :class:`EntryInvalid` with everything that is wrong with it."""
    try:
        return EntryForm.model_validate(values)
    except ValidationError as error:
        raise EntryInvalid(tuple(dict.fromkeys(_reasons(error)))) from error


def sample_entries(folder: Path = SAMPLE_FOLDER) -> tuple[EntryForm, ...]:
    """The sample knowledge base that comes with the program. Raises :class:`EntryInvalid`."""
    return tuple(
        parse_entry(values)
        for file in sorted(folder.glob("*.yaml"))
        for values in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    )


def _reasons(error: ValidationError) -> Iterator[str]:
    for item in error.errors(include_url=False):
        column = str(item["loc"][0]) if item["loc"] else ""
        name = NAMES.get(column, column)
        limits = item.get("ctx", {})
        match item["type"]:
            case "missing":
                yield f"缺少“{name}”（{column}）"
            case "string_too_short" if column == "speech":
                yield f"语音答案（speech）为空：请写一段不超过 {MAX_SPEECH} 个字、可以念出来的答案"
            case "string_too_long" if column == "speech":
                yield f"语音答案（speech）有 {len(str(item['input']).strip())} 个字，最多 {MAX_SPEECH} 个字，请改短"
            case "string_too_short":
                yield f"“{name}”（{column}）为空或太短，至少 {limits['min_length']} 个字"
            case "string_too_long":
                yield f"“{name}”（{column}）有 {len(str(item['input']).strip())} 个字，最多 {limits['max_length']} 个字"
            case "too_long":
                yield f"“{name}”（{column}）最多 {MAX_SIMILAR} 条"
            case "string_pattern_mismatch":
                yield "“编号”（id）只能用字母、数字、点、横线和下划线，最多 64 位，例如 GJJ-001"
            case "extra_forbidden":
                yield f"不认识的列“{column}”"
            case "value_error":
                yield str(limits["error"])
            case kind if kind.startswith("date"):
                yield "“生效日期”（effective_at）应写成 2025-01-31 的形式"
            case _:
                yield f"“{name}”（{column}）的内容不对"
