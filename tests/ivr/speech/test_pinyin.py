import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.speech.lexicon import load_lexicon
from ivr.speech.pinyin import MAX_SENTENCE, pause_ms, pinyin, sentences


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


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("银行", "yin2 hang2"), ("行走", "xing2 zou3"), ("行政", "xing2 zheng4"), ("行业", "hang2 ye4"),
        ("重新", "chong2 xin1"), ("重量", "zhong4 liang4"), ("重复", "chong2 fu4"), ("重点", "zhong4 dian3"),
        ("重庆", "chong2 qing4"), ("从重处罚", "cong2 zhong4 chu3 fa2"), ("长大", "zhang3 da4"),
        ("长度", "chang2 du4"), ("局长", "ju2 zhang3"), ("校长大会", "xiao4 zhang3 da4 hui4"), ("还款", "huan2 kuan3"),
        ("还有", "hai2 you3"), ("归还", "gui1 huan2"), ("缴费处", "jiao3 fei4 chu4"), ("处理", "chu2 li3"),
        ("办事处", "ban4 shi4 chu4"), ("参差", "cen1 ci1"), ("参加", "can1 jia1"), ("人参", "ren2 shen1"),
        ("出差", "chu1 chai1"), ("差额", "cha1 e2"), ("曾经", "ceng2 jing1"), ("朝代", "chao2 dai4"),
        ("便宜", "pian2 yi5"), ("便民", "bian4 min2"), ("调查", "diao4 cha2"), ("调解", "tiao2 jie3"),
        ("发票", "fa1 piao4"), ("头发", "tou2 fa4"), ("供给", "gong1 ji3"), ("给予", "ji2 yu3"),
        ("应当", "ying1 dang1"), ("反应", "fan3 ying4"), ("血液", "xue4 ye4"), ("没收", "mo4 shou1"),
        ("传记", "zhuan4 ji4"), ("传达", "chuan2 da2"), ("省会", "sheng3 hui4"), ("率领", "shuai4 ling3"),
        ("效率", "xiao4 lv4"), ("降低", "jiang4 di1"), ("角色", "jue2 se4"), ("勒令", "le4 ling4"),
        ("都市", "du1 shi4"), ("了解", "liao2 jie3"), ("为了", "wei4 le5"), ("强迫", "qiang3 po4"),
        ("载客", "zai4 ke4"), ("记载", "ji4 zai3"), ("种植", "zhong4 zhi2"), ("种类", "zhong3 lei4"),
        ("当事人", "dang1 shi4 ren2"), ("适当", "shi4 dang4"), ("结果", "jie2 guo3"), ("空调", "kong1 tiao2"),
        ("着急", "zhao2 ji2"), ("转账", "zhuan3 zhang4"), ("分数", "fen1 shu4"), ("身份", "shen1 fen4"),
        ("藏族", "zang4 zu2"), ("创伤", "chuang1 shang1"), ("中奖", "zhong4 jiang3"), ("难民", "nan4 min2"),
    ],
)  # fmt: skip
def test_heteronyms_by_phrase(text: str, spoken: str) -> None:
    lexicon = load_lexicon()
    assert pinyin(lexicon.marked(text), lexicon) == spoken


@given(st.text(alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20))
def test_every_character_becomes_a_syllable_with_a_tone(text: str) -> None:
    for syllable in pinyin(text).split():
        assert syllable[-1] in "12345"
        assert syllable[:-1].isascii()
        assert syllable[:-1].isalpha()


def test_sentences_are_cut_at_their_ends() -> None:
    assert sentences("您好。请问要办什么？“是的。”好") == ["您好。", "请问要办什么？", "“是的。”好"]


def test_a_long_opening_goes_ahead_by_itself() -> None:
    text = "二手房过户由买卖双方带身份证，到不动产登记中心缴税并登记，住宅登记费八十元。"
    parts = sentences(text)
    assert parts[0] == "二手房过户由买卖双方带身份证，"
    assert "".join(parts) == text
    assert sentences("您好，请问您要办理什么业务呢？") == ["您好，请问您要办理什么业务呢？"]  # 两个字之后接不上
    assert sentences("请稍等，马上就好。") == ["请稍等，马上就好。"]
    assert sentences("没有逗号的一句话即使很长也只能一次说完没有别的办法") == [
        "没有逗号的一句话即使很长也只能一次说完没有别的办法"
    ]


@pytest.mark.parametrize(("piece", "ms"), [("好。", 220), ("好，", 120), ("好:", 120), ("好、", 60), ("好", 220)])
def test_pauses_are_as_long_as_the_mark_asks(piece: str, ms: int) -> None:
    assert pause_ms(piece) == ms


def test_long_sentences_are_cut_at_commas_and_nothing_is_lost() -> None:
    text = "请带身份证和户口本到办事大厅，" * 10 + "谢谢。"
    parts = sentences(text)
    assert "".join(parts) == text
    assert all(len(part) <= MAX_SENTENCE for part in parts)


def test_what_the_voice_would_read_as_english_is_spelt_otherwise() -> None:
    assert pinyin("琼海的兄弟很窘") == "qong2 hai3 de5 xong1 di4 hen2 jong3"
    assert pinyin("女儿") == "nv3 er2"
