import codecs
from datetime import date
from pathlib import Path

import pytest

from knowledge import importer
from knowledge.importer import ImportRefused, parse_csv, read_csv

TODAY = date(2026, 1, 5)
HEADER = "id,question,similar,answer,speech,unit"
ROW = 'A-1,怎么办证,办证|证怎么办| ,"先预约，\n再到窗口。",请先预约。,市政务局'


def refused(text: str) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        parse_csv(text, TODAY)
    return caught.value


def test_a_row_becomes_an_entry() -> None:
    (form,) = parse_csv(f"{HEADER}\n{ROW}\n", TODAY)
    assert form.similar == ("办证", "证怎么办")
    assert form.answer == "先预约，\n再到窗口。"
    assert (form.field, form.source, form.effective_at, form.sample) == ("其他", "", TODAY, False)


def test_optional_columns_may_be_there_or_empty_and_in_any_order() -> None:
    header = "effective_at,id,question,similar,answer,speech,unit,field,source"
    first, second = parse_csv(f"{header}\n2025/3/7,{ROW},劳动,某办法\n,{ROW.replace('A-1', 'A-2')},,\n", TODAY)
    assert (first.effective_at, first.field, first.source) == (date(2025, 3, 7), "劳动", "某办法")
    assert (second.effective_at, second.field) == (TODAY, "其他")


@pytest.mark.parametrize(
    ("prefix", "encoding"), [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (b"", "gb18030")], ids=["utf8", "bom", "gb"]
)
def test_encodings_that_spreadsheets_write(tmp_path: Path, prefix: bytes, encoding: str) -> None:
    file = tmp_path / "kb.csv"
    file.write_bytes(prefix + f"{HEADER}\r\n{ROW}\r\n".encode(encoding))
    (form,) = read_csv(file, TODAY)
    assert form.question == "怎么办证"


def test_every_row_is_checked_and_named_by_its_line() -> None:
    text = "\n".join(
        [
            HEADER,
            ROW,
            "A-1,怎么换证,换证,到窗口。,到窗口。,市政务局",
            "A-2,怎么换证,换证,到窗口。,,市政务局",
            f"A-3,怎么换证,换证,到窗口。,{'字' * 90},市政务局",
            "A-4,怎么换证,换证",
            "",
            "坏编号,怎么换证,换证,到窗口。,到窗口。,",
        ]
    )
    errors = refused(text).errors
    assert [(error.line, error.id) for error in errors] == [
        (4, "A-1"),
        (5, "A-2"),
        (6, "A-3"),
        (7, ""),
        (9, "坏编号"),
        (9, "坏编号"),
    ]
    messages = [str(error) for error in errors]
    assert "与第 2 行重复" in messages[0]
    assert messages[1].startswith("第 5 行（A-2）：语音答案（speech）为空")
    assert "有 90 个字，最多 80 个字" in messages[2]
    assert "有 3 列，表头有 6 列" in messages[3]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "缺少列：id、question、similar、answer、speech、unit"),
        ("id,question\n", "缺少列：similar、answer、speech、unit"),
        (f"{HEADER},价格\n", "不认识的列：价格"),
        (f"{HEADER},unit\n", "重复的列：unit"),
        (f"{HEADER}\n", "只有表头，没有条目"),
        (f'{HEADER}\nA-1,"没有关的引号,办,办,办,局\n', "引号没有配对"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_with_what_to_do(text: str, says: str) -> None:
    assert says in refused(text).message


def test_a_spreadsheet_is_not_a_csv(tmp_path: Path) -> None:
    file = tmp_path / "kb.xlsx"
    file.write_bytes(b"PK\x03\x04\x00\x00\x00\x00")
    with pytest.raises(ImportRefused, match="另存为 CSV UTF-8"):
        read_csv(file, TODAY)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="文件打不开"):
        read_csv(tmp_path / "none.csv", TODAY)


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kb.csv"
    file.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('A-1', 'A-2')}\n", encoding="utf-8")
    monkeypatch.setattr(importer, "MAX_ROWS", 1)
    with pytest.raises(ImportRefused, match="一次最多 1 条"):
        read_csv(file, TODAY)
    monkeypatch.setattr(importer, "MAX_BYTES", 10)
    with pytest.raises(ImportRefused, match="请分成几个文件导入"):
        read_csv(file, TODAY)


def test_only_the_first_errors_are_printed_but_all_are_counted() -> None:
    rows = "\n".join(f"A-{number},,,," for number in range(60))
    error = refused(f"{HEADER}\n{rows}\n")
    assert len(error.errors) == 60
    assert "另有 10 处" in error.message
