"""The queue of samples to be sent."""

import asyncio
from collections.abc import Callable

import pytest

from ivr.sip.contract import FRAME_BYTES
from ivr.sip.playback import Playback


def pcm(samples: int, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * samples


def test_pieces_are_joined_and_the_end_is_padded() -> None:
    queue = Playback()
    queue.add(pcm(100, 1))
    queue.add(pcm(100, 2))
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    assert first[0] == pcm(100, 1) + pcm(60, 2)
    assert second[0] == pcm(40, 2) + bytes(2 * 120)
    assert queue.take() is None


def test_marks_go_with_the_frame_that_holds_their_first_sample() -> None:
    queue = Playback()
    marks = [lambda: None for _ in range(3)]
    queue.add(pcm(160), marks[0])
    queue.add(pcm(10), marks[1])
    queue.add(pcm(200), marks[2])
    assert [taken[1] for taken in iter(queue.take, None) if taken] == [(marks[0],), (marks[1], marks[2]), ()]


def test_what_is_queued_and_dropped_is_counted() -> None:
    queue = Playback()
    queue.add(pcm(161))
    assert queue.queued_ms == 21
    queue.take()
    assert queue.queued_ms == 1
    assert queue.flush() == 1
    assert queue.queued_ms == 0
    assert queue.take() is None


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
