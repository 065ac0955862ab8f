"""Batches of utterances, and the field that an utterance is about."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from config.clock import LOCAL_ZONE
from dialog.nlu import MAX_LINES, Asked, BadBatch, has_topic, read_batch, topic_of
from knowledge.contract import Ranked, Ranking, Verdict
from knowledge.entries import sample_entries


def batch(folder: Path, *lines: str) -> Path:
    file = folder / "batch.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_batch_has_ids_and_words(tmp_path: Path) -> None:
    file = batch(tmp_path, '{"id": 1, "q": "公积金怎么提取"}', "", '\ufeff{"id": "b", "text": "我要投诉"}'[1:])
    assert read_batch(file) == [Asked(1, "公积金怎么提取"), Asked("b", "我要投诉")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("not json", "不是 JSON"),
        ("[" * 100_000, "不是 JSON"),
        ("[]", "应为"),
        ('{"q": "你好"}', "缺少 id"),
        ('{"id": true, "q": "你好"}', "缺少 id"),
        ('{"id": 1}', "缺少 q"),
        ('{"id": 1, "q": " / "}', "缺少 q"),
        ('{"id": 1, "q": ["你好"]}', "缺少 q"),
        ('{"id": 1, "q": "' + "好" * 501 + '"}', "最多 500 个"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(BadBatch) as refused:
        read_batch(batch(tmp_path, '{"id": 1, "q": "你好"}', line))
    ((number, told),) = refused.value.lines
    assert number == 2
    assert why in told
    assert f"第 2 行：{told}" in refused.value.message


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    with pytest.raises(BadBatch, match="有 25 行不能用") as refused:
        read_batch(batch(tmp_path, *["x"] * 25))
    assert "另有 5 行有误" in refused.value.message
    assert len(refused.value.lines) == 25


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadBatch, match="无法读取"):
        read_batch(tmp_path / "nowhere.jsonl")
    with pytest.raises(BadBatch, match=f"1 到 {MAX_LINES} 行"):
        read_batch(batch(tmp_path, ""))
    (tmp_path / "gbk.jsonl").write_bytes("公积金".encode("gbk"))
    with pytest.raises(BadBatch, match="不是 UTF-8"):
        read_batch(tmp_path / "gbk.jsonl")


def test_the_topic_is_the_field_with_most_weight() -> None:
    entry = sample_entries()[0].entry(1)
    found = [Ranked(replace(entry, field=field), score) for field, score in (("甲", 0.4), ("乙", 0.3), ("乙", 0.2))]
    ranking = Ranking("", Verdict.CHOOSE, tuple(found), 0.1, datetime(2026, 1, 1, tzinfo=LOCAL_ZONE))
    assert topic_of(ranking) == "乙"
    assert topic_of(replace(ranking, ranked=())) == ""


def test_only_questions_and_matters_have_a_topic() -> None:
    assert [has_topic(act) for act in ("ask", "praise", "greet", "out_of_scope")] == [True, True, False, False]
