"""``./hotline kb import|export|drafts`` as they are typed."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.clock import SystemClock
from config.settings import Settings
from gateway.commands.kb import app
from knowledge.entries import sample_entries
from store.accounts import Accounts
from store.engine import Database
from store.vault import Vault


@pytest.fixture
def data(tmp_path: Path) -> str:
    """The data folder of an installation with an editor."""
    folder = tmp_path / "data"

    async def make() -> None:
        settings = Settings(data_dir=folder)
        database = Database(settings.effective_database_url)
        await database.migrate()
        await Accounts(database, Vault(settings), SystemClock()).create("anna", "", "editor")
        await database.close()

    asyncio.run(make())
    return str(folder)


def hotline(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize("format", ["csv", "xlsx", "json"])
def test_what_is_exported_is_imported_unchanged(data: str, tmp_path: Path, format: str) -> None:
    file = tmp_path / f"kb.{format}"
    samples = len(sample_entries())
    told = json.loads(hotline("export", str(file), "--json", "--data", data).stdout)
    assert told["entries"] == samples
    own = json.loads(hotline("import", str(file), "--json", "--data", data).stdout)
    assert (own["added"], len(own["changed"])) == ([], samples), "samples become entries of one's own"
    again = json.loads(hotline("import", str(file), "--json", "--data", data).stdout)
    assert (again["changed"], len(again["unchanged"])) == ([], samples)


def test_drafts_wait_for_a_second_person(data: str, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    row = "X-1,飞艇怎么上牌,,到窗口办理。,请到窗口办理。,市交通局\n"
    file.write_text("id,question,similar,answer,speech,unit\n" + row, encoding="utf-8")
    assert "--by" in hotline("import", str(file), "--draft", "--data", data).stderr
    made = json.loads(hotline("import", str(file), "--draft", "--by", "anna", "--json", "--data", data).stdout)
    (waiting,) = json.loads(hotline("drafts", "--by", "anna", "--json", "--data", data).stdout)["drafts"]
    assert ([waiting["id"]], waiting["status"], waiting["entry_id"]) == (made["drafts"], "in_review", "X-1")
    assert hotline("show", "X-1", "--data", data).exit_code == 2
    again = hotline("import", str(file), "--draft", "--by", "anna", "--json", "--data", data)
    assert (again.exit_code, json.loads(again.stdout)["rows"][0]["id"]) == (2, "X-1")


def test_publishing_directly_says_that_nobody_reviewed_it(data: str, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    row = "X-1,飞艇怎么上牌,,到窗口办理。,请到窗口办理。,市交通局\n"
    file.write_text("id,question,similar,answer,speech,unit\n" + row, encoding="utf-8")
    assert "没有经过第二人审核" in hotline("import", str(file), "--data", data).stdout


def test_a_format_that_we_do_not_write_is_refused(data: str, tmp_path: Path) -> None:
    assert ".xlsx" in hotline("export", str(tmp_path / "kb.doc"), "--data", data).stderr
