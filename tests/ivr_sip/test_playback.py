"""The queue of samples to be sent."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from aiortp.codecs import PcmaCodec
from numpy.typing import NDArray

from ivr.sip.contract import FRAME_BYTES
from ivr.sip.playback import Frame, Playback


def pcm(samples: int, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * samples


def test_pieces_are_joined_and_the_end_is_padded() -> None:
    queue = Playback()
    queue.add(pcm(100, 1))
    queue.add(pcm(100, 2))
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    assert first.pcm == pcm(100, 1) + pcm(60, 2)
    assert second.pcm == pcm(40, 2) + bytes(2 * 120)
    assert queue.take() is None


def test_marks_go_with_the_frame_that_holds_their_first_sample() -> None:
    queue = Playback()
    marks = [lambda: None for _ in range(3)]
    queue.add(pcm(160), marks[0])
    queue.add(pcm(10), marks[1])
    queue.add(pcm(200), marks[2])
    assert [taken.marks for taken in iter(queue.take, None) if taken] == [(marks[0],), (marks[1], marks[2]), ()]


def test_what_is_queued_and_dropped_is_counted() -> None:
    queue = Playback()
    queue.add(pcm(161))
    assert queue.queued_ms == 21
    queue.take()
    assert queue.queued_ms == 1
    assert queue.flush() == 1
    assert queue.queued_ms == 0


def test_half_a_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="16 位"):
        Playback().add(b"\0" * (FRAME_BYTES + 1))


@pytest.mark.parametrize("finish", [Playback.take, Playback.flush, Playback.close])
async def test_drained_waits_for_the_last_frame_a_flush_or_the_end(finish: Callable[[Playback], object]) -> None:
    queue = Playback()
    queue.add(pcm(160))
    waiting = asyncio.create_task(queue.drained())
    await asyncio.sleep(0)
    assert not waiting.done()
    finish(queue)
    await waiting


def test_a_closed_queue_takes_nothing_more() -> None:
    queue = Playback()
    queue.close()
    queue.add(pcm(160))
    assert queue.queued_ms == 0


def samples(taken: Frame | None) -> NDArray[np.int16]:
    assert taken is not None
    return np.frombuffer(taken.pcm, np.int16)


def steepest(sound: NDArray[np.int16]) -> int:
    return int(np.abs(np.diff(sound.astype(int))).max())


def test_what_was_being_heard_fades_out_in_a_few_milliseconds() -> None:
    queue = Playback()
    queue.add(pcm(480, 10_000))
    heard = samples(queue.take())
    assert queue.flush() == 40
    heard = np.concatenate([heard, samples(queue.take())])
    assert steepest(heard) < 300
    assert not heard[160 + 80 :].any()
    assert queue.take() is None


def test_what_was_not_yet_heard_is_dropped_whole() -> None:
    queue = Playback()
    queue.add(pcm(480, 10_000))
    queue.flush()
    assert queue.take() is None


def test_what_is_said_after_a_flush_follows_the_fading_end() -> None:
    queue = Playback()
    queue.add(pcm(480, 10_000))
    queue.take()
    queue.flush()
    queue.add(pcm(160, 77))
    first, second = samples(queue.take()), samples(queue.take())
    assert first[63] < 200
    assert (first[64:] == 77).all()
    assert np.count_nonzero(second == 77) == 64
    assert queue.take() is None


def test_a_prompt_is_lowered_within_one_frame_and_without_a_click() -> None:
    queue = Playback()
    queue.add(pcm(800, 10_000))
    heard = [samples(queue.take())]
    queue.set_gain(-20)
    heard += [samples(queue.take()), samples(queue.take())]
    assert (heard[2] == 1000).all()
    queue.set_gain(0)
    heard += [samples(queue.take()), samples(queue.take())]
    assert (heard[4] == 10_000).all()
    assert steepest(np.concatenate(heard)) < 100


def test_a_gain_is_clipped_and_very_soft_is_silent() -> None:
    queue = Playback()
    queue.add(pcm(160, 30_000))
    queue.add(pcm(160, 30_000))
    queue.set_gain(6)
    assert samples(queue.take())[-1] == 32_767
    queue.set_gain(-90)
    assert samples(queue.take())[-1] == 0


def test_what_is_said_after_a_flush_is_as_loud_as_it_was_made() -> None:
    queue = Playback()
    queue.set_gain(-40)
    queue.flush()
    queue.add(pcm(160, 5000))
    assert (samples(queue.take()) == 5000).all()


def test_a_gain_set_in_silence_needs_no_ramp() -> None:
    queue = Playback()
    queue.set_gain(-20)
    assert queue.take() is None
    queue.add(pcm(160, 10_000))
    assert (samples(queue.take()) == 1000).all()


@pytest.mark.parametrize("gain", [0.0, -6.0])
def test_a_frame_that_is_encoded_already_is_the_frame(gain: float) -> None:
    encode = PcmaCodec().encode
    queue = Playback(encode)
    for length in (1000, 70, 3, 640):
        queue.add(np.random.default_rng(length).integers(-30_000, 30_000, length, np.int16).tobytes())
    queue.set_gain(gain)
    frames = [frame for frame in iter(queue.take, None) if frame]
    encoded = [frame for frame in frames if frame.payload is not None]
    assert (len(frames), len(encoded)) == ((11, 8) if gain == 0.0 else (11, 0))
    assert all(frame.payload == encode(frame.pcm) for frame in encoded)
