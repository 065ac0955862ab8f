"""City rulebooks: ``config/cities/<id>.yaml``, read, joined with the shared list of emergencies, checked.

A city's file names its documents once (``documents``) and its rules refer to them by key. A document that has run out
still applies, with a warning, until the office records its renewal in ``rulebook_renewals.yaml`` of the data folder::

    zhanjiang:
      - document: 湛府办函〔2022〕116号
        renewed_until: 2028-11-28
        notice: 延期通知的文号
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from config.errors import HotlineError
from config.rulebook_model import Basis, Rulebook

_HERE: Final = Path(__file__).resolve().parent
_CITIES: Final = _HERE / "cities"
_EMERGENCY: Final = _HERE / "emergency.yaml"
RENEWALS_FILE: Final = "rulebook_renewals.yaml"
DUTY_PHONES_FILE: Final = "duty_phones.yaml"
"""Night and holiday duty by hour, kept by the office in the data folder: rows as ``rulebook_model.DutyPhone``, by city."""


class RulebookError(HotlineError):
    """A rulebook cannot be used."""


@dataclass(frozen=True, slots=True)
class RulebookWarning:
    """Something about a rulebook that the office should put right; nothing stops because of it."""

    code: str
    message: str


def list_cities() -> tuple[str, ...]:
    """The ids of the cities that have a rulebook."""
    return tuple(sorted(file.stem for file in _CITIES.glob("*.yaml")))


def require_city(city: str) -> None:
    """Raises :class:`RulebookError`, naming the known cities, when ``city`` has no rulebook."""
    if city not in list_cities():
        known = "、".join(list_cities())
        raise RulebookError("unknown_city", f"没有城市“{city}”的规则手册，现有：{known}")


def load_rulebook(city: str, data_dir: Path | None = None) -> Rulebook:
    """The rulebook of ``city``, with the renewals recorded in ``data_dir``. Raises :class:`RulebookError`."""
    require_city(city)
    file = _CITIES / f"{city}.yaml"
    renewals = _renewals(data_dir, city)
    return parse_rulebook(_mapping(file) | _duty_phones(data_dir, city), source=file.name, renewals=renewals)


def parse_rulebook(raw: dict[str, Any], *, source: str, renewals: dict[str, date] | None = None) -> Rulebook:
    """Check a rulebook's content; raises :class:`RulebookError` with every fault in Chinese."""
    try:
        joined = _with_documents({**raw}, renewals or {})
        joined["emergency"] = _with_incidents(joined.get("emergency"))
        return Rulebook.model_validate(joined)
    except ValidationError as error:
        faults = "；".join(_in_chinese(dict(item)) for item in error.errors())
        raise RulebookError("bad_rulebook", f"规则手册 {source} 有误：{faults}") from error
    except _Fault as error:
        raise RulebookError("bad_rulebook", f"规则手册 {source} 有误：{error}") from error


def warnings(rulebook: Rulebook, today: date) -> tuple[RulebookWarning, ...]:
    """What the office should know: documents that have run out, one warning a document (``today``: local date)."""
    found = {}
    for basis in rulebook.bases():
        if basis.last_day is not None and today >= basis.last_day:
            found[basis.document] = _expired(rulebook, basis, basis.last_day)
        elif basis.valid_from is not None and today < basis.valid_from:
            message = f"{rulebook.name}：{basis.document}自 {basis.valid_from.isoformat()} 起施行，现在尚未生效"
            found[basis.document] = RulebookWarning("not_yet_valid", message)
    return tuple(found.values())


def _expired(rulebook: Rulebook, basis: Basis, last_day: date) -> RulebookWarning:
    return RulebookWarning(
        "expired",
        f"{rulebook.name}：{basis.document}有效期至 {last_day.isoformat()}，已到期；现暂按原规定执行。"
        f"请热线办核实是否延期，并把延期日期写入数据目录的 {RENEWALS_FILE}",
    )


class _Fault(Exception):
    """A fault found before the model is asked; its text is Chinese."""


