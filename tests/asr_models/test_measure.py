"""Likeness and CER compare text as it is spoken."""

import wave
from pathlib import Path

import pytest

from asr_models.library import shipped
from asr_models.measure import (
    FileResult,
    MeasureError,
    OwnWord,
    cer,
    edit_distance,
    evaluate,
    heard_in_place,
    likeness,
    own_words,
    read_transcripts,
    spoken,
)


@pytest.mark.parametrize(
    ("written", "read_out"),
    [
        ("2024年", "二零二四年"),
        ("15个工作日", "十五个工作日"),
        ("10:30", "十点三十分"),
        ("8:05", "八点零五分"),
        ("22:00", "二十二点"),
        ("30%", "百分之三十"),
        ("98.24%", "百分之九十八点二四"),
        ("1,200元", "一千二百元"),
        ("10592件", "一零五九二件"),
        ("2025-11-28", "二零二五年十一月二十八日"),
        ("0759", "零七五九"),
        ("110", "一百一十"),
        ("1015人", "一千零一十五人"),
        ("13800001111", "一三八零零零零一一一一"),
    ],
)
def test_numbers_are_read_out(written: str, read_out: str) -> None:
    assert spoken(written) == read_out


def test_counting_words() -> None:
    assert likeness("100000元", "十万元") == 1
    assert likeness("10592件", "一万零五百九十二件") == 1
    assert likeness("20010", "二万零一十") == 1
    assert likeness("515", "五百一十五") == 1


@pytest.mark.parametrize("heard", ["请拨打幺幺零报警", "请拨打一百一十报警", "请拨打110报警"])
def test_either_usual_reading_of_a_number_counts(heard: str) -> None:
    assert likeness("请拨打110报警。", heard) == 1


def test_punctuation_spaces_and_width_do_not_count() -> None:
    assert cer("您好，请问（有什么）可以帮您？", "您好 请问 有什么 可以 帮 您") == 0
    assert cer("１５个工作日", "十五个工作日") == 0


def test_errors_are_counted_by_character() -> None:
    assert cer("我要投诉物业", "我要投物业") == pytest.approx(1 / 6)
    assert cer("我要投诉物业", "") == 1
    assert cer("", "我") == 1
    assert cer("", "") == 0
    assert likeness("是", "我要投诉") == 0


def test_edit_distance() -> None:
    assert edit_distance("公积金", "公积金提取") == 2
    assert edit_distance("户籍", "护籍") == 1
    assert edit_distance("", "户籍") == 2


def _wav(file: Path) -> None:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(16000))


def test_transcripts_are_read_with_or_without_a_heading(tmp_path: Path) -> None:
    _wav(tmp_path / "a.wav")
    (tmp_path / "transcripts.tsv").write_text("file\ttext\na.wav\t我要投诉\n\n", encoding="utf-8")
    assert read_transcripts(tmp_path) == [(tmp_path / "a.wav", "我要投诉")]


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "没有 transcripts.tsv"), ("a.wav 我", "制表符"), ("b.wav\t我", "不在"), ("\n", "是空的")],
)
def test_a_bad_folder_says_what_to_do(tmp_path: Path, content: str | None, says: str) -> None:
    _wav(tmp_path / "a.wav")
    if content is not None:
        (tmp_path / "transcripts.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(MeasureError, match=says):
        read_transcripts(tmp_path)


def test_own_words_are_found_where_they_were_said() -> None:
    assert heard_in_place("赤坎区", "我住在赤坎区海滨大道", "我住在吃看区海滨大道") == ["吃看区"]
    assert heard_in_place("对", "对对", "对退") == ["对", "退"]
    assert heard_in_place("赤坎区", "没有提到", "没有提到") == []
    results = [
        FileResult("1.wav", "赤坎区", "吃看区", 0.67, 1.0, 0.1),
        FileResult("2.wav", "在赤坎区", "在赤坎区", 0.0, 1.0, 0.1),
        FileResult("3.wav", "是的", "是的", 0.0, 1.0, 0.1),
    ]
    assert own_words(["是的", "赤坎区", "霞山区"], results) == (
        OwnWord("赤坎区", 2, 1, {"吃看区": 1}),
        OwnWord("是的", 1, 1, {}),
    )


def wav(file: Path, samples: bytes, *, rate: int = 8000, channels: int = 1) -> None:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(channels)
        recording.setsampwidth(2)
        recording.setframerate(rate)
        recording.writeframes(samples)


def test_recordings_at_16_khz_are_taken_and_others_refused(tmp_path: Path) -> None:
    (tmp_path / "transcripts.tsv").write_text("1.wav\t你好", encoding="utf-8")
    wav(tmp_path / "1.wav", bytes(64_000), rate=16_000)
    done: list[tuple[int, int]] = []
    result = evaluate(tmp_path, shipped().path, progress=lambda *step: done.append(step))
    assert (result.audio_s, done) == (2.0, [(1, 1)])
    for bad, samples, rate, channels in (
        ("采样率", b"\0" * 640, 44_100, 1),
        ("单声道", b"\0" * 640, 8000, 2),
        ("没有声音", b"", 8000, 1),
    ):
        wav(tmp_path / "1.wav", samples, rate=rate, channels=channels)
        with pytest.raises(MeasureError, match=bad):
            evaluate(tmp_path, shipped().path)
    (tmp_path / "transcripts.tsv").write_bytes("1.wav\t你好".encode("gbk"))
    with pytest.raises(MeasureError, match="UTF-8"):
        evaluate(tmp_path, shipped().path)
