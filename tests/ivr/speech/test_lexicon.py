from pathlib import Path

import pytest

from ivr.speech.lexicon import EMPTY, LexiconRefused, load_lexicon
from ivr.speech.normaliser import speakable
from ivr.speech.pinyin import pinyin, sentences


def spoken(text: str, own: Path | None = None) -> str:
    lexicon = load_lexicon(own)
    return pinyin(speakable(lexicon.marked(text)), lexicon)


def written(folder: Path, content: str) -> Path:
    file = folder / "lexicon.yaml"
    file.write_text(content, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("曾先生", "zeng1 xian1 sheng1"),
        ("曾经", "ceng2 jing1"),
        ("我姓单", "wo3 xing4 shan4"),
        ("单位", "dan1 wei4"),
        ("任老师，任何", "ren2 lao3 shi1 , ren4 he2"),
        ("区女士，龙华区", "ou1 nv3 shi4 , long2 hua2 qu1"),
        ("华某", "hua4 mou3"),
        ("朝阳路，朝阳产业", "chao2 yang2 lu4 , zhao1 yang2 chan3 ye4"),
        ("连接WiFi后", "lian2 jie1 wai1 fai1 hou4"),
        ("连wifi", "lian2 wai1 fai1"),
        ("安卓和Android", "an1 zhuo2 he2 an1 zhuo2"),
    ],
)
def test_the_shipped_readings(text: str, sounds: str) -> None:
    assert spoken(text) == sounds


def test_the_cities_words_come_over_the_shipped_ones(tmp_path: Path) -> None:
    own = written(tmp_path, "words:\n  朝阳路: zhao1 yang2 lu4\n  BRT: 快速公交\n  K3路: kei4 san1 lu4\n")
    assert spoken("朝阳路", own) == "zhao1 yang2 lu4"
    assert spoken("乘BRT到站", own) == "cheng2 kuai4 su4 gong1 jiao1 dao4 zhan4"
    assert spoken("乘K3路到站", own) == "cheng2 kei4 san1 lu4 dao4 zhan4"
    assert spoken("曾先生", own) == "zeng1 xian1 sheng1"


def test_a_word_is_found_only_whole(tmp_path: Path) -> None:
    own = written(tmp_path, "words:\n  OA: 办公系统\n  长大: chang2 da4\n")
    assert spoken("OA", own) == "ban4 gong1 xi4 tong3"
    assert spoken("LOAN", own) == spoken("LOAN")
    assert spoken("校长大会", own) == "xiao4 zhang3 da4 hui4"


def test_what_is_given_keeps_its_yi_and_takes_third_tones(tmp_path: Path) -> None:
    own = written(tmp_path, "words:\n  一中: yi1 zhong1\n  赤坎: chi4 kan3\n")
    assert spoken("湛江一中", own) == "zhan4 jiang1 yi1 zhong1"
    assert spoken("一种", own) == "yi4 zhong3"
    assert spoken("赤坎好", own) == "chi4 kan2 hao3"


def test_marks_stay_one_word_and_can_be_taken_back(tmp_path: Path) -> None:
    lexicon = load_lexicon(written(tmp_path, "words:\n  A.B.C: ei1 bi4 xi1\n"))
    said = speakable(lexicon.marked("A.B.C"))
    assert sentences(said) == [said]
    assert lexicon.unmarked(said) == "A.B.C"
    assert EMPTY.marked("A.B.C") == EMPTY.unmarked("A.B.C") == "A.B.C"


def test_an_empty_file_is_no_lexicon_of_its_own(tmp_path: Path) -> None:
    assert load_lexicon(written(tmp_path, "# 还没有\n")) == load_lexicon()
    assert load_lexicon(written(tmp_path, "words:\n")) == load_lexicon()
    assert load_lexicon(tmp_path / "none.yaml") == load_lexicon()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("words:\n  银行: yin2\n", "第 2 行：“银行”有 2 个字，读音有 1 个"),
        ("words:\n  银行: yin2 hang9\n", "第 2 行：“银行”的读音里“hang9”"),
        ("words:\n  银行: yin2 hngg2\n", "第 2 行：“银行”的读音里“hngg2”"),
        ("words:\n  银行: yín háng\n", "第 2 行：“银行”的替代说法只能有"),
        ("words:\n  银行: hang\n  重庆: chong2\n", "第 2 行：.*第 3 行："),
        ("words:\n  银行:\n", "第 2 行：“银行”的读音应有"),
        ("words:\n  - 银行\n", "第 2 行：应为“词: 读音”"),
        ("words:\n  银行: {a: b}\n", "第 2 行：“银行”的读音应有"),
        ("words:\n  银行: yin2 hang2\n  银行: yin2 xing2\n", "第 3 行：“银行”重复了"),
        ("words:\n  App: 应用\n  APP: 程序\n", "第 3 行：“APP”重复了"),
        ("word:\n  银行: yin2 hang2\n", "第 1 行：没有“word”这一部分"),
        ("surnames:\n  A: zeng1\n", "第 2 行：“A”不是姓"),
        ("surnames:\n  曾: 增\n", "第 2 行：“曾”的读音里“增”"),
        ("just text", "第 1 行：应分为"),
        ("words:\n  银行: [\n", "第 3 行：不是“词: 读音”的形式"),
        ("words:\n  " + "长" * 21 + ": 短\n", "第 2 行：词应有 1 到 20 个字"),
    ],
)
def test_what_is_wrong_is_told_by_line(tmp_path: Path, content: str, told: str) -> None:
    with pytest.raises(LexiconRefused, match=told):
        load_lexicon(written(tmp_path, content))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lexicon.yaml"
    file.write_bytes("words:\n  银行: 银\n".encode("gb18030"))
    with pytest.raises(LexiconRefused, match="UTF-8"):
        load_lexicon(file)
    file.write_bytes(b"words: \x00")
    with pytest.raises(LexiconRefused, match="不能显示的字符"):
        load_lexicon(file)
    file.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(LexiconRefused, match="1024 KB"):
        load_lexicon(file)