def _mapping(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)  # libyaml: ten times as fast
    except yaml.YAMLError as error:
        raise RulebookError("bad_rulebook", f"{file.name} 不是有效的 YAML：{error}") from error
    if not isinstance(loaded, dict):
        raise RulebookError("bad_rulebook", f"{file.name} 应为“键: 值”形式的 YAML")
    return loaded


def _duty_phones(data_dir: Path | None, city: str) -> dict[str, Any]:
    """The office's duty table, where there is one; each row names its own document."""
    file = data_dir / DUTY_PHONES_FILE if data_dir else None
    rows = _mapping(file).get(city) if file is not None and file.is_file() else None
    return {"duty_phones": rows} if rows else {}


def _renewals(data_dir: Path | None, city: str) -> dict[str, date]:
    """Document number → last day, as the office recorded it."""
    file = data_dir / RENEWALS_FILE if data_dir else None
    if file is None or not file.is_file():
        return {}
    found = {}
    for row in _mapping(file).get(city) or ():
        if not isinstance(row, dict) or not isinstance(row.get("renewed_until"), date) or not row.get("document"):
            raise RulebookError(
                "bad_renewal", f"{RENEWALS_FILE} 中 {city} 的每一条都要有 document（文号）与 renewed_until（年-月-日）"
            )
        found[str(row["document"])] = row["renewed_until"]
    return found


def _with_documents(raw: dict[str, Any], renewals: dict[str, date]) -> dict[str, Any]:
    """Replace every ``basis: {document: key, article}`` by the document itself."""
    documents = raw.pop("documents", None) or {}

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            key: cited(value) if key == "basis" else value if key == "duty_phones" else resolve(value)
            for key, value in node.items()
        }

    def cited(basis: Any) -> Any:
        if not isinstance(basis, dict) or basis.get("document") not in documents:
            raise _Fault(f"basis 引用了 documents 里没有的文件：{basis}")
        document = documents[basis["document"]]
        renewal = {"renewed_until": renewals[document["number"]]} if document.get("number") in renewals else {}
        return {
            "document": document.get("number"),
            "article": basis.get("article"),
            **{key: document[key] for key in ("title", "valid_from", "valid_to") if key in document},
            **renewal,
        }

    resolved: dict[str, Any] = resolve(raw)
    return resolved


def _with_incidents(given: Any) -> list[dict[str, Any]]:
    """Join a city's ``emergency`` rows with the shared list; a row may change the number and add cues."""
    file = _mapping(_EMERGENCY)
    shared = {row["id"]: row for row in file["incidents"]}
    joined = []
    for row in given or ():
        base = shared.get(row.get("id") if isinstance(row, dict) else None)
        if base is None:
            raise _Fault(f"emergency 里没有这种情形：{row}；可用：{'、'.join(shared)}")
        cues = [*base["cues"], *row.get("cues", ())]
        contexts = [*file["common_safe_contexts"], *base["safe_contexts"], *row.get("safe_contexts", ())]
        joined.append({**base, **row, "cues": cues, "safe_contexts": contexts})
    return joined


_FAULTS: Final = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项，请核对拼写",
    "literal_error": "应为 {expected} 之一",
    "less_than_equal": "不能大于 {le}",
    "greater_than_equal": "不能小于 {ge}",
    "string_pattern_mismatch": "写法不对（应符合 {pattern}）",
    "string_too_short": "太短或为空",
    "too_short": "至少要有一项",
}
_KINDS: Final = {"int": "应为整数", "bool": "应为 true 或 false", "string": "应为文字", "date": "应为日期（年-月-日）"}


def _in_chinese(fault: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "整体"
    kind: str = fault["type"]
    context = fault.get("ctx", {})
    if kind == "value_error":
        return f"{where}：{context['error']}"
    if kind in _FAULTS:
        return f"{where}：{_FAULTS[kind].format(**context)}"
    expected = next((text for prefix, text in _KINDS.items() if kind.startswith(prefix)), "格式不对")
    return f"{where}：{expected}"
