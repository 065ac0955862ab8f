import json
import re

import pytest
from pydantic import ValidationError

from ivr.protocol import Say, SpeechFinal, gateway_frame, node_frame
from ivr.protocol_schema import FILE, document


def test_the_document_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "请运行 python -m ivr.protocol_schema"


def test_every_schema_in_it_is_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", document(), re.DOTALL)
    assert len(blocks) >= 26
    assert all("type" in json.loads(block)["properties"] for block in blocks)


def test_frames_survive_the_wire() -> None:
    final = SpeechFinal(
        call="c", seq=3, text="你好", confidence=0.5, start_ms=0, end_ms=900, endpoint_ms=1800, recogniser="demo"
    )
    assert node_frame.validate_json(final.model_dump_json()) == final
    say = Say(call="c", id="1", text="您好")
    assert gateway_frame.validate_json(say.model_dump_json()) == say


@pytest.mark.parametrize("raw", ['{"type": "nonsense"}', '{"type": "say", "call": "c", "id": "1", "loud": true}', "[]"])
def test_what_is_not_in_the_protocol_is_refused(raw: str) -> None:
    with pytest.raises(ValidationError):
        gateway_frame.validate_json(raw)
