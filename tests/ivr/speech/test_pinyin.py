import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.pinyin import MAX_SENTENCE, pinyin, sentences


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("你好", "ni2 hao3"),
        ("银行，重新，长大。", "yin2 hang2 , chong2 xin1 , zhang3 da4 ."),
        ("我想买", "wo2 xiang2 mai3"),
        ("一个", "yi2 ge4"),
        ("一天", "yi4 tian1"),
        ("第一", "di4 yi1"),
        ("十一个", "shi2 yi1 ge4"),
        ("一百一十一", "yi4 bai3 yi1 shi2 yi1"),
        ("一月一号", "yi1 yue4 yi1 hao4"),
        ("不要", "bu2 yao4"),
        ("不行", "bu4 xing2"),
        ("女儿", "nv3 er2"),
        ("赤坎区湛江市", "chi4 kan3 qu1 zhan4 jiang1 shi4"),
        ("A座PDF", "ei1 zuo4 pi4 di4 ai2 fu5"),
        ("嗯，好的。", "en2 , hao3 de5 ."),
        ("。", ""),
    ],
)
def test_pinyin_with_sandhi(text: str, spoken: str) -> None:
    assert pinyin(text) == spoken


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20))
def test_every_character_becomes_a_syllable_with_a_tone(text: str) -> None:
    for syllable in pinyin(text).split():
        assert syllable[-1] in "12345"
        assert syllable[:-1].isascii()
        assert syllable[:-1].isalpha()


def test_sentences_are_cut_at_their_ends() -> None:
    assert sentences("您好。请问要办什么？“是的。”好") == ["您好。", "请问要办什么？", "“是的。”好"]


def test_long_sentences_are_cut_at_commas_and_nothing_is_lost() -> None:
    text = "请带身份证和户口本到办事大厅，" * 10 + "谢谢。"
    parts = sentences(text)
    assert "".join(parts) == text
    assert all(len(part) <= MAX_SENTENCE for part in parts)


def test_what_the_voice_would_read_as_english_is_spelt_otherwise() -> None:
    assert pinyin("琼海的兄弟很窘") == "qong2 hai3 de5 xong1 di4 hen2 jong3"
    assert pinyin("女儿") == "nv3 er2"
