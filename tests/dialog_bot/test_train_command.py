"""``./hotline train`` with its options, as typed, with real processes and a small program in Rasa's place."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
import typer
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from config.clock import SystemClock
from config.settings import Settings
from dialog import bot_training
from dialog.acts import BotActs
from dialog.live_model import read_live
from gateway.commands.train import train
from store.accounts import Accounts
from store.engine import Database
from store.vault import Vault
from tests.dialog_bot.test_candidates import FAKE

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ROLES = {"bian": "editor", "shen": "reviewer", "hua": "agent"}


class Shell:
    """An installation with an editor, a reviewer and an agent."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder)
        self._app = typer.Typer()
        self._app.command()(train)
        asyncio.run(self._make())

    async def _make(self) -> None:
        database = Database(self.settings.effective_database_url)
        await database.migrate()
        for account, role in ROLES.items():
            await Accounts(database, Vault(self.settings), SystemClock(), hasher=QUICK).create(account, "", role)
        await database.close()

    def train(self, *options: str) -> Result:
        return CliRunner().invoke(self._app, [*options, "--data", str(self.settings.data_dir)])

    def refused(self, *options: str) -> str:
        """What is said to a command that is refused, in words and as JSON."""
        done = self.train(*options)
        assert done.exit_code == 2, done.output
        told = self.train(*options, "--json")
        assert told.exit_code == 2
        assert json.loads(told.stdout)["error"]["message"] in done.stderr
        return done.stderr

    @property
    def live(self) -> str:
        found = read_live(self.settings)
        return found.model if found else ""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    program = tmp_path / "python"
    wanted = {case.text: case.act for case in BotActs().cases}
    program.write_text(FAKE.format(python=sys.executable, mode="works", acts=wanted), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(bot_training, "RASA_PYTHON", program)
    monkeypatch.setattr(bot_training, "SHARED_MODELS", tmp_path / "shared")
    return Shell(tmp_path / "data")


@pytest.fixture
def examples(tmp_path: Path) -> str:
    file = tmp_path / "examples.csv"
    file.write_text("text,label\n楼上天天半夜剁馅,complain\n", encoding="utf-8")
    return str(file)


def test_without_options_the_bots_own_model_is_trained_once(shell: Shell) -> None:
    first = json.loads(shell.train("--json").stdout)
    assert (first["already_there"], first["fingerprint"]) == (False, bot_training.fingerprint())
    assert json.loads(shell.train("--json").stdout)["already_there"] is True
    assert json.loads(shell.train("--json", "--force").stdout)["already_there"] is False
    assert "没有变化" in shell.train().stdout


def test_with_nothing_new_the_live_model_is_evaluated(shell: Shell) -> None:
    done = shell.train("--evaluate", "--by", "bian")
    assert done.exit_code == 0, done.output
    assert "没有新示例可训练，正在评估在线模型" in done.stderr
    assert f"在线模型 {bot_training.fingerprint()}" in done.stdout
    assert f"在线：评估集 {len(BotActs().cases)} 句，正确率 100.0%" in done.stdout
    assert "上线：请另一位" not in done.stdout
    told = json.loads(shell.train("--evaluate", "--by", "bian", "--json").stdout)
    assert (told["model"]["id"], told["model"]["status"]) == (bot_training.fingerprint(), "live")
    assert (told["report"]["candidate"], told["report"]["cross_validation"]) == (None, None)
    assert (told["report"]["live"]["accuracy"], told["report"]["changed"]) == (1.0, [])
    assert not list(shell.settings.data_dir.glob("evaluation-*"))


def test_from_a_file_of_examples_to_the_live_model_and_back(shell: Shell, examples: str) -> None:
    base = bot_training.fingerprint()
    told = json.loads(shell.train("--examples", examples, "--evaluate", "--by", "bian", "--json").stdout)
    candidate = told["model"]["id"]
    assert (told["added"], told["model"]["status"], told["model"]["examples"]) == (1, "candidate", 1)
    assert told["report"]["live"]["accuracy"] == 1.0 > told["report"]["candidate"]["accuracy"]
    again = shell.train("--evaluate", "--by", "shen")
    assert (again.exit_code, f"候选模型 {candidate}" in again.stdout) == (0, True), again.output
    assert "等待上线" in again.stderr
    assert "交叉验证（4 折）" in again.stdout
    assert "只有知识审核可以上线" in shell.refused("--promote", "--by", "bian")
    promoted = shell.train("--promote", "--by", "shen")
    assert (promoted.exit_code, shell.live) == (0, candidate), promoted.output
    assert "没有待上线的候选模型" in shell.refused("--promote", "--by", "shen")
    live = json.loads(shell.train("--evaluate", "--by", "bian", "--json").stdout)
    assert (live["model"]["id"], live["report"]["candidate"]) == (candidate, None)
    back = shell.train("--rollback", "--by", "shen")
    assert (back.exit_code, shell.live, f"已上线：{base}" in back.stdout) == (0, base, True), back.output


def test_what_cannot_be_done_says_what_to_do(shell: Shell, examples: str, tmp_path: Path) -> None:
    assert "--by" in shell.refused("--evaluate")
    assert "--by" in shell.refused("--evaluate", "--by", "nobody")
    assert "不能与其他步骤一起用" in shell.refused("--rollback", "--promote", "--by", "shen")
    assert "没有可以退回的模型" in shell.refused("--rollback", "--by", "shen")
    assert "没有待上线的候选模型" in shell.refused("--promote", "--by", "shen")
    assert "只有知识编辑与知识审核" in shell.refused("--evaluate", "--by", "hua")
    assert "文件打不开" in shell.refused("--examples", str(tmp_path / "none.csv"), "--by", "bian")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("text,label\n楼上太吵,complain\n打我电话13800000000,complain\n", encoding="utf-8")
    assert "第 3 行" in shell.refused("--examples", str(wrong), "--by", "bian")
    assert json.loads(shell.train("--examples", examples, "--by", "bian", "--json").stdout)["added"] == 1
