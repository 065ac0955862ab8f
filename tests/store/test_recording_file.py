"""Recordings on disk: what was written is heard, nobody else hears it, and a crash costs only the last block."""

import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from config.settings import Settings
from store.g711 import decode, encode
from store.ids import new_id
from store.recording_file import (
    BYTES_A_SAMPLE,
    WAV_HEADER_BYTES,
    Recording,
    RecordingUnreadable,
    RecordingWriter,
    Stretch,
)
from store.vault import Vault

SECOND = 8000
ABOUT = {"call": "call-of-13800000001", "started_at": "2023-04-03T02:00:00+00:00"}


def tone(hertz: float, seconds: float = 1.0) -> NDArray[np.int16]:
    moments = np.arange(int(seconds * SECOND)) / SECOND
    return (8000 * np.sin(2 * np.pi * hertz * moments)).astype(np.int16)


def writer(path: Path, vault: Vault) -> RecordingWriter:
    return RecordingWriter(path, vault, new_id(), ABOUT)


def two_seconds(path: Path, vault: Vault) -> RecordingWriter:
    made = writer(path, vault)
    made.sound(tone(400), tone(1000))
    made.sound(tone(400), tone(1000))
    return made


def channels(recording: Recording, start: int = 0, end: int = 1 << 30) -> NDArray[np.int16]:
    return np.frombuffer(recording.pcm(start, end), "<i2").reshape(-1, 2)


def error_db(found: NDArray[np.int16], wanted: NDArray[np.int16]) -> float:
    noise = np.sqrt(np.mean((found.astype(float) - wanted) ** 2))
    return float(20 * np.log10(np.sqrt(np.mean(wanted.astype(float) ** 2)) / max(noise, 1e-9)))


def test_a_law_keeps_every_code_and_sounds_alike() -> None:
    codes = np.arange(256, dtype=np.uint8)
    assert (encode(decode(codes)) == codes).all()
    assert error_db(decode(encode(tone(440))), tone(440)) > 35
    assert abs(int(decode(encode(np.zeros(1, np.int16)))[0])) <= 8


def test_what_was_written_is_heard_on_its_side(tmp_path: Path, vault: Vault) -> None:
    made = two_seconds(tmp_path / "one", vault)
    made.end()
    with Recording(tmp_path / "one", vault) as recording:
        assert recording.complete
        assert (recording.samples, recording.duration_ms) == (2 * SECOND, 2000)
        assert recording.about == ABOUT
        heard = channels(recording)
        assert error_db(heard[:SECOND, 0], tone(400)) > 35
        assert error_db(heard[SECOND:, 1], tone(1000)) > 35
        assert (channels(recording, 5000, 11_000) == heard[5000:11_000]).all()


def test_any_part_of_the_wav_is_a_part_of_the_whole(tmp_path: Path, vault: Vault) -> None:
    made = two_seconds(tmp_path / "one", vault)
    made.end()
    with Recording(tmp_path / "one", vault) as recording:
        whole = recording.wav(0, recording.wav_bytes)
        assert len(whole) == recording.wav_bytes == WAV_HEADER_BYTES + 2 * SECOND * BYTES_A_SAMPLE
        for start, end in ((0, 44), (0, 1), (10, 50), (43, 47), (44, 48), (45, 47), (33_333, 44_447), (64_040, 64_044)):
            assert recording.wav(start, end) == whole[start:end], (start, end)
    with wave.open(io.BytesIO(whole)) as opened:
        assert (opened.getnchannels(), opened.getframerate(), opened.getnframes()) == (2, 8000, 2 * SECOND)


def test_neither_sound_nor_number_lies_open_on_the_disk(tmp_path: Path, vault: Vault) -> None:
    made = two_seconds(tmp_path / "one", vault)
    made.end()
    written = (tmp_path / "one").read_bytes()
    assert b"13800000001" not in written
    assert encode(tone(400))[:64].tobytes() not in written
    assert tone(400)[:64].tobytes() not in written
    interleaved = np.empty(64, np.uint8)
    interleaved[0::2], interleaved[1::2] = encode(tone(400))[:32], encode(tone(1000))[:32]
    assert interleaved.tobytes() not in written
    assert (tmp_path / "one").stat().st_mode & 0o077 == 0


