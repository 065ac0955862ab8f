import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.text import MAX_CHARACTERS, analyse, normalise, without_courtesy


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("请问，公积金怎么提取？", "请问公积金怎么提取"),
        ("６０岁", "六十岁"),
        ("80岁老人", "八十岁老人"),
        ("欠我 3050 元", "欠我三千零五十元"),
        ("打110还是12345", "打一一零还是一二三四五"),
        ("2025年", "二零二五年"),
        ("10个", "十个"),
        ("身份證遺失", "身份证遺失"),
        ("补办SIM卡", "补办sim卡"),
    ],
)
def test_text_is_brought_to_one_form(text: str, plain: str) -> None:
    assert normalise(text) == plain


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("你好我想问一下社保断了", "社保断了"),
        ("麻烦帮我查一下电费", "电费"),
        ("你好", "你好"),
        ("谢谢", "谢谢"),
        ("请问下公积金", "公积金"),
        ("请问下水道堵了找谁", "下水道堵了找谁"),
        ("想问下下岗能领什么", "下岗能领什么"),
    ],
)
def test_courtesy_is_left_out_unless_it_is_all_there_is(text: str, rest: str) -> None:
    assert without_courtesy(text) == rest


def test_synonyms_are_one_word() -> None:
    assert analyse("支取公积金").words == analyse("公积金提出来").words[::-1]
    assert "丢失" in analyse("身份证不见了").words
    assert "拖欠" in analyse("公司欠薪").words


def test_words_without_meaning_do_not_count() -> None:
    assert analyse("请问这个是怎么办的呢").words == ()


def test_sounds_survive_what_a_recogniser_mixes_up() -> None:
    assert analyse("工资").sounds == analyse("公子").sounds
    assert analyse("找人").sounds == analyse("早人").sounds
    assert analyse("身份證").sounds == analyse("身份证").sounds


def test_one_character_still_has_terms() -> None:
    assert analyse("水").grams == ("水",)


@given(st.text(max_size=600))
def test_any_text_is_analysed_into_distinct_terms_without_spaces(text: str) -> None:
    terms = analyse(text)
    assert len(normalise(text)) <= 4 * MAX_CHARACTERS
    for kind in (terms.words, terms.grams, terms.sounds):
        assert len(set(kind)) == len(kind)
        assert all(term and not any(character.isspace() for character in term) for term in kind)
