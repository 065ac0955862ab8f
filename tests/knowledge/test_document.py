"""PDF documents in Chinese: read through their font's map, with title, number and date; a scan is told to be one."""

from datetime import date
from pathlib import Path

import pytest

from knowledge.apart import Apart
from knowledge.contract import KnowledgeError
from knowledge.document import document_of, read_document

from .made_pdf import scanned, written

NOTICE = (
    "关于调整提取政策的通知",
    "湛公积金〔2023〕5号",
    "各单位：购房可以提取，龙华区2022年1月1日起的合同都算。",
    "2023年3月1日",
)


@pytest.mark.parametrize(
    "looks_like",
    [{}, {"金": "\u2fa6", "月": "\u2f49", "日": "\u2f47", "龙": "\u2ef0"}],
    ids=["plain", "radicals"],
)
async def test_a_pdf_in_a_font_of_its_own_is_read(tmp_path: Path, looks_like: dict[str, str]) -> None:
    data = written(NOTICE, looks_like)
    assert NOTICE[0].encode() not in data
    assert NOTICE[0].encode("utf-16-be") not in data
    file = tmp_path / "upload"
    file.write_bytes(data)
    document = await read_document(Apart(), file, "通知.pdf")
    assert document == document_of("\n".join(NOTICE), "通知.pdf")
    assert (document.title, document.number, document.date) == (NOTICE[0], NOTICE[1], date(2023, 3, 1))


async def test_a_scanned_pdf_is_told_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "upload"
    file.write_bytes(scanned())
    with pytest.raises(KnowledgeError, match="多半是扫描件：请上传有文字的原件") as caught:
        await read_document(Apart(), file, "通知.pdf")
    assert caught.value.code == "invalid"
