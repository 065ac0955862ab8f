"""Files in and out: each format reads back what was written, batches wait for review, documents become drafts."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from pypdf import PdfWriter
from sqlalchemy import func, select

from config.clock import ManualClock
from knowledge import document as documents
from knowledge import intake
from knowledge.apart import Apart
from knowledge.contract import Actor, Entry, KnowledgeError
from knowledge.document import read_document
from knowledge.entries import parse_entry
from knowledge.exporter import export
from knowledge.importer import FORMATS, ImportRefused, Row, read_rows
from knowledge.lifecycle import Lifecycle
from knowledge.repository import Repository
from store.accounts import Role
from store.engine import Database
from store.schema import audit, drafts
from store.vault import Vault

from .conftest import MakeForm

TODAY = date(2023, 4, 3)
ANNA = Actor("anna", Role.EDITOR)
UNIT = Actor("gjj", Role.UNIT, "市住房公积金管理中心")
DOCX = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture
def life(database: Database, vault: Vault, clock: ManualClock) -> Lifecycle:
    return Lifecycle(database, vault, clock)


def whole(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "id": "P-1",
        "question": "=提取条件有哪些",
        "similar": ["怎么提取", "取公积金"],
        "answer": "一、购房\n二、租房，“引号”、逗号,都在",
        "speech": "购房和租房可以提取。",
        "unit": "市住房公积金管理中心",
        "field": "公积金",
        "source": "办法",
        "source_no": "湛公积金〔2023〕5号",
        "source_date": "2023-03-01",
        "official": "https://example.gov.cn/5",
        "effective_at": "2023-05-01",
        "expires_at": "2028-04-30",
        "kind": "policy",
        "audience": "agents",
        "area": "赤坎区",
        "tags": ["提取", "购房"],
    }
    return parse_entry(values | changes).entry(3)


SCRIPT = {
    "id": "S-1",
    "kind": "script",
    "urgent": True,
    "starts_at": "2023-04-03 12:30",
    "ends_at": "2023-04-04 08:00",
    "expires_at": None,
    "effective_at": "2023-04-03",
}


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_read_back(tmp_path: Path, format: str) -> None:
    entries = (whole(), whole(**SCRIPT))
    file = tmp_path / f"kb.{format}"
    file.write_bytes(export(entries, format))
    rows = read_rows(file, file.name, TODAY)
    assert tuple(row.form.entry(3) for row in rows) == entries


def test_a_formula_in_a_csv_is_text() -> None:
    assert ",'=提取条件有哪些," in export([whole()], "csv").decode("utf-8-sig")


def test_a_spreadsheet_as_people_make_it(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["id", "question", "similar", "answer", "speech", "unit", "kind", "effective_at", None])
    sheet.append([])
    sheet.append(["A-1", "怎么办证", "办证|证怎么办", "到窗口。", "到窗口。", "市政务局", "政策", date(2023, 5, 1)])
    sheet.append(["A-2", "怎么换证", None, 12345, "到窗口。", "市政务局"])
    file = tmp_path / "own.xlsx"
    book.save(file)
    first, second = read_rows(file, "own.xlsx", TODAY)
    assert (first.line, first.form.kind, first.form.effective_at) == (3, "policy", date(2023, 5, 1))
    assert (second.line, second.form.answer, second.form.effective_at) == (4, "12345", TODAY)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("kb.xlsx", b"not a zip", "不是 .xlsx 表格"),
        ("kb.json", b"{]", "不是 JSON 文件"),
        ("kb.json", b"[" * 200_000, "不是 JSON 文件"),
        ("kb.json", b'{"entries": []}', "至少一条"),
        ("kb.json", b"[7]", "不是对象"),
        ("kb.doc", b"", "只能导入 .csv、.xlsx 或 .json"),
        ("kb.csv", b"", "缺少列"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(data)
    with pytest.raises(ImportRefused, match=says):
        read_rows(file, name, TODAY)


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kb.xlsx"
    file.write_bytes(export([whole()], "xlsx"))
    monkeypatch.setattr("knowledge.spreadsheet.MAX_UNPACKED", 1000)
    with pytest.raises(ImportRefused, match="展开后太大"):
        read_rows(file, "kb.xlsx", TODAY)


def test_a_json_entry_is_named_by_its_number(tmp_path: Path) -> None:
    good = json.loads(export([whole()], "json"))["entries"][0]
    file = tmp_path / "kb.json"
    file.write_text(json.dumps([good, good | {"id": "P-2", "speech": ""}, good]), encoding="utf-8")
    with pytest.raises(ImportRefused) as caught:
        read_rows(file, "kb.json", TODAY)
    assert [(error.line, error.id) for error in caught.value.errors] == [(2, "P-2"), (3, "P-1")]


async def test_a_file_becomes_one_batch_of_drafts_in_review(
    life: Lifecycle, database: Database, clock: ManualClock, make_form: MakeForm
) -> None:
    repository = Repository(database, clock)
    await repository.publish([make_form("A-1", "怎么办证", sample=True), make_form("A-2", "怎么换证")])
    rows = [
        Row(2, make_form("A-1", "怎么办证")),
        Row(3, make_form("A-2", "怎么换证", answer="改了。")),
        Row(4, make_form("A-3", "怎么补证")),
    ]
    plan = await life.plan_import(ANNA, rows)
    assert (plan.added, plan.changed, plan.unchanged, plan.errors) == (("A-3",), ("A-2",), ("A-1",), ())
    made = await life.import_drafts(ANNA, rows)
    waiting = await life.drafts(ANNA, "in_review")
    assert {one.id for one in waiting} == set(made)
    assert [(one.entry_id, one.base_version, one.origin) for one in waiting if one.entry_id == "A-2"] == [
        ("A-2", 1, "import")
    ]
    assert len((await repository.snapshot()).versions) == 2
    for one in waiting:
        await life.approve(Actor("ren", Role.REVIEWER), one.id, one.revision)
    assert {entry.reviewed_by for entry in (await repository.snapshot()).versions} == {"", "ren"}
    with pytest.raises(KnowledgeError, match="承办单位账号不能导入"):
        await life.import_drafts(UNIT, rows)


async def test_an_entry_being_written_stops_the_whole_file(
    life: Lifecycle, database: Database, make_form: MakeForm
) -> None:
    await life.save_draft(Actor("bao", Role.EDITOR), {"id": "A-2", "unit": "市政务局"})
    rows = [Row(2, make_form("A-1", "怎么办证")), Row(3, make_form("A-2", "怎么换证"))]
    with pytest.raises(ImportRefused) as caught:
        await life.import_drafts(ANNA, rows)
    assert [(error.line, error.id) for error in caught.value.errors] == [(3, "A-2")]
    assert "已有一份草稿（bao）" in caught.value.message
    async with database.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(drafts)) == 1


async def test_a_crash_in_the_middle_of_an_import_leaves_nothing(
    life: Lifecycle, database: Database, clock: ManualClock, make_form: MakeForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(intake, "_BATCH", 2)
    monkeypatch.setattr("knowledge.repository._BATCH", 2)
    monkeypatch.setattr("store.audit.record", crash)
    forms = [make_form(f"A-{number}", f"怎么办第{number}种证") for number in range(5)]
    with pytest.raises(RuntimeError, match="power cut"):
        await life.import_drafts(ANNA, [Row(line, form) for line, form in enumerate(forms, 2)])
    repository = Repository(database, clock)
    with pytest.raises(RuntimeError, match="power cut"):
        await repository.publish(forms)
    async with database.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(drafts)) == 0
        assert await connection.scalar(select(func.count()).select_from(audit)) == 0
    snapshot = await repository.snapshot()
    assert (snapshot.counter, snapshot.versions) == (0, ())


NOTICE = [
    "关于调整提取政策的通知",
    "湛公积金〔2023〕5号",
    "各单位：购房可以提取，2022年1月1日起的合同都算。",
    "2023年3月1日",
]


def docx(*lines: str) -> bytes:
    paragraphs = "".join(f"<w:p><w:r><w:t>{line}</w:t></w:r></w:p>" for line in lines)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "word/document.xml",
            f'<?xml version="1.0"?><w:document xmlns:w="{DOCX}"><w:body>{paragraphs}</w:body></w:document>',
        )
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("通知.docx", docx(*NOTICE)),
        ("通知.txt", "\r\n".join(NOTICE).encode("gb18030")),
        ("通知.md", ("# " + "\n\n".join(NOTICE)).encode()),
        (
            "通知.html",
            f"<html><head><style>p{{}}</style></head><body>{''.join(f'<p>{line}</p>' for line in NOTICE)}"
            "<script>alert(1)</script></body></html>".encode(),
        ),
    ],
    ids=["docx", "txt", "md", "html"],
)
async def test_a_document_of_a_unit_becomes_a_draft_to_finish(
    life: Lifecycle, tmp_path: Path, name: str, data: bytes
) -> None:
    file = tmp_path / "upload"
    file.write_bytes(data)
    document = await read_document(Apart(), file, name)
    draft = await life.document_draft(UNIT, document)
    content = draft.content
    assert (content["question"], content["source_no"], content["source_date"]) == (NOTICE[0], NOTICE[1], "2023-03-01")
    assert (draft.unit, draft.origin, draft.status) == (UNIT.unit, "document", "draft")
    assert NOTICE[2] in content["answer"]
    assert "alert" not in content["answer"]
    assert {one.field for one in draft.problems} == {"speech"}


def blank_pdf() -> bytes:
    file = io.BytesIO()
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.exe", b"MZ", "只能上传"),
        ("a.docx", b"not a zip", "读不出来"),
        ("a.docx", docx("x").replace(b"word/document.xml", b"word/documenT.xml"), "读不出来"),
        ("a.pdf", b"%PDF-1.7 broken", "读不出来"),
        ("a.pdf", blank_pdf(), "多半是扫描件"),
        ("a.txt", b"\x00\x01", "读不出来"),
        ("a.txt", b" \n", "没有读到文字"),
        ("a.txt", "长".encode() * 100_001, "最多 100000 个字"),
    ],
)
async def test_a_document_that_cannot_be_read_is_refused(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(data)
    with pytest.raises(KnowledgeError, match=says):
        await read_document(Apart(), file, name)


async def test_a_document_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "LIMITS", replace(documents.LIMITS, seconds=0.0))
    file = tmp_path / "upload"
    file.write_bytes(b"text")
    with pytest.raises(KnowledgeError, match="太复杂"):
        await read_document(Apart(), file, "a.txt")
