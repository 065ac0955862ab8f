"""In which order a busy recognition process works."""

import threading

from ivr.speech.pipe_frames import Kind, PipeFrame
from ivr.speech.work_queue import MOST_BYTES, WorkQueue


def audio(id: int, mark: int, size: int = 320) -> PipeFrame:
    return PipeFrame(Kind.AUDIO, id, bytes([mark]) * size)


def taken(queue: WorkQueue) -> list[tuple[Kind, int, int]]:
    queue.end()
    found = []
    while frame := queue.take():
        found.append((frame.kind, frame.id, len(frame.payload)))
    return found


def filled(*frames: PipeFrame) -> WorkQueue:
    queue = WorkQueue()
    for frame in frames:
        queue.put(frame)
    return queue


def test_calls_take_turns_and_what_piled_up_of_one_comes_together() -> None:
    queue = filled(*(audio(id, mark) for mark in range(20) for id in (1, 2)), PipeFrame(Kind.CLOSE, 1, b""))
    assert taken(queue) == [
        (Kind.AUDIO, 1, MOST_BYTES),
        (Kind.AUDIO, 2, MOST_BYTES),
        (Kind.AUDIO, 1, 5 * 320),
        (Kind.AUDIO, 2, 5 * 320),
        (Kind.CLOSE, 1, 0),
    ]


def test_whoever_has_finished_goes_first_with_all_of_it() -> None:
    queue = filled(audio(1, 0), audio(2, 0), audio(3, 0, 6400), PipeFrame(Kind.FINISH, 3, b""), audio(1, 1))
    assert [(kind, id) for kind, id, _ in taken(queue)] == [
        (Kind.AUDIO, 3),
        (Kind.FINISH, 3),
        (Kind.AUDIO, 1),
        (Kind.AUDIO, 2),
    ]


def test_a_call_keeps_its_order_over_several_utterances() -> None:
    opened, finished = PipeFrame(Kind.OPEN, 7, b"{}"), PipeFrame(Kind.FINISH, 7, b"")
    frames = [opened, audio(7, 1), finished, opened, audio(7, 2), finished, opened, audio(7, 3)]
    queue = filled(audio(8, 0), *frames)
    kinds = [kind for kind, id, _ in taken(queue) if id == 7]
    assert kinds == [frame.kind for frame in frames]


def test_no_byte_is_lost_or_moved() -> None:
    queue = filled(*(audio(1, mark) for mark in range(50)))
    queue.end()
    found = b""
    while frame := queue.take():
        found += frame.payload
    assert found == b"".join(bytes([mark]) * 320 for mark in range(50))


def test_who_waits_for_work_is_woken() -> None:
    queue = WorkQueue()
    found: list[PipeFrame | None] = []
    waiting = threading.Thread(target=lambda: found.extend((queue.take(), queue.take())))
    waiting.start()
    queue.put(audio(1, 0))
    queue.end()
    waiting.join(5)
    assert not waiting.is_alive()
    assert found == [audio(1, 0), None]