def test_another_installation_cannot_hear_it(tmp_path: Path, vault: Vault) -> None:
    two_seconds(tmp_path / "one", vault).end()
    other = Vault(Settings(data_dir=tmp_path / "other"))
    with pytest.raises(RecordingUnreadable, match="密钥"):
        Recording(tmp_path / "one", other)


@pytest.mark.parametrize("cut", [1, 20, 5000])
def test_a_crash_costs_only_the_last_block(tmp_path: Path, vault: Vault, cut: int) -> None:
    two_seconds(tmp_path / "one", vault).close()
    os.truncate(tmp_path / "one", (tmp_path / "one").stat().st_size - cut)
    with Recording(tmp_path / "one", vault) as recording:
        assert not recording.complete
        assert recording.samples == SECOND
        assert error_db(channels(recording)[:, 0], tone(400)) > 35


def test_withheld_time_is_silent_and_counted(tmp_path: Path, vault: Vault) -> None:
    made = writer(tmp_path / "one", vault)
    made.sound(tone(400), tone(1000))
    made.withheld(SECOND // 2)
    made.sound(tone(400), tone(1000))
    made.end()
    with Recording(tmp_path / "one", vault) as recording:
        assert recording.stretches("withheld") == [Stretch(1000, 1500)]
        heard = channels(recording)
        assert not heard[SECOND : SECOND * 3 // 2].any()
        assert error_db(heard[SECOND * 3 // 2 :, 0], tone(400)) > 35


def test_what_is_blotted_out_is_gone_from_the_disk(tmp_path: Path, vault: Vault) -> None:
    made = two_seconds(tmp_path / "one", vault)
    before = (tmp_path / "one").read_bytes()
    made.blot_out(SECOND // 2, SECOND * 3 // 2)
    made.sound(tone(400), tone(1000))
    made.end()
    with Recording(tmp_path / "one", vault) as recording:
        assert recording.stretches("withheld") == [Stretch(500, 1500)]
        heard = channels(recording)
        assert np.abs(heard[SECOND // 2 : SECOND * 3 // 2]).max() <= 8
        for part in (slice(0, SECOND // 2), slice(SECOND * 3 // 2, 2 * SECOND), slice(2 * SECOND, 3 * SECOND)):
            assert error_db(heard[part, 0], tone(400, 3)[part]) > 30
    after = (tmp_path / "one").read_bytes()
    shared = sum(before[at : at + 64] in after for at in range(200, len(before) - 64, 64))
    assert shared == 0, "ciphertext of what was blotted out is still there"


def test_a_block_that_was_changed_is_silence_not_noise(tmp_path: Path, vault: Vault) -> None:
    two_seconds(tmp_path / "one", vault).end()
    raw = bytearray((tmp_path / "one").read_bytes())
    raw[10_000] ^= 1
    (tmp_path / "one").write_bytes(raw)
    with Recording(tmp_path / "one", vault) as recording:
        heard = channels(recording)
        assert not heard[:SECOND].any()
        assert error_db(heard[SECOND:, 0], tone(400)) > 35


def test_a_full_disk_costs_time_on_record_and_the_file_stays_whole(tmp_path: Path, vault: Vault) -> None:
    made = two_seconds(tmp_path / "one", vault)
    room = made._file

    class Full(io.RawIOBase):
        def write(self, block: object) -> int:
            room.write(bytes(block)[:100])  # type: ignore[call-overload]
            raise OSError(28, "No space left on device")

        def fileno(self) -> int:
            return room.fileno()

        def seek(self, offset: int, whence: int = 0) -> int:
            return room.seek(offset, whence)

    made._file = Full()  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        made.sound(tone(400), tone(1000))
    made._file = room
    made.sound(tone(400), tone(1000))
    made.end()
    with Recording(tmp_path / "one", vault) as recording:
        assert recording.complete
        assert recording.stretches("lost") == [Stretch(2000, 3000)]
        assert error_db(channels(recording)[3 * SECOND :, 1], tone(1000)) > 35


def test_something_else_is_no_recording(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / "one").write_bytes(b"RIFF and so on, more than thirty bytes of it")
    with pytest.raises(RecordingUnreadable, match="不是录音文件"):
        Recording(tmp_path / "one", vault)
