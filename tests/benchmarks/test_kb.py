"""The knowledge benchmark's figures on outcomes that are counted by hand, and what it says when it cannot measure."""

import json
import random
import re
from pathlib import Path

import pytest

from benchmarks import kb, kb_pairs, kb_size
from benchmarks.kb_publish import Round
from benchmarks.kb_publish import figures as publish_figures
from benchmarks.kb_sample import SEEDS, Outcome, Question, figures, measured, questions
from benchmarks.recognition_errors import HARDER_RATES
from benchmarks.report import Row
from config.settings import ROOT, Settings
from knowledge.contract import Verdict
from tests.benchmarks.test_frozen_sets import load, runs

ANSWER, CHOOSE, ABSTAIN = Verdict.ANSWER, Verdict.CHOOSE, Verdict.ABSTAIN


def outcome(entry: str | None, verdict: Verdict, *order: str, named: int = 3) -> Outcome:
    return Outcome(Question("身份证怎么补", entry), "身份证怎么补", verdict, order[:named], order)


def values(rows: list[Row]) -> dict[str, float]:
    return {row.metric: row.value for row in rows}


def test_the_frozen_questions() -> None:
    found = questions()
    assert sum(one.entry is not None for one in found) == 400
    assert sum(one.entry is None for one in found) == 200


def test_each_share_counts_what_it_says() -> None:
    outcomes = [
        outcome("A", ANSWER, "A", "B", "C"),
        outcome("A", ANSWER, "B", "A", "C"),
        outcome("A", CHOOSE, "B", "C", "A"),
        outcome("A", CHOOSE, "B", "A", "C", named=1),
        outcome("A", ABSTAIN, "A"),
        outcome("A", ABSTAIN, "B", "C", "D", "A"),
        outcome(None, ANSWER, "A"),
        outcome(None, CHOOSE, "A", "B"),
        outcome(None, ABSTAIN),
        outcome(None, ABSTAIN, "A"),
    ]
    rows = figures("clean", [outcomes], with_targets=True)
    found = values(rows)
    assert found["clean questions"] == 10
    assert found["clean hit@1"] == pytest.approx(2 / 6, abs=1e-4)
    assert found["clean hit@3"] == pytest.approx(5 / 6, abs=1e-4)
    assert found["clean wrong of all asked"] == pytest.approx(2 / 10)
    assert (found["clean wrong, answerable"], found["clean wrong, unanswerable"]) == (1, 1)
    assert found["clean wrong 95% low"] == pytest.approx(0.0567, abs=1e-3)
    assert found["clean wrong 95% high"] == pytest.approx(0.5098, abs=1e-3)
    assert found["clean coverage"] == pytest.approx(2 / 6, abs=1e-4)
    assert found["clean answered right at once"] == pytest.approx(1 / 6, abs=1e-4)
    assert found["clean answerable: choose"] == pytest.approx(2 / 6, abs=1e-4)
    assert (found["clean choose"], found["clean abstain"]) == (0.3, 0.4)
    assert found["clean character error rate"] == 0
    assert {row.metric: row.met for row in rows if row.target} == {
        "clean hit@1": False,
        "clean hit@3": False,
        "clean wrong of all asked": False,
        "clean coverage": False,
    }


def test_rounds_with_errors_are_averaged() -> None:
    right, wrong = outcome("A", ANSWER, "A"), outcome("A", ANSWER, "B", "A")
    found = values(figures("errors", [[right], [wrong], [wrong], [right]], with_targets=False))
    assert (found["errors questions"], found["errors hit@1"], found["errors wrong of all asked"]) == (1, 0.5, 0.5)


def test_errors_are_put_into_what_is_asked_the_same_each_time() -> None:
    heard: list[str] = []

    def ask(question: Question, text: str) -> Outcome:
        heard.append(text)
        return Outcome(question, text, ABSTAIN, (), ())

    asked = [Question("身份证丢了去哪里补办", "A"), Question("今天天气怎么样啊", None)] * 20
    rows = values(measured(asked, ask))
    first, heard[:] = heard[:], []
    assert values(measured(asked, ask)) == rows
    assert heard == first
    assert len(first) == len(asked) * (1 + len(SEEDS) * (1 + len(HARDER_RATES)))
    assert first[: len(asked)] == [one.text for one in asked]
    rates = [value for name, value in rows.items() if name.endswith("character error rate")]
    assert rates == sorted(rates) and rates[0] == 0 and 0.12 < rates[-1] < 0.3


def test_a_version_that_never_came_misses_the_target() -> None:
    came, never = Round(5.0, 300.0, 2, 900.0, 0), Round(5.0, 300.0, 2, None, 3)
    rows = {row.metric: row for row in publish_figures([came, never])}
    assert rows["chat: answered with the new version"].met
    assert rows["chat: commit to answer worst"].met
    assert rows["call: answered with the new version"].met is False
    assert rows["call: answers with an older version after the commit"].value == 3


@pytest.mark.parametrize(("options", "code"), [({"pairs": "nothing"}, 2), ({"size": 3}, 2), ({"pairs": "bq"}, 3)])
def test_what_cannot_be_measured_is_said(
    options: dict[str, str | int],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(kb_pairs, "folder", lambda: tmp_path)
    assert kb.run(Settings(data_dir=tmp_path), as_json=True, **options) == code  # type: ignore[arg-type]
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["message"] in said.err


@pytest.mark.slow
def test_a_small_base_goes_the_whole_way_of_a_large_one() -> None:
    rows = values(kb_size.rows(300, 60))
    assert rows["entries"] == 300
    assert rows["questions"] >= 50
    assert rows["memory with the knowledge base"] > rows["memory before"]
    assert rows["publish one entry: commit to visible worst"] > 0
    assert rows["asked entry comes first"] > 0.8
    assert rows["open again"] > 0
    assert rows["index on disk"] > 0


def test_the_order_of_chance_is_not_shared() -> None:
    """Spoiling draws from the generator that it is given, not from the shared one."""
    random.seed(1)
    before = random.getstate()
    measured([Question("身份证丢了", "A")], lambda question, text: Outcome(question, text, ABSTAIN, (), ()))
    assert random.getstate() == before


@pytest.mark.parametrize("name", ["kb_answerable", "kb_unanswerable"])
def test_search_was_fitted_on_no_wording_of_the_frozen_questions(name: str) -> None:
    fitted = {
        run
        for file in (ROOT / "knowledge" / "calibration").iterdir()
        if file.suffix in {".txt", ".yaml"}
        for text in re.findall(r"[\u3400-\u9fff0-9A-Za-z]+", file.read_text(encoding="utf-8"))
        for run in runs(text)
    }
    assert len(fitted) > 1000
    assert [row["q"] for row in load(name) if fitted & set(runs(row["q"]))] == []
