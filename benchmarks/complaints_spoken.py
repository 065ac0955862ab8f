"""``./hotline bench complaints_spoken``: the complaints of ``data/complaints.jsonl``, typed and spoken, read for elements.

Each is spoken by the test voice, goes through A-law as on a telephone line, and is recognised in a recogniser's worker
without hints. Right means the words of the gold, character by character: a homophone counts as wrong. Invented means that
nothing of the kind was said, or that the value is not among the recognised words; a wrongly recognised word is not invented
by the extractor, it counts under "wrong".
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from asr_models.library import current
from asr_models.measure import errors
from asr_models.telephone import alaw_round_trip
from benchmarks.elements import DATA, Verdict, load, read, score
from benchmarks.report import Row, publish
from config.logs import set_up_logs
from config.rulebook import load_rulebook
from config.settings import Settings
from dialog.elements.extract import Extractor
from ivr.speech.recogniser import RecogniserLost
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.voice import Voice
from tickets.model import ElementName

Verdicts = dict[ElementName, Verdict]


def run(settings: Settings, *, as_json: bool = False) -> int:
    """Measure; there are no targets, so the exit code is 0."""
    set_up_logs("WARNING")
    cases = load(DATA)
    extractor = Extractor(load_rulebook("zhanjiang"))
    heard = asyncio.run(_hear(settings, [case["text"] for case in cases]))
    spoken_cases = [case | {"text": text} for case, text in zip(cases, heard, strict=True)]
    typed, spoken = _scored(extractor, cases), _scored(extractor, spoken_cases)
    counted = [errors(case["text"], text) for case, text in zip(cases, heard, strict=True)]
    wrong, length = (sum(column) for column in zip(*counted, strict=True))
    return publish(
        "complaints_spoken",
        [
            Row("complaints", len(cases), "count"),
            Row("nothing recognised", sum(not text for text in heard), "count"),
            Row("character error rate", round(wrong / length, 4), "share"),
            *(row for name in ElementName for row in rows(name, typed, spoken)),
        ],
        as_json=as_json,
    )


def rows(name: ElementName, typed: Sequence[Verdicts], spoken: Sequence[Verdicts]) -> list[Row]:
    """One element's counts: said in the complaints, then typed beside spoken."""
    found = [Row(f"{name} told", sum(one[name].told for one in typed), "count")]
    for way, verdicts in (("typed", typed), ("spoken", spoken)):
        of_name = [one[name] for one in verdicts]
        right, invented = sum(one.right for one in of_name), sum(one.invented for one in of_name)
        wrong = sum(one.filled and not one.right and not one.invented for one in of_name)
        found += [
            Row(f"{name} {way} right", right, "count"),
            Row(f"{name} {way} wrong", wrong, "count"),
            Row(f"{name} {way} invented", invented, "count"),
        ]
    return found


def _scored(extractor: Extractor, cases: Sequence[dict[str, Any]]) -> list[Verdicts]:
    return [score(case, read(extractor, case)) for case in cases]


async def _hear(settings: Settings, sentences: Sequence[str]) -> list[str]:
    """What the recogniser makes of each sentence; empty where it gave no result."""
    heard: list[str] = []
    async with RecogniserPool(current(settings).path, 1) as pool, Voice("caller") as voice:
        for sentence in sentences:
            pcm = np.frombuffer(await voice.synthesise(sentence), dtype="<i2")
            line = alaw_round_trip(pcm.astype(np.float64)).astype("<i2").tobytes()
            text = ""
            with contextlib.suppress(RecogniserLost):
                text = (await pool.transcribe(line)).text
            heard.append(text)
    return heard
