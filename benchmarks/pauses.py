"""How long the node waits for the end of an utterance, and how often it takes a pause for the end. Part of ``bench turn``.

Each sentence of ``data/pauses.yaml`` is said in a call of its own, by one of several voices, so that nothing is known of how
its caller pauses. Cut off: more than one utterance came of it.
"""

import asyncio
import contextlib
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from benchmarks.node_calls import NodeLine
from benchmarks.report import Row, at_most, percentile
from config.settings import Settings
from ivr.protocol import Expect, SpeechFinal
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.voice import Voice

CUT_OFF: Final = 0.02
SHORTEST_MS: Final = 600
LONGEST_MS: Final = 1200
_DATA: Final = Path(__file__).resolve().parent / "data" / "pauses.yaml"
_VOICES: Final = (("f2", 160), ("m3", 170), ("f5", 150), ("m6", 165))
_WITHIN_S: Final = 4.0
"""No threshold is longer: the end was decided by then."""
_RECOGNISED_S: Final = 4.0
"""On a busy machine the words may take this much longer."""
_BEFORE_S: Final = 0.5
_MAY_CONTAIN: Final = ("unfinished", "clause")


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence as it was said, and the utterances that came of it. ``waits_ms``: from the last voice to the decision."""

    kind: str
    pause_ms: int
    pcm: bytes = field(repr=False)
    utterances: int = 0
    waits_ms: tuple[int, ...] = ()


async def measure_pauses(settings: Settings, model: Path, *, repeats: int = 2) -> list[Said]:
    """Say every sentence ``repeats`` times, with other pauses and voices each time."""
    sentences = await _sentences(repeats)
    with tempfile.TemporaryDirectory(prefix="hotline-pauses-") as folder:
        async with RecogniserPool(model, 2) as pool:
            lines = len(_VOICES)
            heard = await asyncio.gather(
                *(_one_line(settings, Path(folder), pool, sentences[number::lines]) for number in range(lines))
            )
    return [said for line in heard for said in line]


def pause_rows(heard: Sequence[Said]) -> list[Row]:
    """Cut-offs and the wait at the end; two questions in a row are counted apart."""
    said_within = [said for said in heard if said.kind in _MAY_CONTAIN]
    within = [said for said in said_within if said.utterances]
    between = [said for said in heard if said.kind not in _MAY_CONTAIN]
    waits = [float(said.waits_ms[-1]) for said in within if said.waits_ms]
    cut = sum(said.utterances > 1 for said in within)
    by_kind = [
        Row(f"cut off, pause {kind}", sum(s.utterances > 1 for s in within if s.kind == kind), "count")
        for kind in _MAY_CONTAIN
    ]
    return [
        Row("utterances with an inner pause", len(said_within), "count"),
        Row("of these without a word recognised, left out", len(said_within) - len(within), "count"),
        at_most("premature cut-offs", round(cut / max(1, len(within)), 4), "share", CUT_OFF),
        *by_kind,
        Row("endpoint wait mean, inner pauses", round(sum(waits) / max(1, len(waits)), 1), "ms"),
        Row("endpoint wait p95, inner pauses", percentile(waits, 0.95), "ms"),
        Row("answered between two questions", sum(said.utterances > 1 for said in between), "count"),
        Row("two questions in a row", len(between), "count"),
    ]


async def _sentences(repeats: int) -> list[Said]:
    by_kind: dict[str, list[str]] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    chance = random.Random(20261121)
    said = []
    async with contextlib.AsyncExitStack() as stack:
        voices = [
            await stack.enter_async_context(Voice("caller", variant=variant, rate=rate)) for variant, rate in _VOICES
        ]
        for again in range(repeats):
            for kind, sentences in by_kind.items():
                for number, sentence in enumerate(sentences, again):
                    voice = voices[number % len(voices)]
                    pause_ms = chance.randrange(SHORTEST_MS, LONGEST_MS + 1, 20)
                    before, after = [await voice.synthesise(part) for part in sentence.split("|")]
                    said.append(Said(kind, pause_ms, before + bytes(16 * pause_ms) + after))
    chance.shuffle(said)
    return said


async def _one_line(settings: Settings, folder: Path, pool: RecogniserPool, sentences: Sequence[Said]) -> list[Said]:
    heard = []
    async with Voice("bot") as voice, NodeLine(settings, folder, pool, voice) as line:
        for said in sentences:
            async with line.call() as call:
                call.flow.command(Expect(call=call.flow.call_id, no_input_s=60))
                await asyncio.sleep(_BEFORE_S)
                call.phone.play(said.pcm)
                await call.phone.drained()
                call.flow.command(Expect(call=call.flow.call_id, no_input_s=60))
                await asyncio.sleep(_WITHIN_S)
                for _ in range(round(_RECOGNISED_S / 0.1)):
                    if call.of(SpeechFinal):
                        break
                    await asyncio.sleep(0.1)
                finals = call.of(SpeechFinal)
                waits = tuple(final.endpoint_ms - final.end_ms for final in finals)
                heard.append(Said(said.kind, said.pause_ms, b"", len(finals), waits))
    return heard
