"""The real thing, small: Rasa trains a candidate from few examples and takes over while forms are being filled in."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import train as bench
from config.settings import Settings
from dialog import bot_training
from gateway.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KEPT = 14
"""Examples of each act: training takes seconds instead of a minute, and a complaint still ends in a ticket."""


@pytest.fixture
def small_bot(rasa_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot with few of its examples, in the place of the whole one."""
    bot = tmp_path / "bot"
    shutil.copytree(bot_training.BOT, bot, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (bot / "data" / "nlu").glob("*.yml"):
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        for block in data["nlu"]:
            if "intent" in block:
                lines = [line for line in block["examples"].splitlines() if line]
                spread = lines[:: max(1, len(lines) // KEPT)]
                marked = [line for line in lines if re.search(r"\]\(", line) and line not in spread]
                block["examples"] = "".join(f"{line}\n" for line in [*spread, *marked, *_told(block["intent"])])
        file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10_000), encoding="utf-8")
    monkeypatch.setattr(bot_training, "BOT", bot)
    monkeypatch.setattr(bot_training, "SHARED_MODELS", tmp_path / "shared")


def _told(act: str) -> list[str]:
    """So small a bot knows at least the complaint that is told here."""
    opening, *answers, yes = bench.COMPLAINT
    return {
        "complain": [f"- {opening}"],
        "inform": [f"- {answer}" for answer in answers],
        "affirm": [f"- {yes}"],
    }.get(act, [])


async def test_a_candidate_takes_over_in_mid_form_and_back_again(small_bot: None, tmp_path: Path) -> None:
    given: dict[str, Any] = {"data_dir": tmp_path / "data", **free_ports()}
    settings = Settings(**given)
    bot_training.train_if_needed(settings, lambda _: None)
    rows = await bench.measure(settings)
    values = bench.values(rows)
    assert values["swap: turns lost"] == values["roll back: turns lost"] == 0
    assert values["swap: forms begun before and ended after"] >= 1
    assert values["roll back: forms begun before and ended after"] >= 1
    assert values["swap: turns sent"] > 50
    assert not list((settings.data_dir / "training").glob("*/bot"))
