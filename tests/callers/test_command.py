"""``./hotline restrict`` and ``./hotline agent``, as an operator types them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from gateway.commands import agent, restrict

Run = Callable[..., tuple[int, str, str]]
ADD = ("restrict", "add", "13800138000", "--ground", "骚扰", "--evidence", "录音 0001", "--by", "boss")


@pytest.fixture
def run(settings: Settings, migrated: Path) -> Run:
    settings.data_dir.mkdir(parents=True)
    shutil.copy(migrated, settings.data_dir / "hotline.db")
    groups = {"restrict": restrict.app, "agent": agent.app}

    def invoke(group: str, *arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(groups[group], [*arguments, "--data", str(settings.data_dir)])
        return result.exit_code, result.stdout, result.stderr

    assert invoke("agent", "add", "boss", "--role", "office")[0] == 0
    return invoke


def test_the_first_password_is_shown_once(run: Run) -> None:
    code, out, _ = run("agent", "add", "8001", "--sip", "sip:8001@127.0.0.1:5070", "--role", "agent", "--json")
    made = json.loads(out)
    assert (code, made["id"], len(made["password"])) == (0, "8001", 14)
    code, out, _ = run("agent", "list", "--json")
    assert made["password"] not in out
    assert json.loads(out) == {
        "agents": [
            {"id": "8001", "role": "agent", "sip_uri": "sip:8001@127.0.0.1:5070", "unit": "", "active": True},
            {"id": "boss", "role": "office", "sip_uri": "", "unit": "", "active": True},
        ]
    }
    code, out, err = run("agent", "add", "8001", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "account_exists")
    assert "已存在" in err


def test_a_restriction_is_made_listed_and_lifted(run: Run) -> None:
    code, out, _ = run(*ADD, "--days", "7", "--json")
    made = json.loads(out)
    assert (code, made["number"], made["ground"], made["in_force"]) == (0, "138****8000", "harass", True)
    assert made["ends_at"].endswith("T00:00:00+08:00")
    assert [row["id"] for row in json.loads(run("restrict", "list", "--json")[1])["restrictions"]] == [made["id"]]
    assert "13800138000" not in run("restrict", "list")[1]
    code, out, _ = run("restrict", "lift", "13800138000", "--by", "boss", "--reason", "核查有误")
    assert (code, out.startswith("已解除限制：138****8000")) == (0, True)
    assert "已解除" in run("restrict", "list")[1]


def test_zhanjiangs_rules_have_run_out_and_the_office_is_told(run: Run, settings: Settings) -> None:
    assert "有效期至 2025-11-28" in run(*ADD)[2]
    renewals = "zhanjiang: [{document: 湛府办函〔2022〕116号, renewed_until: 2999-01-01}]"
    (settings.data_dir / "rulebook_renewals.yaml").write_text(renewals, encoding="utf-8")
    run("restrict", "lift", "13800138000", "--by", "boss", "--reason", "核查有误")
    assert run(*ADD)[2] == ""


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        (("--days", "31"), "bad_days", "不能是 31"),
        (("--by", "nobody"), "not_office", "热线办"),
        (("--city", "qionghai"), "restriction_off", "琼海营函〔2024〕100号 五"),
        (("--city", "haikou"), "basis_missing", "--basis"),
        (("--city", "haidong"), "basis_missing", "--basis"),
        (("--city", "atlantis"), "unknown_city", "zhanjiang"),
    ],
)
def test_what_is_refused_says_why(run: Run, changes: tuple[str, ...], code: str, told: str) -> None:
    exit_code, out, err = run(*ADD, *changes, "--json")
    error = json.loads(out)["error"]
    assert (exit_code, error["code"]) == (2, code)
    assert told in error["message"]
    assert error["message"] in err


def test_with_a_basis_haikou_may(run: Run) -> None:
    code, out, _ = run(*ADD, "--city", "haikou", "--basis", "某文 第三条", "--json")
    assert (code, json.loads(out)["basis"]) == (0, "某文 第三条")


def test_bad_settings_are_explained(run: Run, settings: Settings) -> None:
    (settings.data_dir / "settings.yaml").write_text("web_port: 很多\n", encoding="utf-8")
    code, out, err = run("restrict", "list", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "bad_settings")
    assert "web_port" in err
