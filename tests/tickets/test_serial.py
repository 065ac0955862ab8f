"""Elements as JSON and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.errors import TicketError
from tickets.model import Element, ElementName, ElementStatus, FiveElements, SetBy, Span
from tickets.serial import agent_elements, element_from_json, element_to_json, elements_from_json, elements_to_json

SPANS = st.builds(
    Span,
    turn_id=st.text("0123456789abcdef", min_size=1, max_size=32),
    start=st.integers(0, 400),
    end=st.integers(0, 400),
    text=st.text(max_size=20),
    audio_start_ms=st.none() | st.integers(0, 10**6),
    audio_end_ms=st.none() | st.integers(0, 10**6),
)


@given(
    name=st.sampled_from(ElementName),
    text=st.text(min_size=1, max_size=20),
    source=st.lists(SPANS, min_size=1, max_size=3),
    confidence=st.floats(0, 1),
    set_by=st.sampled_from(SetBy),
)
def test_an_element_survives_json(
    name: ElementName, text: str, source: list[Span], confidence: float, set_by: SetBy
) -> None:
    element = Element(name, {"text": text}, ElementStatus.FILLED, tuple(source), confidence, set_by)
    assert element_from_json(name, json.loads(json.dumps(element_to_json(element)))) == element


def test_the_five_survive_json(noise: FiveElements) -> None:
    assert elements_from_json(json.loads(json.dumps(elements_to_json(noise)))) == noise


def test_what_is_left_out_is_missing() -> None:
    assert elements_from_json({}) == FiveElements()


def test_an_agents_form_needs_no_source_and_leaves_the_rest_alone() -> None:
    found = agent_elements({"person": {"value": {"text": "我姓王"}, "status": "filled", "set_by": "bot"}})
    assert list(found) == [ElementName.PERSON]
    assert found[ElementName.PERSON].set_by is SetBy.AGENT


@pytest.mark.parametrize(
    "raw",
    [
        {"weather": {}},
        {"time": {"status": "perhaps"}},
        {"time": {"value": "昨天", "status": "filled"}},
        {"time": {"value": {"text": "昨天"}, "status": "filled"}},
        {"time": {"source": [{"where": "here"}]}},
        {"time": {"confidence": "很高"}},
    ],
)
def test_what_is_no_element_is_refused_in_chinese(raw: dict[str, object]) -> None:
    with pytest.raises(TicketError, match="要素"):
        elements_from_json(raw)
