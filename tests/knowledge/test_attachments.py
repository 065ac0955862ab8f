"""Files of entries on both databases: kept once by content, told by content and not by name, gone when gone."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.clock import ManualClock
from config.settings import Settings
from knowledge.attachments import Attachments, media_of
from knowledge.contract import Attachment, KnowledgeError
from store.engine import Database
from store.schema import attachments, audit

PDF = b"%PDF-1.7\n1 0 obj\n"


@pytest.fixture
def kept(each_database: Database, settings: Settings, clock: ManualClock) -> Attachments:
    found = Attachments(each_database, clock, settings.data_dir / "attachments")
    found.incoming.mkdir(parents=True)
    return found


async def taken(kept: Attachments, content: bytes, name: str, by: str = "anna") -> Attachment:
    upload = kept.incoming / "upload"
    upload.write_bytes(content)
    return await kept.take(upload, name, len(content), hashlib.sha256(content).hexdigest(), by)


async def test_the_same_content_is_kept_once_under_each_name(kept: Attachments, each_database: Database) -> None:
    first = await taken(kept, PDF, "申请表.pdf")
    second = await taken(kept, PDF, "另一个名字.pdf", "bao")
    assert first.id != second.id
    found = [await kept.find(one.id) for one in (first, second)]
    assert [(one.attachment.name, one.by) for one in found] == [("申请表.pdf", "anna"), ("另一个名字.pdf", "bao")]
    assert found[0].path == found[1].path
    assert found[0].path.read_bytes() == PDF
    assert (first.bytes, first.media) == (len(PDF), "application/pdf")
    async with each_database.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(attachments)) == 2
        assert await connection.scalar(select(func.count()).select_from(audit)) == 2


async def test_what_is_not_there_says_so(kept: Attachments) -> None:
    file = await taken(kept, PDF, "申请表.pdf")
    (await kept.find(file.id)).path.unlink()
    for id in (file.id, "none"):
        with pytest.raises(KnowledgeError) as caught:
            await kept.find(id)
        assert caught.value.code == "not_found"


async def test_a_refused_file_leaves_nothing(kept: Attachments, each_database: Database) -> None:
    with pytest.raises(KnowledgeError, match="只能上传"):
        await taken(kept, b"MZ\x00\x01", "申请表.pdf")
    with pytest.raises(KnowledgeError, match="内容与扩展名不符"):
        await taken(kept, PDF, "申请表.txt")
    async with each_database.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(attachments)) == 0
    assert [one.name for one in kept.incoming.parent.iterdir()] == ["incoming"]


def office(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "media"),
    [
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a.jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.docx", office("[Content_Types].xml", "word/document.xml"), "wordprocessingml.document"),
        ("a.xlsx", office("[Content_Types].xml", "xl/workbook.xml"), "spreadsheetml.sheet"),
        ("a.txt", "办理指南".encode("gb18030"), "text/plain"),
        ("a.docx", office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), ""),
        ("a.html", b"<script>alert(1)</script>", ""),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
        ("a.zip", office("a"), ""),
    ],
)
def test_kinds_are_told_by_content(tmp_path: Path, name: str, content: bytes, media: str) -> None:
    file = tmp_path / "upload"
    file.write_bytes(content)
    if media:
        assert media in media_of(file, name)
    else:
        with pytest.raises(KnowledgeError):
            media_of(file, name)
