"""``./hotline bench bargein``: how soon a prompt gives way to the caller, and how seldom it does to somebody who only listens.

Real calls: SIP and RTP on loopback, the node's own flow of a call, the installed recogniser, callers made by espeak-ng in
several voices and speeds. Only the prompt is not speech but a steady hum, so that each packet's level shows to 20 ms
when it was ducked, stopped and taken up again. Times run at the caller's phone, from the departure of its first voiced packet
to the arrival of the first packet with the new level. No gateway takes part: this is decided in the node.

Stopped: below −50 dBFS, whether for good or held. The recogniser is the demonstration model unless another is
installed; the back-channels' words are common ones, and none of the voices took part in setting the thresholds.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from asr_models.library import current
from benchmarks.node_calls import NodeLine
from benchmarks.report import Row, at_least, at_most, percentile, publish
from config.logs import set_up_logs
from config.settings import Settings
from ivr.phones.listening import dbfs, is_voiced
from ivr.protocol import Say, StopSaying
from ivr.sip.contract import SAMPLE_RATE
from ivr.sip.media import Taps
from ivr.speech.recogniser_pool import RecogniserPool
from ivr.speech.voice import Voice

DUCK_MS: Final = 200.0
DECIDE_MS: Final = 700.0
FALSE_STOPS: Final = 0.02
INTERRUPTIONS: Final = (
    "公积金怎么提取",
    "我要投诉楼下的工地",
    "等一下我不是问这个",
    "转人工",
    "社保卡丢了怎么办",
    "不对不是这个地址",
    "你先听我说完",
    "我想换一个问题",
)
BACK_CHANNELS: Final = ("嗯", "对", "好的", "哦", "是的", "嗯嗯", "好", "对对", "啊", "知道了", "行", "好的好的")
VOICES: Final = (("f1", 165), ("f2", 190), ("f4", 150), ("f5", 175), ("m1", 170), ("m2", 150), ("m5", 185), ("m7", 160))
COUGHS: Final = 24
_LINES: Final = 4
_PROMPT_S: Final = 60
_HUM_HZ: Final = 330
_HUM_LEVEL: Final = 0.14
_SETTLE_S: Final = 0.9
_WATCH_S: Final = 1.4
_DUCKED_DB: Final = 6.0
_SILENT_DBFS: Final = -50.0
_FULL_DB: Final = 1.5


@dataclass(frozen=True, slots=True)
class Trial:
    """One sound over a prompt. ``kind``: interruption, back-channel or cough."""

    kind: str
    pcm: bytes = field(repr=False)
    what: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """When the prompt was ducked, stopped and full again, in ms from the first voiced packet; ``None``: it was not."""

    trial: Trial
    ducked: float | None
    stopped: float | None
    full: float | None
    sound_ms: float


class Hum:
    """A speaker whose every text is a minute of one steady sound."""

    def __init__(self) -> None:
        moment = np.arange(_PROMPT_S * SAMPLE_RATE) / SAMPLE_RATE
        wave = _HUM_LEVEL * np.sqrt(2) * 32767 * np.sin(2 * np.pi * _HUM_HZ * moment)
        self._pcm = bytes(wave.astype("<i2").tobytes())

    async def synthesise(self, text: str, *, keep: bool = False) -> bytes:
        return self._pcm

    async def stream(self, text: str, *, keep: bool = False) -> AsyncIterator[bytes]:
        yield self._pcm


class Ear:
    """The caller's phone: when voiced packets left, and how loud those were that came."""

    def __init__(self) -> None:
        self.taps = Taps(arrival=self._arrived, departure=self._departed)
        self.levels: list[tuple[float, float]] = []
        self.voiced: list[float] = []

    def restart(self) -> None:
        self.levels, self.voiced = [], []

    def _arrived(self, samples: bytes) -> None:
        self.levels.append((asyncio.get_running_loop().time(), dbfs(samples)))

    def _departed(self, frame: bytes) -> None:
        if is_voiced(frame):
            self.voiced.append(asyncio.get_running_loop().time())

    def outcome(self, trial: Trial, full_dbfs: float) -> Outcome:
        """What the levels since :meth:`restart` say."""
        began = self.voiced[0]

        def first(after: float, holds: Callable[[float], bool]) -> float | None:
            return next((at for at, level in self.levels if at >= after and holds(level)), None)

        ducked = first(began, lambda level: level < full_dbfs - _DUCKED_DB)
        stopped = first(began, lambda level: level < _SILENT_DBFS)
        full = first(ducked, lambda level: level > full_dbfs - _FULL_DB) if ducked is not None else None

        def ms(at: float | None) -> float | None:
            return None if at is None else 1000 * (at - began)

        return Outcome(trial, ms(ducked), ms(stopped), ms(full), 1000 * (self.voiced[-1] - began))


