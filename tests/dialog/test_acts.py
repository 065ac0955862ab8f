"""The acts as people see them, and the evaluation set: large enough, of known acts, and never trained on."""

from collections import Counter

from dialog.acts import ACT_LABELS, BotActs
from knowledge.example_text import bare, problem

ACTS = BotActs()


def test_every_act_has_a_chinese_name_of_its_own() -> None:
    assert set(ACTS.labels) == set(ACT_LABELS)
    assert len(set(ACTS.labels.values())) == len(ACTS.labels)
    assert set(ACTS.own) == set(ACTS.labels)


def test_the_evaluation_set_covers_every_act() -> None:
    counted = Counter(case.act for case in ACTS.cases)
    assert set(counted) == set(ACTS.labels)
    assert min(counted.values()) >= 4
    assert sum(case.stage == "open" for case in ACTS.cases) >= 300
    assert [text for text, times in Counter(bare(case.text) for case in ACTS.cases).items() if times > 1] == []


def test_no_model_is_trained_on_what_it_is_measured_with() -> None:
    trained = {bare(text) for texts in ACTS.own.values() for text in texts}
    assert len(trained) > 1000
    assert sorted(trained & ACTS.evaluated) == []


def test_nobody_is_named_in_it() -> None:
    assert [case.text for case in ACTS.cases if problem(case.text)] == []
    assert [text for texts in ACTS.own.values() for text in texts if "1380" in text] == []
