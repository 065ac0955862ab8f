"""The knowledge base as its pages see it: who comes in, who may do what, lists, limits, files."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import date

import pytest

from knowledge.entries import EntryForm
from knowledge.repository import Repository
from tests.gateway.conftest import House
from tests.gateway.kb_page import UNIT, KnowledgePage, file_of

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"


def form(id: str, question: str, **changes: object) -> EntryForm:
    values: dict[str, object] = {
        "id": id,
        "question": question,
        "similar": ("怎么提公积金",),
        "answer": f"{question}：请带身份证到窗口。",
        "speech": "请带身份证到窗口。",
        "unit": UNIT,
        "field": "公积金",
        "source": "公开办事常识（样例）",
        "effective_at": date(2020, 1, 1),
    }
    return EntryForm.model_validate(values | changes)


@pytest.fixture
async def base(house: House) -> AsyncIterator[House]:
    """A house with three entries of two units."""
    await Repository(house.database, house.clock).publish(
        [
            form("gjj-1", "公积金怎么提取"),
            form("gjj-2", "公积金贷款额度", effective_at=date(2024, 1, 1)),
            form("sb-1", "社保卡怎么补办", unit="市社保局", field="社保", similar=("社保卡丢了",)),
        ],
        "tests",
    )
    yield house


async def test_login_tells_who_and_what_may_be_done(house: House) -> None:
    editor = await KnowledgePage.login(house, "bian", "editor")
    assert editor.me["account"] == {
        "id": "bian",
        "name": "",
        "role": "editor",
        "role_label": "知识编辑",
        "unit": "",
    }
    assert editor.me["can"] == ["edit", "train", "label", "import", "gaps", "dispute", "scripts"]
    assert await editor.do("GET", "/me") == editor.me
    assert (await KnowledgePage.login(house, "shen", "reviewer")).me["can"] == [
        "edit",
        "review",
        "train",
        "promote",
        "label",
        "import",
        "gaps",
        "dispute",
        "scripts",
    ]
    unit = await KnowledgePage.login(house, "danwei", "unit")
    assert (unit.me["account"]["unit"], unit.me["can"]) == (UNIT, ["edit"])
    assert (await KnowledgePage.login(house, "hua", "agent")).me["can"] == ["dispute"]
    assert (await KnowledgePage.login(house, "ban", "office")).me["can"] == []
    await editor.do("POST", "/logout")
    assert (await editor.ask("GET", "/me"))[0] == 401


async def test_an_operator_does_not_come_in_and_an_editor_not_to_the_desk(house: House) -> None:
    with pytest.raises(AssertionError, match="不能进入知识库"):
        await KnowledgePage.login(house, "yun", "operator")
    editor = await KnowledgePage.login(house, "bian", "editor")
    answer = await editor.client.get("/api/desk/me")
    assert (answer.status, (await answer.json())["error"]["code"]) == (403, "forbidden")


async def test_who_logs_out_here_is_off_the_desk_too(house: House) -> None:
    agent = await KnowledgePage.login(house, "8001", "agent")
    headers = {"X-CSRF-Token": agent.me["csrf"]}
    answer = await agent.client.put("/api/desk/presence", json={"state": "ready"}, headers=headers)
    assert answer.status == 200
    await agent.do("POST", "/logout")
    assert [one.id for one in house.gateway.presence.ready()] == []
    assert (await agent.client.get("/api/desk/me")).status == 401


async def test_guessing_a_password_is_stopped_and_counts_with_the_desks_tries(house: House) -> None:
    await house.account("bian", "editor", sip="")
    client = await house.visitor()
    for path, name in (("desk", "agent"), ("kb", "account"), ("kb", "account"), ("desk", "agent"), ("kb", "account")):
        answer = await client.post(f"/api/{path}/login", json={name: "bian", "password": "guess"})
        assert answer.status == 401
    answer = await client.post("/api/kb/login", json={"account": "bian", "password": "guess"})
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_writing_request_needs_the_csrf_token(house: House) -> None:
    editor = await KnowledgePage.login(house, "bian", "editor")
    answer = await editor.client.post("/api/kb/speech", json={"text": "您好"})
    assert (answer.status, (await answer.json())["error"]["code"]) == (403, "csrf")


async def test_the_list_filters_counts_and_pages(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    found = await editor.do("GET", "/entries?size=2")
    assert (found["total"], found["page"], found["size"], len(found["entries"])) == (3, 1, 2, 2)
    assert found["facets"]["field"] == [{"value": "公积金", "count": 2}, {"value": "社保", "count": 1}]
    assert [one["id"] for one in (await editor.do("GET", "/entries?size=2&page=2"))["entries"]] == ["sb-1"]
    waiting = await editor.do("GET", "/entries?status=embargoed")
    assert [(one["id"], one["status_label"]) for one in waiting["entries"]] == [("gjj-2", "未到期")]
    by_other_words = await editor.do("GET", "/entries?q=社保卡丢了")
    assert [one["id"] for one in by_other_words["entries"]] == ["sb-1"]
    assert (await editor.do("GET", "/entries?q=100%25"))["total"] == 0
    assert (await editor.do("GET", "/entries?field=社保&q=公积金"))["total"] == 0
    assert "没有这种状态" in (await editor.do("GET", "/entries?status=x", status=400))["error"]["message"]
    assert "数字" in (await editor.do("GET", "/entries?page=-1", status=400))["error"]["message"]


async def test_one_entry_with_its_history(base: House) -> None:
    await Repository(base.database, base.clock).publish([form("gjj-1", "公积金怎样提取")], "tests")
    agent = await KnowledgePage.login(base, "hua", "agent")
    found = await agent.do("GET", "/entries/gjj-1")
    assert (found["entry"]["question"], found["entry"]["status"]) == ("公积金怎样提取", "in_force")
    assert [one["version"] for one in found["versions"]] == [2, 1]
    assert (found["draft"], found["disputes"], found["answers_30d"]) == (None, [], 0)
    assert found["entry"]["similar"] == ["怎么提公积金"]
    await agent.do("GET", "/entries/none", status=404)
    await agent.do("GET", "/entries/%2e%2e%2fetc", status=404)


async def test_a_unit_sees_its_own_entries_alone(base: House) -> None:
    unit = await KnowledgePage.login(base, "danwei", "unit", unit="市社保局")
    found = await unit.do("GET", "/entries")
    assert [one["id"] for one in found["entries"]] == ["sb-1"]
    assert found["facets"]["unit"] == [{"value": "市社保局", "count": 1}]
    assert (await unit.do("GET", f"/entries?unit={UNIT}"))["total"] == 0
    await unit.do("GET", "/entries/gjj-1", status=404)


async def test_attachments_are_told_by_their_content_and_given_as_downloads(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    taken = await editor.do("POST", "/attachments", status=201, data=file_of(PDF, "../../办事\u202e指南.pdf"))
    assert (taken["name"], taken["bytes"], taken["media"]) == ("办事指南.pdf", len(PDF), "application/pdf")
    answer = await editor.client.get(f"/api/kb/attachments/{taken['id']}")
    assert await answer.read() == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    kept = {file.name for file in (base.settings.data_dir / "attachments").iterdir()}
    assert len(kept) == 2
    assert list((base.settings.data_dir / "attachments" / "incoming").iterdir()) == []


def office(*parts: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as document:
        for part in ("[Content_Types].xml", *parts):
            document.writestr(part, "<x/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "media"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "图.png", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "图.JPG", "image/jpeg"),
        ("办理流程".encode("gb18030"), "说明.txt", "text/plain"),
        (office("xl/workbook.xml"), "表.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (b"<script>alert(1)</script>", "x.html", None),
        (PDF, "x.png", None),
        (b"MZ\x90\0\x03", "x.txt", None),
        (office("word/document.xml", "word/vbaProject.bin"), "x.docx", None),
        (b"", "x.pdf", None),
    ],
)
async def test_only_a_short_list_of_kinds_is_taken(base: House, content: bytes, name: str, media: str | None) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    status, found = await editor.ask("POST", "/attachments", data=file_of(content, name))
    assert (found["media"] if status == 201 else None) == media
    if media is None:
        assert status in (400, 422)
        assert "请" in found["error"]["message"]


async def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")

    async def endless() -> AsyncIterator[bytes]:
        yield PDF
        for _ in range(11):
            yield b"x" * (1024 * 1024)

    for content in (io.BytesIO(PDF + b"x" * (10 * 1024 * 1024)), endless()):
        status, found = await editor.ask("POST", "/attachments", data=file_of(content, "大.pdf"))
        assert (status, found["error"]["code"]) == (413, "too_large")
    assert not list((base.settings.data_dir / "attachments").rglob("upload-*"))


async def test_another_units_attachment_is_not_given(base: House) -> None:
    first = await KnowledgePage.login(base, "u1", "unit", unit="市社保局")
    other = await KnowledgePage.login(base, "u2", "unit", unit=UNIT)
    taken = await first.do("POST", "/attachments", status=201, data=file_of(PDF, "a.pdf"))
    assert (await first.ask("GET", f"/attachments/{taken['id']}"))[0] == 200
    assert (await other.ask("GET", f"/attachments/{taken['id']}"))[0] == 404


async def test_speech_is_a_wav_of_limited_length(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    sound = await editor.do("POST", "/speech", {"text": "请带身份证到窗口办理。"})
    assert (sound[:4], sound[8:12]) == (b"RIFF", b"WAVE")
    assert len(sound) > 16_000
    found = await editor.do("POST", "/speech", {"text": "好" * 301}, status=400)
    assert "300" in found["error"]["message"]


async def test_what_is_no_json_object_or_too_large_is_refused(base: House) -> None:
    editor = await KnowledgePage.login(base, "bian", "editor")
    for body, status in (("[]", 400), ("{", 400), ("[" * 100_000, 400), ('{"text":"' + "好" * 100_000 + '"}', 413)):
        found, document = await editor.ask("POST", "/speech", data=body.encode())
        assert (found, "error" in document) == (status, True)