def run(settings: Settings, *, as_json: bool) -> int:
    """Measure; 0 when all targets are met."""
    set_up_logs("WARNING")
    load = os.getloadavg()[0]
    model = current(settings)
    outcomes = asyncio.run(_measure(settings, model.path))
    rows = [Row(f"recogniser {model.name}", 1, "model"), Row("load average at start", round(load, 2), "load")]
    return publish("bargein", [*rows, *rows_of(outcomes)], as_json=as_json)


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """The figures."""
    speech = [one for one in outcomes if one.trial.kind == "interruption"]
    listening = [one for one in outcomes if one.trial.kind == "back-channel"]
    coughs = [one for one in outcomes if one.trial.kind == "cough"]
    ducked = [one.ducked for one in outcomes if one.ducked is not None]
    stopped = [one.stopped for one in speech if one.stopped is not None]
    resumed = [one.full for one in [*listening, *coughs] if one.stopped is None and one.full is not None]
    false_stops = sum(one.stopped is not None for one in listening)
    lost = sum(one.stopped is not None and (one.full is None or one.full < one.stopped) for one in listening)
    return [
        Row("sounds over a prompt", len(outcomes), "count"),
        at_least("ducked", len(ducked) / len(outcomes), "share", 1.0),
        *_spread("duck", ducked, DUCK_MS),
        at_least("interruptions that stopped it", len(stopped) / len(speech), "share", 1.0),
        *_spread("stop", stopped, DECIDE_MS),
        *_spread("full again after a back-channel or cough", resumed, DECIDE_MS),
        at_most("false stops on back-channels", round(false_stops / len(listening), 4), "share", FALSE_STOPS),
        Row("back-channels", len(listening), "count"),
        Row("of these, prompts not taken up again within 1.4 s", lost, "count"),
        Row("false stops on coughs", sum(one.stopped is not None for one in coughs), "count"),
        Row("coughs", len(coughs), "count"),
    ]


def _spread(title: str, values: Sequence[float], target: float) -> list[Row]:
    """Percentiles; the target holds for the worst."""
    if not values:
        return [at_least(f"{title} measured", 0, "count", 1)]
    shares = [Row(f"{title} {name}", round(percentile(values, share), 1), "ms") for name, share in _SHARES.items()]
    return [*shares, at_most(f"{title} worst", round(max(values), 1), "ms", target)]


_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


async def _measure(settings: Settings, model: Path) -> list[Outcome]:
    trials = await _trials()
    with tempfile.TemporaryDirectory(prefix="hotline-bargein-") as folder:
        async with RecogniserPool(model, 2) as pool:
            shares = [trials[number::_LINES] for number in range(_LINES)]
            heard = await asyncio.gather(*(_one_line(settings, Path(folder), pool, share) for share in shares))
    return [outcome for line in heard for outcome in line]


async def _trials() -> list[Trial]:
    """All sounds, in an order that mixes kinds and voices."""
    trials: list[Trial] = []
    for number, (variant, rate) in enumerate(VOICES):
        async with Voice("caller", variant=variant, rate=rate) as voice:
            for words in BACK_CHANNELS:
                trials.append(Trial("back-channel", await voice.synthesise(words), words))
            for words in INTERRUPTIONS[number % 2 :: 2]:
                trials.append(Trial("interruption", await voice.synthesise(words), words))
    random = np.random.default_rng(7)
    trials += [Trial("cough", _cough(random)) for _ in range(COUGHS)]
    return [trials[int(place)] for place in random.permutation(len(trials))]


def _cough(random: np.random.Generator) -> bytes:
    """One or two bursts of coloured noise, 120 to 260 ms each, that rise at once and die away."""
    bursts = []
    for _ in range(int(random.integers(1, 3))):
        count = int(random.integers(960, 2080))
        wave = np.convolve(random.normal(0, 1, count), np.ones(3) / 3, "same") * np.exp(-3.0 * np.arange(count) / count)
        bursts.append((0.2 * 32767 * wave).clip(-32768, 32767).astype("<i2").tobytes())
    return bytes(bytes(16 * 120).join(bursts))


async def _one_line(settings: Settings, folder: Path, pool: RecogniserPool, trials: Sequence[Trial]) -> list[Outcome]:
    """One call after another sound."""
    ear, outcomes = Ear(), []
    async with NodeLine(settings, folder, pool, Hum()) as line, line.call(ear.taps) as call:
        flow, phone = call.flow, call.phone
        for number, trial in enumerate(trials):
            flow.command(Say(call=flow.call_id, id=f"prompt {number}", text="提示"))
            await asyncio.sleep(_SETTLE_S)
            full = percentile([level for _, level in ear.levels[-10:]], 0.5)
            ear.restart()
            phone.play(trial.pcm)
            await phone.drained()
            await asyncio.sleep(_WATCH_S)
            outcomes.append(ear.outcome(trial, full))
            flow.command(StopSaying(call=flow.call_id))
            await asyncio.sleep(_SETTLE_S)
        return outcomes
