"""``./hotline bench asr``: what recognition costs, with the model in use: × real time, slots a core, memory a slot, threads or processes.

A slot is one live stream of telephone speech, fed in real time in 100 ms pieces. So many streams at once are a core's slots as keep
the partial of a piece within 300 ms of it and the result within 500 ms of the end of speech, both at p95; they are doubled until
that breaks, then halved towards the limit. Worker and feeder share the machine: run it while nothing else does. Threads and processes
decode the same recordings in one run: N threads on one model in one process, N processes with a model each.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from asr_models.evaluate_demo import read_sentences, say
from asr_models.library import current
from benchmarks.report import Row, at_least, percentile, publish
from config.logs import set_up_logs
from config.settings import Settings

PARTIAL_MS: Final = 300.0
FINAL_MS: Final = 500.0
_SENTENCES: Final = 8
_PIECE_BYTES: Final = 1600
_PIECE_S: Final = 0.1
_MOST_SLOTS: Final = 128
_MEMORY_SLOTS: Final = 20
_ROUNDS: Final = 2


@dataclass(slots=True)
class Delays:
    """How late what was told came, in ms."""

    partial: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)

    @property
    def held(self) -> bool:
        return percentile(self.partial, 0.95) <= PARTIAL_MS and percentile(self.final, 0.95) <= FINAL_MS


def run(settings: Settings, *, as_json: bool, calls: int = _MOST_SLOTS) -> int:
    """Measure; ``calls``: the most streams to try. 0 when at least one slot a core is kept."""
    set_up_logs("WARNING")
    chosen = current(settings)
    speech = [pcm for _, pcm in say(read_sentences("citizens")[:: 100 // _SENTENCES])]
    seconds = sum(map(len, speech)) / 16_000
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    before = _resident_mb()
    single_s = _timed(lambda: _decode_all(str(chosen.path), speech))
    model_mb = _resident_mb() - before
    threads_s = _timed(lambda: _in_threads(str(chosen.path), speech, cores))
    processes_s = _in_processes(str(chosen.path), speech, cores)
    slots, delays = _slots_a_core(str(chosen.path), speech, calls)
    return publish(
        f"asr ({chosen.name})",
        [
            Row("1-minute load average before", load, "count"),
            Row("speed, one core", seconds / single_s, "x real time"),
            at_least("slots a core", slots, "count", 1),
            *_spread("partial late", delays.partial),
            *_spread("final late", delays.final),
            Row("memory of the model", model_mb, "MB"),
            Row("memory a slot", _memory_a_slot(str(chosen.path), speech[0]), "MB"),
            Row(f"speed, {cores} threads", cores * seconds / threads_s, "x real time"),
            Row(f"speed, {cores} processes", cores * seconds / processes_s, "x real time"),
            Row("processes against threads", threads_s / processes_s, "ratio"),
        ],
        as_json=as_json,
    )


def _spread(title: str, values: Sequence[float]) -> list[Row]:
    shares = [Row(f"{title} {name}", percentile(values, share), "ms") for name, share in
              (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))]  # fmt: skip
    return [*shares, Row(f"{title} worst", max(values), "ms")]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@cache
def _model(path: str) -> tuple[Any, Any]:
    import vosk

    from ivr.speech.grammar import Grammars

    vosk.SetLogLevel(-1)
    model = vosk.Model(path)
    return model, Grammars(model, Path(path))


def _session(path: str) -> Any:
    from ivr.speech.recogniser_worker import Session

    session = Session(*_model(path))
    session.begin(())
    return session


def _decode_all(path: str, speech: Sequence[bytes]) -> None:
    """As a worker does, as fast as it goes."""
    session = _session(path)
    for pcm in speech:
        session.begin(())
        for start in range(0, len(pcm), _PIECE_BYTES):
            session.feed(pcm[start : start + _PIECE_BYTES])
        session.finish()


def _in_threads(path: str, speech: Sequence[bytes], number: int) -> None:
    with ThreadPoolExecutor(number) as threads:
        for done in [threads.submit(_decode_all, path, speech) for _ in range(number)]:
            done.result()


def _in_processes(path: str, speech: Sequence[bytes], number: int) -> float:
    """Decoding time of ``number`` processes at once; their start, model and all, is not counted."""
    with ProcessPoolExecutor(number, mp_context=get_context("spawn")) as processes:
        for ready in [processes.submit(_decode_all, path, speech[:1]) for _ in range(number)]:
            ready.result()
        return _timed(
            lambda: [one.result() for one in [processes.submit(_decode_all, path, speech) for _ in range(number)]]
        )


def _slots_a_core(path: str, speech: Sequence[bytes], most: int) -> tuple[int, Delays]:
    """The most streams that one decoding thread keeps, and how late it is with so many."""
    kept, broken, number = 0, most + 1, min(4, most)
    best = Delays([0.0], [0.0])
    while number <= most and broken - kept > max(1, kept // 8):
        delays = _stream(path, speech, number)
        if delays.held:
            kept, best = number, delays
        else:
            broken = number
        number = 2 * number if broken > most else (kept + broken) // 2
        if number <= kept:
            break
    return kept, best


def _stream(path: str, speech: Sequence[bytes], number: int) -> Delays:
    """``number`` live streams on one decoding thread: pieces arrive when they were spoken, spread over 100 ms."""
    sessions = [_session(path) for _ in range(number)]
    pieces: queue.SimpleQueue[tuple[int, bytes | None, float] | None] = queue.SimpleQueue()
    delays = Delays()

    def decode() -> None:
        while (piece := pieces.get()) is not None:
            which, pcm, due = piece
            if pcm is None:
                sessions[which].finish()
                sessions[which].begin(())
            else:
                sessions[which].feed(pcm)
            (delays.final if pcm is None else delays.partial).append(1000 * (time.perf_counter() - due))

    thread = threading.Thread(target=decode, name="decode")
    thread.start()
    arrivals = _arrivals(speech, number)
    began = time.perf_counter()
    for arrival, which, pcm in arrivals:
        due = began + arrival
        time.sleep(max(0.0, due - time.perf_counter()))
        pieces.put((which, pcm, due))
    pieces.put(None)
    thread.join()
    return delays


def _arrivals(speech: Sequence[bytes], number: int) -> list[tuple[float, int, bytes | None]]:
    """When which stream's piece has been spoken, in order; ``None`` ends an utterance."""
    arrivals: list[tuple[float, int, bytes | None]] = []
    for which in range(number):
        at = _PIECE_S * which / number
        for turn in range(_ROUNDS):
            pcm = speech[(which + turn) % len(speech)]
            for start in range(0, len(pcm), _PIECE_BYTES):
                at += _PIECE_S
                arrivals.append((at, which, pcm[start : start + _PIECE_BYTES]))
            arrivals.append((at + 0.001, which, None))
    return sorted(arrivals, key=lambda one: one[0])


def _memory_a_slot(path: str, pcm: bytes) -> float:
    """What each further open call adds while it is spoken in."""
    sessions = [_session(path)]
    sessions[0].feed(pcm)
    before = _resident_mb()
    for _ in range(_MEMORY_SLOTS):
        sessions.append(_session(path))
        sessions[-1].feed(pcm)
    return (_resident_mb() - before) / _MEMORY_SLOTS
