"""Whole files over HTTP: tried first, then one batch of drafts in review or nothing; out again as they came in."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from knowledge import importer_apart, intake
from knowledge.exporter import export
from knowledge.intake import Plan, _plan
from knowledge.repository import Repository
from tests.gateway.conftest import House
from tests.gateway.kb_page import KnowledgePage, file_of
from tests.gateway.test_kb_over_http import form

HEADER = "id,question,similar,answer,speech,unit\n"
GOOD = HEADER + "a-1,户口怎么迁移,怎么迁户口,带户口本到派出所。,带户口本到派出所。,市公安局\n"


@pytest.fixture
async def editor(house: House) -> AsyncIterator[KnowledgePage]:
    await Repository(house.database, house.clock).publish([form("gjj-1", "公积金怎么提取")], "tests")
    yield await KnowledgePage.login(house, "bian", "editor")


async def test_an_import_is_tried_first_and_then_makes_drafts_in_review(editor: KnowledgePage) -> None:
    rows = (GOOD + "a-2,公积金怎么提取,,带身份证。,带身份证。,市公积金中心\n").encode()
    tried = await editor.do("POST", "/import?dry=1", data=file_of(rows, "批量.csv"))
    assert (tried["rows"], tried["added"], tried["changed"], tried["unchanged"], tried["errors"]) == (2, 2, 0, 0, [])
    assert tried["duplicates"] == [{"line": 3, "id": "a-2", "likeness": 1.0, "with": "gjj-1"}]
    assert (await editor.do("GET", "/drafts"))["drafts"] == []
    made = await editor.do("POST", "/import", data=file_of(rows, "批量.csv"), status=201)
    waiting = (await editor.do("GET", "/reviews"))["drafts"]
    assert {one["id"] for one in waiting} == set(made["drafts"])
    assert {one["origin"] for one in waiting} == {"import"}
    assert (await editor.do("GET", "/entries?q=户口"))["total"] == 0
    again = await editor.do("POST", "/import", data=file_of(rows, "批量.csv"), status=422)
    assert [one["line"] for one in again["errors"]] == [2, 3]


async def test_a_wrong_row_is_named_and_nothing_is_taken(editor: KnowledgePage) -> None:
    rows = (GOOD + "a-2,坏,,答案,见 www.example.cn,市公安局\n").encode()
    tried = await editor.do("POST", "/import?dry=1", data=file_of(rows, "批量.csv"))
    assert {(one["line"], one["id"]) for one in tried["errors"]} == {(3, "a-2")}
    refused = await editor.do("POST", "/import", data=file_of(rows, "批量.csv"), status=422)
    assert refused["errors"]
    assert (await editor.do("GET", "/drafts"))["drafts"] == []
    for content, name in ((b"\0\1", "x.csv"), (b"x", "x.exe"), (b"PK\3\4", "x.xlsx"), (b"{", "x.json")):
        told = await editor.do("POST", "/import?dry=1", data=file_of(content, name), status=422)
        assert told["error"]["message"]


async def test_what_goes_out_comes_in_again_as_it_was(editor: KnowledgePage) -> None:
    for format in ("csv", "xlsx", "json"):
        file = await editor.client.get(f"/api/kb/export?format={format}")
        assert file.status == 200
        assert file.headers["Content-Disposition"].startswith("attachment;")
        content = await file.read()
        tried = await editor.do("POST", "/import?dry=1", data=file_of(content, f"x.{format}"))
        assert (tried["rows"], tried["unchanged"], tried["errors"]) == (1, 1, []), format
    assert json.loads(content)["entries"][0]["id"] == "gjj-1"
    assert (await editor.ask("GET", "/export?format=exe"))[0] == 400


def bomb(megabytes: int) -> bytes:
    """A real spreadsheet whose first answer is followed by spaces: small until it is unpacked."""
    whole = io.BytesIO(export([form("b-1", "怎么办证").entry(1)], "xlsx"))
    out = io.BytesIO()
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            if "怎么办证".encode() in part:
                part = part.replace("怎么办证".encode(), "怎么办证".encode() + b" " * megabytes * 1024**2, 1)
            target.writestr(name, part)
    return out.getvalue()


async def test_a_spreadsheet_that_fills_the_memory_is_refused_and_nothing_is_taken(
    editor: KnowledgePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer_apart, "LIMITS", replace(importer_apart.LIMITS, memory_mb=320))
    content = bomb(150)
    assert len(content) < 1024**2
    for dry in ("?dry=1", ""):
        told = await editor.do("POST", f"/import{dry}", data=file_of(content, "x.xlsx"), status=422)
        assert told["error"]["code"] == "file_too_big"
        assert "内存超过上限，一条也没有导入" in told["error"]["message"]
    assert (await editor.do("GET", "/drafts"))["drafts"] == []
    rows = (GOOD + "a-2,身份证怎么补办,,带户口本。,带户口本。,市公安局\n").encode()
    assert len((await editor.do("POST", "/import", data=file_of(rows, "x.csv"), status=201))["drafts"]) == 2


async def test_a_draft_begun_while_a_file_is_being_compared_refuses_the_whole_file(
    editor: KnowledgePage, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*planned: Any) -> Plan:
        found = _plan(*planned)
        content = {"id": "a-1", "question": "抢先的草稿"}
        asyncio.run_coroutine_threadsafe(editor.do("POST", "/drafts", {"content": content}, status=201), loop).result(9)
        return found

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(intake, "_plan", begun)
    rows = (HEADER + "a-2,身份证怎么补办,,带户口本。,带户口本。,市公安局\n" + GOOD.removeprefix(HEADER)).encode()
    told = await editor.do("POST", "/import", data=file_of(rows, "x.csv"), status=422)
    assert "刚刚有人为其中的条目建了草稿" in told["error"]["message"]
    assert [one["content"]["question"] for one in (await editor.do("GET", "/drafts"))["drafts"]] == ["抢先的草稿"]
