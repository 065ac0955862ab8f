"""Expected answers found again by their sound, and free complaints left alone."""

import csv
from pathlib import Path

import pytest

from dialog.heard import ACCEPT, Certainty, distance, rematch, syllables, unlikeness

ROOT = Path(__file__).resolve().parents[2]
DISTRICTS = ("赤坎区", "霞山区", "坡头区", "麻章区", "遂溪县", "徐闻县", "廉江市", "雷州市", "吴川市", "开发区")
TITLES = ("购房提取公积金", "租房提取公积金", "退休提取公积金", "第一个", "第二个", "第三个")


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("喂", "对"),
        ("退", "对"),
        ("四", "是"),
        ("是得", "是的"),
        ("四的", "是的"),
        ("不退", "不对"),
        ("不四", "不是"),
        ("对", "对"),
        ("没挫", "没错"),
    ],
)
def test_yes_and_no_as_they_are_misheard(heard: str, meant: str) -> None:
    found = rematch(heard, (), state="confirm")
    assert (found.text, found.certainty) == (meant, Certainty.ACCEPT)


@pytest.mark.parametrize(
    ("heard", "meant", "certainty"),
    [
        ("吃砍区", "赤坎区", Certainty.ACCEPT),
        ("瞎山区", "霞山区", Certainty.ACCEPT),
        ("在马张区", "麻章区", Certainty.ACCEPT),
        ("雷周是", "雷州市", Certainty.ACCEPT),
        ("连江寺", "廉江市", Certainty.ACCEPT),
        ("许文线", "徐闻县", Certainty.ACCEPT),
        ("碎西元", "遂溪县", Certainty.CONFIRM),
        ("破头去", "坡头区", Certainty.ACCEPT),
        ("赤坎区", "赤坎区", Certainty.ACCEPT),
    ],
)
def test_districts(heard: str, meant: str, certainty: Certainty) -> None:
    found = rematch(heard, DISTRICTS, state="element")
    assert (found.expected, found.certainty) == (meant, certainty)


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("租房踢取公鸡金", "租房提取公积金"),
        ("推休提取公积今", "退休提取公积金"),
        ("地一个", "第一个"),
        ("低二个", "第二个"),
        ("第三歌", "第三个"),
    ],
)
def test_titles_and_ordinals_after_choose(heard: str, meant: str) -> None:
    assert rematch(heard, TITLES, state="choose").expected == meant


@pytest.mark.parametrize(
    "heard", ["龙华", "赤坎", "赤坎区海滨大道三号", "在霞山区那边有人烧垃圾", "公积金", "都不是", "我不知道", "", "嗯"]
)
def test_what_is_right_or_something_else_stays(heard: str) -> None:
    for state in ("element", "choose"):
        assert rematch(heard, DISTRICTS if state == "element" else TITLES, state=state).text == heard


def texts() -> list[str]:
    with (ROOT / "asr_models" / "eval" / "sentences.tsv").open(encoding="utf-8", newline="") as handle:
        found = [row["text"] for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)]
    with (ROOT / "asr_models" / "eval" / "bot.tsv").open(encoding="utf-8", newline="") as handle:
        return found + [row["text"] for row in csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)]


@pytest.mark.parametrize("state", ["open", "confirm", "choose", "element"])
def test_no_free_sentence_becomes_an_expected_word(state: str) -> None:
    """Nor does its beginning: a recogniser may cut a sentence anywhere."""
    sentences = texts()
    assert len(sentences) >= 100
    for sentence in sentences:
        for words in (sentence, sentence[:8]):
            assert rematch(words, (*DISTRICTS, *TITLES), state=state).certainty is Certainty.AS_HEARD, words


def test_the_distance_knows_what_is_confused() -> None:
    assert unlikeness("na", "la") < ACCEPT + 0.1 < unlikeness("na", "ka")
    assert unlikeness("zhang", "zan") < 0.5
    assert distance(syllables("赤坎"), syllables("赤坎")) == 0
    assert distance((), ("a",)) == 1
    assert distance(("a", "b"), ("a",)) == pytest.approx(0.4)
