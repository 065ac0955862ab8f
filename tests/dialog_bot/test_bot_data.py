"""The bot's training data, rules and directives, read as files."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.acts import load_cases
from dialog.bot_training import BOT
from dialog.rasa_client import ELEMENTS
from tickets.model import TicketType

LARGE = {"ask", "complain", "ask_help", "report", "inform"}
SAYS = {"greet", "thanks", "bye", "chitchat", "out_of_scope", "abuse", "anonymous", "wait"}
DOES = {
    "kb_lookup", "start_ticket", "confirm_ticket", "submit_ticket", "cancel_ticket", "change_element", "transfer",
    "progress", "repeat", "choose", "clarify", "emergency", "say",
}  # fmt: skip


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def examples_of() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in sorted((BOT / "data" / "nlu").glob("*.yml")):
        for item in read(file)["nlu"]:
            if "intent" in item:
                lines = [line.removeprefix("- ").strip() for line in item["examples"].splitlines()]
                found.setdefault(item["intent"], []).extend(re.sub(r"\[(.+?)\]\(\w+\)", r"\1", x) for x in lines)
    return found


EXAMPLES = examples_of()
DOMAIN = read(BOT / "domain.yml")
RULES = read(BOT / "data" / "rules.yml")["rules"]


def steps_of(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for given in rule["steps"] for step in given.get("or", [given])]


def test_every_act_has_examples_and_every_example_an_act() -> None:
    assert set(EXAMPLES) == set(DOMAIN["intents"])


@pytest.mark.parametrize("act", sorted(EXAMPLES))
def test_an_act_has_enough_examples(act: str) -> None:
    assert len(EXAMPLES[act]) >= (60 if act in LARGE else 25)


def test_no_example_stands_twice() -> None:
    counted = Counter(text for texts in EXAMPLES.values() for text in texts)
    assert not [text for text, times in counted.items() if times > 1]


def test_no_example_holds_a_number_that_could_be_somebodys() -> None:
    assert not [text for texts in EXAMPLES.values() for text in texts if re.search(r"\d{7,}", text)]


def test_the_measured_sentences_are_not_trained_on() -> None:
    trained = {text for texts in EXAMPLES.values() for text in texts}
    cases = load_cases()
    assert len(cases) >= 150
    assert not [case.text for case in cases if case.text in trained]
    assert {case.act for case in cases} == set(DOMAIN["intents"])


def test_every_response_is_one_known_directive() -> None:
    for name, variants in DOMAIN["responses"].items():
        (variant,) = variants
        directive = variant["custom"]
        if "ask" in directive:
            assert directive["ask"] in ELEMENTS, name
            continue
        assert directive["do"] in DOES, name
        if directive["do"] == "say":
            assert directive["key"] in SAYS, name
        if directive["do"] == "start_ticket":
            assert directive["type"] in {*TicketType}, name


def test_every_action_of_a_rule_is_there_and_every_response_is_used() -> None:
    used = {step["action"] for rule in RULES for step in rule["steps"] if "action" in step}
    answers = {name for name in used if name.startswith("utter_")}
    assert answers <= set(DOMAIN["responses"])
    assert set(DOMAIN["responses"]) - answers == {f"utter_ask_ticket_form_{element}" for element in ELEMENTS}


def test_every_act_has_a_rule_where_a_conversation_begins() -> None:
    begun = {
        step["intent"]
        for rule in RULES
        if "condition" not in rule or {"slot_was_set": [{"stage": "open"}]} in rule["condition"]
        for step in steps_of(rule)
        if "intent" in step
    }
    assert begun == {*DOMAIN["intents"], "nlu_fallback"}


def test_form_client_and_channel_name_the_same_elements() -> None:
    assert tuple(DOMAIN["forms"]["ticket_form"]["required_slots"]) == ELEMENTS
    channel = (BOT / "components" / "gateway_channel.py").read_text(encoding="utf-8")
    assert f"ELEMENTS: Final = {ELEMENTS!r}".replace("'", '"') in channel


def test_a_question_never_fills_the_form() -> None:
    for element in ELEMENTS:
        (mapping,) = DOMAIN["slots"][element]["mappings"]
        assert {"ask", "cancel", "person_please", "emergency"} <= set(mapping["not_intent"])
