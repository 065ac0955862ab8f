"""Recording calls: in step with the call, written off the loop, withheld when told, and never in the call's way."""

import errno
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.recording import BLOCK_FRAMES, CLOSED, OPEN, CallRecording, Recordings
from store.recording_file import Recording, RecordingWriter, Stretch
from store.vault import Vault

AT = datetime(2023, 4, 3, 2, 0, tzinfo=UTC)
LOUD = 8000


def frame(level: int) -> bytes:
    return np.full(160, level, "<i2").tobytes()


def pass_time(recording: CallRecording, frames: int, heard: int = LOUD, sent: int = -LOUD) -> None:
    for _ in range(frames):
        recording.sent(frame(sent))
        recording.heard(frame(heard))


@pytest.fixture
def recordings(tmp_path: Path, vault: Vault) -> Iterator[Recordings]:
    made = Recordings(tmp_path / "node", vault)
    made.start()
    yield made
    made.stop()


def begun(recordings: Recordings) -> CallRecording:
    recording = recordings.begin("call-1", AT)
    assert recording is not None
    return recording


def only_file(recordings: Recordings, suffix: str = CLOSED) -> Path:
    recordings.stop()
    [file] = recordings.folder.iterdir()
    assert file.suffix == suffix
    return file


def per_frame(file: Path, vault: Vault) -> NDArray[np.int16]:
    """Both sides, the middle sample of each frame."""
    with Recording(file, vault) as recording:
        sound = np.frombuffer(recording.pcm(0, recording.samples), "<i2").reshape(-1, 160, 2)
    return sound[:, 80, :]


def near(value: int, level: int) -> bool:
    return abs(int(value) - level) < 300


def test_both_sides_are_recorded_in_step(recordings: Recordings, vault: Vault) -> None:
    recording = begun(recordings)
    for number in range(130):
        recording.heard(frame(-100 * number))
        recording.sent(frame(100 * (number + 1)))
    recording.close()
    file = only_file(recordings)
    sound = per_frame(file, vault)
    assert len(sound) == 130
    for number in range(130):
        assert near(sound[number, 0], -100 * number)
        assert near(sound[number, 1], 100 * number)
    with Recording(file, vault) as opened:
        assert opened.complete
        assert opened.about == {"call": "call-1", "started_at": "2023-04-03T02:00:00+00:00"}


def test_nothing_is_heard_of_a_pause_and_the_offsets_stay_right(recordings: Recordings, vault: Vault) -> None:
    recording = begun(recordings)
    pass_time(recording, 60)
    recording.pause()
    pass_time(recording, 70)
    recording.resume()
    pass_time(recording, 20)
    recording.close()
    file = only_file(recordings)
    with Recording(file, vault) as opened:
        assert opened.duration_ms == 150 * 20
        assert opened.stretches("withheld") == [Stretch(1200, 2200), Stretch(2200, 2600)]
    sound = per_frame(file, vault)
    assert all(near(value, LOUD) for value in (*sound[:60, 0], *sound[130:, 0]))
    assert not sound[60:130].any()


def test_what_was_said_before_the_pause_was_ordered_is_blotted_out(recordings: Recordings, vault: Vault) -> None:
    recording = begun(recordings)
    pass_time(recording, 110)
    recording.pause(from_ms=900)
    pass_time(recording, 5)
    recording.resume()
    pass_time(recording, 5)
    recording.close()
    file = only_file(recordings)
    sound = per_frame(file, vault)
    assert len(sound) == 120
    assert np.abs(sound[45:115].astype(int)).max() <= 8
    assert all(near(value, LOUD) for value in (*sound[:45, 0], *sound[115:, 0]))


def test_what_was_written_before_the_node_was_killed_is_found_by_the_next_one(tmp_path: Path, vault: Vault) -> None:
    killed = Recordings(tmp_path / "node", vault)
    killed.start()
    recording = begun(killed)
    pass_time(recording, 3 * BLOCK_FRAMES + 20)
    file = only_file(killed, OPEN)
    after = Recordings(tmp_path / "node", vault)
    after.start()
    found = only_file(after)
    assert found.stem == file.stem
    with Recording(found, vault) as opened:
        assert not opened.complete
        assert opened.duration_ms == 3000
    assert recording._file is not None
    recording._file.close()


def test_a_city_that_records_none_gets_none(tmp_path: Path, vault: Vault) -> None:
    recordings = Recordings(tmp_path / "node", vault, enabled=False)
    recordings.start()
    assert recordings.begin("call-1", AT) is None
    recordings.stop()
    assert not list(recordings.folder.iterdir())


def test_a_disk_without_room_is_left_alone(
    recordings: Recordings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ivr.recording.MIN_FREE_BYTES", 1 << 60)
    recording = begun(recordings)
    pass_time(recording, 120)
    recording.pause(0)
    recording.close()
    recordings.stop()
    assert not list(recordings.folder.iterdir())


def test_time_for_which_the_disk_was_full_is_kept_as_lost(
    recordings: Recordings, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RecordingWriter._add
    calls: list[bytes] = []

    def add(self: RecordingWriter, kind: bytes, samples: int, content: bytes) -> None:
        calls.append(kind)
        if calls.count(b"A") == 2 and kind == b"A":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, kind, samples, content)

    monkeypatch.setattr(RecordingWriter, "_add", add)
    recording = begun(recordings)
    pass_time(recording, 4 * BLOCK_FRAMES)
    recording.close()
    with Recording(only_file(recordings), vault) as opened:
        assert opened.duration_ms == 4000
        assert opened.stretches("lost") == [Stretch(1000, 2000)]


def test_a_hanging_disk_costs_sound_but_never_stops_the_call(
    recordings: Recordings, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings._jobs, "maxsize", 3)
    hanging = threading.Event()
    first = begun(recordings)
    first._do(lambda file: _hang(hanging))
    pass_time(first, 10 * BLOCK_FRAMES)
    hanging.set()
    while not recordings._jobs.empty():
        time.sleep(0.005)
    pass_time(first, 2 * BLOCK_FRAMES)
    first.close()
    with Recording(only_file(recordings), vault) as opened:
        assert opened.duration_ms == 12_000
        assert sum(one.end_ms - one.start_ms for one in opened.stretches("lost")) >= 6000


def _hang(until: threading.Event) -> None:
    until.wait(10)
