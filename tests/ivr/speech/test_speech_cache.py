import os
from pathlib import Path

from ivr.speech.speech_cache import SpeechCache


def test_the_memory_is_bounded_and_what_was_used_last_stays() -> None:
    cache = SpeechCache(memory_bytes=250)
    for key in "abc":
        cache.put(key, bytes(100), keep=False)
        cache.get("a", keep=False)
    assert cache.get("b", keep=False) is None
    assert cache.get("a", keep=False) == cache.get("c", keep=False) == bytes(100)


def test_the_same_key_counts_once() -> None:
    cache = SpeechCache(memory_bytes=250)
    for _ in range(5):
        cache.put("a", bytes(100), keep=False)
    cache.put("b", bytes(100), keep=False)
    assert cache.get("a", keep=False) is not None


def test_only_what_is_to_be_kept_is_on_disk(tmp_path: Path) -> None:
    SpeechCache(tmp_path).put("a", b"1234", keep=False)
    SpeechCache(tmp_path).put("b", b"5678", keep=True)
    assert os.listdir(tmp_path) == ["b.pcm"]
    assert SpeechCache(tmp_path).get("b", keep=True) == b"5678"
    assert SpeechCache(tmp_path).get("b", keep=False) is None


def test_the_disk_is_bounded_and_left_overs_go(tmp_path: Path) -> None:
    cache = SpeechCache(tmp_path, disk_bytes=1000)
    for number in range(20):
        cache.put(f"{number}", bytes(100), keep=True)
        os.utime(tmp_path / f"{number}.pcm", (number, number))
    (tmp_path / "x.1.part").write_bytes(b"")
    SpeechCache(tmp_path, disk_bytes=1000)
    assert sorted(int(file.stem) for file in tmp_path.iterdir()) == list(range(10, 20))


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    cache = SpeechCache(file / "folder")
    cache.put("a", b"12", keep=True)
    assert cache.get("a", keep=True) == b"12"


def test_the_key_tells_voices_apart_and_shows_nothing() -> None:
    assert SpeechCache.key("f", "ni2 hao3") != SpeechCache.key("m", "ni2 hao3")
    assert "ni2" not in SpeechCache.key("f", "ni2 hao3")
