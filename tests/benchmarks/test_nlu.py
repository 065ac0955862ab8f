"""What counts as business, and the figures of the frozen sets, on judgements made by hand."""

from benchmarks.nlu import NO_TOPIC, Judged, fields, rows
from dialog.nlu_report import report
from knowledge.contract import Verdict
from knowledge.entries import sample_entries


def judged(act: str, verdict: Verdict = Verdict.ABSTAIN, ms: float = 1.0) -> Judged:
    return Judged("wrong_number", "", act, 0.9, verdict, NO_TOPIC, ms)


def test_a_ticket_is_business_and_a_question_only_when_it_is_answered() -> None:
    assert judged("complain").gets_business
    assert judged("ask", Verdict.ANSWER).gets_business
    assert not judged("ask", Verdict.CHOOSE).gets_business
    assert judged("ask", Verdict.CHOOSE).as_business
    assert not judged("ask").gets_business
    for act in ("out_of_scope", "chitchat", "abuse", "nlu_fallback", "greet"):
        assert not judged(act, Verdict.ANSWER).as_business
        assert not judged(act, Verdict.ANSWER).gets_business


def test_the_figures_and_their_targets() -> None:
    outside = [judged("complain"), judged("ask", Verdict.CHOOSE), judged("ask"), judged("chitchat", ms=9.0)]
    known = [judged("ask"), judged("nlu_fallback")]
    found = report(["ask", "bye"], ["ask", "nlu_fallback"])
    figures = {row.metric: row for row in rows(found, found, known, outside)}
    values = {name: row.value for name, row in figures.items()}
    assert (values["acts_top1"], values["acts_macro_f1"], values["acts_not_understood"]) == (0.5, 0.5, 0.5)
    assert (values["outside_as_business"], values["outside_as_business_act"]) == (0.25, 0.75)
    assert (values["outside_as_ticket"], values["outside_offered_a_choice"]) == (0.25, 0.25)
    assert values["turn_worst"] == 9.0
    missed = {name for name, row in figures.items() if row.met is False}
    assert missed == {"acts_top1", "acts_macro_f1", "outside_as_business"}


def test_every_field_of_the_sample_base_has_its_file() -> None:
    assert {entry.field for entry in sample_entries()} == set(fields())
    assert len(set(fields().values())) == len(fields())
