"""Logs: one JSON object a line, without what could name a citizen."""

import json

import pytest
import structlog

from config.logs import set_up_logs, without_personal_data


def test_personal_values_do_not_reach_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        set_up_logs()
        structlog.get_logger("gateway").info("call_ended", number="13800000000", text="我姓王", call="c1")
    finally:
        structlog.configure(**before)
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "13800000000" not in line
    assert "我姓王" not in line
    assert json.loads(line)["call"] == "c1"


def test_what_is_not_personal_stays() -> None:
    event = {"event": "call_ended", "ms": 5}
    assert without_personal_data(None, "", event) == event
