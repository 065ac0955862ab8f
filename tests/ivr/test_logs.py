import json

import pytest
import structlog

from config.logs import set_up_logs


def test_a_line_is_json_and_holds_nothing_personal(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    try:
        set_up_logs()
        log = structlog.get_logger("ivr")
        try:
            number = "13800000001"
            raise ValueError(len(number))
        except ValueError:
            log.exception("call_failed", number=number, call="c1")
        written = capsys.readouterr().err
    finally:
        structlog.configure(**before)
    line = json.loads(written)
    assert (line["event"], line["call"], line["level"]) == ("call_failed", "c1", "error")
    assert "13800000001" not in written
    assert "ValueError" in written
