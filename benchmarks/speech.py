"""``./hotline bench speech``: what the hotline says of every sample entry: its level, its joins, its speed, and whether it is understood.

Each answer is synthesised as callers hear it, goes through A-law, and is recognised by the model in use; alike is compared in
sound with what was to be said. Speed: how long a voice that is ready takes until the first piece, and for a whole answer.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from asr_models.library import current
from asr_models.measure import likeness
from asr_models.telephone import alaw_round_trip
from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.logs import set_up_logs
from config.settings import Settings
from ivr.prompts import load_prompts
from ivr.speech.normaliser import plain
from ivr.speech.recogniser import RecogniserLost
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.telephone_band import LEVEL_DBFS, largest_jump, level_dbfs
from ivr.speech.voice import Voice, hotline_voice
from knowledge.entries import sample_entries

LEVEL_WITHIN_DB: Final = 2.0
ALIKE: Final = 0.85
_FULL: Final = 32_700


@dataclass(frozen=True, slots=True)
class Spoken:
    """One answer. ``levels``: of its pieces in dBFS; ``click``: a step at a join above all those inside pieces."""

    levels: tuple[float, ...]
    clipped: bool
    click: bool
    first_ms: float
    whole_ms: float
    audio_s: float
    alike: float


def run(settings: Settings, *, as_json: bool, turns: int = 150) -> int:
    """Measure the first ``turns`` sample answers; 0 when all targets are met."""
    set_up_logs("WARNING")
    model = current(settings)
    spoken = asyncio.run(_measure(settings, turns))
    return publish("speech", rows(spoken), as_json=as_json, notes={"model": model.name})


def rows(spoken: list[Spoken]) -> list[Row]:
    """The figures."""
    levels = [level for one in spoken for level in one.levels]
    alike = [one.alike for one in spoken]
    return [
        Row("answers", len(spoken), "count"),
        Row("pieces", len(levels), "count"),
        at_most(
            "furthest from -20 dBFS", round(max(abs(level - LEVEL_DBFS) for level in levels), 2), "dB", LEVEL_WITHIN_DB
        ),
        at_most("answers clipped", sum(one.clipped for one in spoken), "count", 0),
        at_most("answers with a click at a join", sum(one.click for one in spoken), "count", 0),
        at_least("likeness mean", round(sum(alike) / len(alike), 3), "share", ALIKE),
        Row("likeness p5", round(percentile(alike, 0.05), 3), "share"),
        Row("likeness worst", round(min(alike), 3), "share"),
        Row("first piece p50", round(percentile([one.first_ms for one in spoken], 0.5), 1), "ms"),
        Row("first piece p95", round(percentile([one.first_ms for one in spoken], 0.95), 1), "ms"),
        Row("whole answer p50", round(percentile([one.whole_ms for one in spoken], 0.5), 1), "ms"),
        Row(
            "times faster than speech",
            round(sum(o.audio_s for o in spoken) / sum(o.whole_ms for o in spoken) * 1000),
            "times",
        ),
    ]


async def _measure(settings: Settings, turns: int) -> list[Spoken]:
    async with hotline_voice(settings, load_prompts()) as voice, RecogniserPool(current(settings).path, 1) as pool:
        await voice.start()
        return [await _answer(voice, pool, entry.speech) for entry in sample_entries()[:turns]]


async def _answer(voice: Voice, pool: RecogniserPool, text: str) -> Spoken:
    began = time.perf_counter()
    times: list[float] = []
    pieces: list[bytes] = []
    async for pcm in voice.stream(text):
        times.append((time.perf_counter() - began) * 1000)
        pieces.append(pcm)
    whole = b"".join(pieces)
    line = alaw_round_trip(np.frombuffer(whole, dtype="<i2").astype(np.float64)).astype("<i2").tobytes()
    heard = ""
    try:
        heard = (await pool.transcribe(line)).text
    except RecogniserLost:
        sys.stderr.write("没有识别结果\n")
    alike = likeness(plain(text), heard)
    if alike < ALIKE:
        sys.stderr.write(f"{alike:.2f} {text} → {heard}\n")
    return Spoken(
        tuple(level_dbfs(pcm) for pcm in pieces),
        int(np.abs(np.frombuffer(whole, dtype="<i2").astype(np.int32)).max()) >= _FULL,
        largest_jump(whole) > max(map(largest_jump, pieces)),
        times[0],
        times[-1],
        len(whole) / 16_000,
        alike,
    )
