"""The simulator makes the errors that were measured, and only those."""

import json
import random
import re
from collections import Counter

import pytest

from asr_models.evaluate_demo import SHIPPED, Condition
from benchmarks.measure_confusions import document, model_hash, sentences, spoiled, tally, written
from benchmarks.recognition_errors import (
    CONFUSIONS,
    HARDER_RATES,
    Confusions,
    Spoiler,
    confusions,
    measured_rate,
    spoil,
)
from benchmarks.sound_alignment import Kind, align

MEASURED = json.loads(CONFUSIONS.read_text(encoding="utf-8"))


def test_the_same_seed_spoils_the_same() -> None:
    text = "身份证丢了去哪里补办要带什么材料"
    one, other = (spoil(text, random.Random(5), 0.3) for _ in range(2))
    assert one == other != text
    assert len({spoil(text, random.Random(seed), 0.3) for seed in range(20)}) > 10


def test_nothing_is_spoiled_at_no_rate_and_only_chinese_at_any() -> None:
    assert spoil("身份证ABC123，怎么办？", random.Random(1), 0.0) == "身份证ABC123，怎么办？"
    for seed in range(50):
        made = spoil("ABC身份证12345怎么办？", random.Random(seed), 0.4)
        assert re.sub(r"[\u3400-\u9fff]", "", made) == "ABC12345？"
    assert spoil("", random.Random(1), 0.4) == ""


def test_errors_are_as_many_and_of_the_kinds_that_were_measured() -> None:
    made = spoiled(confusions(), sentences(), rounds=6, rate=MEASURED["cer"])
    assert made.rate == pytest.approx(MEASURED["cer"], rel=0.1)
    assert made.spoiled_share == pytest.approx(MEASURED["spoiled_sentences"], abs=0.05)
    assert made.stay == pytest.approx(MEASURED["wrong_after_wrong"], abs=0.06)
    errors = made.replaced + made.left_out + made.put_in
    measured = MEASURED["replaced"] + MEASURED["left_out"] + MEASURED["put_in"]
    for name in ("replaced", "left_out", "put_in"):
        assert getattr(made, name) / errors == pytest.approx(MEASURED[name] / measured, abs=0.05), name
    for kind, share in MEASURED["kinds"].items():
        assert made.kinds[Kind(kind)] / made.replaced == pytest.approx(share, abs=0.06), kind


@pytest.mark.parametrize("rate", HARDER_RATES)
def test_harder_rates_are_kept(rate: float) -> None:
    made = spoiled(confusions(), sentences(), rounds=3, rate=rate)
    assert made.rate == pytest.approx(rate, rel=0.12)


def test_a_pair_that_was_measured_comes_back() -> None:
    pairs = confusions().pairs
    said = max(pairs, key=lambda one: sum(pairs[one].values()))
    heard = Counter(spoil(said * 12, random.Random(seed), 0.5).replace(said, "")[:1] for seed in range(400))
    assert heard[max(pairs[said], key=lambda one: pairs[said][one])] > 5


def test_the_frozen_file_says_when_and_with_which_model_it_was_measured() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", MEASURED["recogniser_sha256"])
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", MEASURED["measured_at"])
    assert MEASURED["recogniser"] == SHIPPED.name
    assert measured_rate() == pytest.approx(MEASURED["cer_by_condition"]["quiet"])
    assert len(model_hash(SHIPPED)) == 64


def test_a_measurement_can_be_written_and_read_again() -> None:
    heard = [
        (Condition(), [("身份证怎么办", "身份正怎么办"), ("水费怎么交", "水费怎么交"), ("我要投诉", "我要投")]),
        (Condition(noise="street", snr_db=15), [("电费太高了", "电费太高了啊")]),
    ]
    made = document(heard)
    assert (made["utterances"], made["characters"]) == (4, 20)
    assert (made["replaced"], made["left_out"], made["put_in"]) == (1, 1, 1)
    assert made["cer"] == pytest.approx(3 / 20)
    assert made["cer_by_condition"] == {"quiet": pytest.approx(2 / 15, abs=1e-4), "street 15 dB": pytest.approx(0.2)}
    again = json.loads(written(made))
    assert again == made
    assert Confusions.of(again["model_of_errors"]).pairs == {"证": {"正": 1}}
    assert Spoiler(Confusions.of(again["model_of_errors"])).spoil("证", random.Random(1), 0.0) == "证"


def test_sentences_that_were_spoken_are_asked_in_no_evaluation() -> None:
    asked = {
        "".join(re.findall(r"[\u3400-\u9fff]+", line))
        for name in ("kb_answerable", "kb_unanswerable", "kb_heldout", "nlu_utterances", "nlu_out_of_scope")
        for line in (CONFUSIONS.parent / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    }
    texts = sentences()
    assert len(texts) > 300 and len(set(texts)) == len(texts)
    assert not [text for text in texts if any(text in line for line in asked)]


def test_spoiling_leaves_most_sentences_alone_at_the_measured_rate() -> None:
    texts = ["孩子没有户口能不能报名上小学"] * 300
    rng = random.Random(3)
    made = tally([align(text, spoil(text, rng)) for text in texts])
    assert 0 < made.spoiled < len(texts)
    assert made.rate < 3 * measured_rate()
