"""Speech with labels: espeak-ng reads words and syllables in many voices, and says itself where each sound begins."""

import os
import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

import jieba
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from asr_models.espeak import VOICE, Espeak, SpeechFailed, Utterance, espeak_text
from asr_models.phonetics import espeak_spelling, is_syllable, split_syllable, syllables, with_third_tone_sandhi
from asr_models.telephone import RATE
from asr_models.train.features import FRAME_MIDDLE, FRAME_SHIFT, features
from asr_models.train.lines import Signal, no_speech, through_a_line
from asr_models.train.phones import NOISE, OUTPUTS

TRAINING_VARIANTS: Final = tuple(
    re.findall(
        r"\w+",
        "Alex Alicia Andy Annie AnxiousAndy Denis Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen Reed "
        "RicishayMax RicishayMax2 RicishayMax3 Storm Tweaky adam anika anikaRobot announcer antonio aunty benjamin boris "
        "caleb david ed edward f1 f2 f3 f5 grandma grandpa iven iven4 john kaukovalta klatt klatt2 klatt4 klatt5 linda m1 m2 "
        "m3 m4 m5 m6 m8 marcelo max michel miguel norbert pablo paul pedro rob robert sandro shelby steph steph2 travis "
        "victor zac",
    )
)
UNSEEN_VARIANTS: Final = ("f4", "m7", "Andrea", "Diogo", "belinda", "klatt3", "quincy", "steph3")
"""Never trained on; ``asr_models/eval`` is spoken by these."""
DEVELOPMENT_VARIANTS: Final = ("gustave", "ian", "iven2", "iven3", "mike2", "edward2", "klatt6", "fast")
"""Never trained on either; the development sentences, on which choices are made, are spoken by these."""

_SHARD_MINUTES: Final = 3.0
_DEFAULT_VOICE_SHARE: Final = 0.14
"""The plain voice is the bot's own and gets more than the others."""
_SYSTEM_SHARE: Final = 0.3
_CHUNK: Final = RATE // 10
"""Samples that reach the pitch tracker at a time: between what a call brings (20 ms) and what a file does (200 ms)."""
_LONGEST_RUN: Final = 400
"""Utterances after which a shard is closed even if much was thrown away."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A few minutes of one voice of one build: the unit of work that is resumed."""

    build: str
    variant: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.build}-{self.variant or 'plain'}-{self.number}"

    @property
    def voice(self) -> str:
        return f"{VOICE}+{self.variant}" if self.variant else VOICE


def plan(minutes: float, seed: int) -> list[Shard]:
    """Which voices of which builds speak how many shards; the same for the same arguments."""
    count = max(4, round(minutes / _SHARD_MINUTES))
    draw = Random(seed)
    plain = max(2, round(count * _DEFAULT_VOICE_SHARE))
    order = list(TRAINING_VARIANTS)
    draw.shuffle(order)
    variants = [""] * plain + [order[index % len(order)] for index in range(count - plain)]
    shards = [
        Shard("system" if (index % 10) < _SYSTEM_SHARE * 10 else "loader", variant, index)
        for index, variant in enumerate(variants)
    ]
    draw.shuffle(shards)
    return shards


@lru_cache(maxsize=1)
def _common_words() -> tuple[list[str], list[float]]:
    words, weights = [], []
    for line in (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, frequency, _ = line.split(" ")
        if int(frequency) >= 60 and len(word) <= 4 and all("一" <= character <= "鿿" for character in word):
            words.append(word)
            weights.append(int(frequency) ** 0.4)
    return words, weights


@lru_cache(maxsize=1)
def _all_syllables() -> list[str]:
    found = {one for word in _common_words()[0] for one in syllables(word)}
    found |= {one for code in range(0x4E00, 0x9FA6) for one in syllables(chr(code))}
    return sorted(one for one in found if is_syllable(one))


def draw_syllables(draw: Random, sentences: list[str]) -> tuple[str, ...]:
    """What is said next: a sentence, a few common words, digits, or any syllables whatever."""
    kind = draw.random()
    if sentences and kind < 0.45:
        said = syllables(draw.choice(sentences))[:24]
    elif kind < 0.75:
        words, weights = _common_words()
        said = tuple(one for word in draw.choices(words, weights, k=draw.randint(1, 6)) for one in syllables(word))
    elif kind < 0.82:
        said = tuple(
            one for _ in range(draw.randint(2, 11)) for one in syllables(draw.choice("零一二三四五六七八九幺两十百千"))
        )
    else:
        said = tuple(draw.choice(_all_syllables()) for _ in range(draw.randint(2, 10)))
    return with_third_tone_sandhi(said) if draw.random() < 0.6 else said


def _segments(spoken: Utterance, said: tuple[str, ...]) -> list[tuple[float, float, int]]:
    """(start, end, output) of every state, in samples. Raises ``SpeechFailed`` where sounds and syllables differ."""
    ends = [*(phone.sample for phone in spoken.phones[1:]), len(spoken.samples)]
    sounds: dict[int, list[tuple[int, int]]] = {}
    for phone, end in zip(spoken.phones, ends, strict=True):
        if not phone.name.startswith("_"):
            sounds.setdefault(phone.syllable, []).append((phone.sample, end))
    if sorted(sounds) != list(range(len(said))):
        raise SpeechFailed("音节数对不上")
    segments: list[tuple[float, float, int]] = []
    for index, syllable in enumerate(said):
        initial, final = split_syllable(syllable)
        start, end = sounds[index][0][0], sounds[index][-1][1]
        if initial:
            border = sounds[index][1][0] if len(sounds[index]) > 1 else (start + end) // 2
            segments.append((start, border, OUTPUTS[initial][0]))
            start = border
        middle = (start + end) // 2
        first, second = OUTPUTS[final + syllable[-1]]
        segments += [(start, middle, first), (middle, end, second)]
    return segments


@dataclass(frozen=True, slots=True)
class Labelled:
    """Features (frames × bins, float16) with the output of every frame."""

    features: NDArray[np.float16]
    outputs: NDArray[np.int16]


def _label(signal: Signal, segments: list[tuple[float, float, int]]) -> Labelled:
    made = features(signal, _CHUNK)
    middles = np.arange(len(made)) * FRAME_SHIFT + FRAME_MIDDLE
    outputs = np.zeros(len(made), np.int16)
    for start, end, output in segments:
        outputs[(middles >= start) & (middles < end)] = output
    return Labelled(made.astype(np.float16), outputs)


def _loud(signal: Signal, offset: int) -> list[tuple[float, float, int]]:
    """The parts of a moment without speech that are noise and not silence, as segments from ``offset`` on."""
    blocks = len(signal) // FRAME_SHIFT
    power = np.mean(signal[: blocks * FRAME_SHIFT].reshape(blocks, FRAME_SHIFT) ** 2, 1)
    loud = np.flatnonzero(power > power.max() * 0.01)
    output = OUTPUTS[NOISE][0]
    return [(offset + block * FRAME_SHIFT, offset + (block + 1) * FRAME_SHIFT, output) for block in loud.tolist()]


class _Speaker:
    """One voice on ever new lines; remembers what it said, to be the babble in the background of what it says next."""

    def __init__(self, voice: Espeak, draw: Random, noise: np.random.Generator) -> None:
        self._voice, self._draw, self._noise = voice, draw, noise
        self._said: deque[Signal] = deque(maxlen=12)

    def babble(self) -> Signal | None:
        """Four to six earlier utterances at once, at other pitches; none before enough was said."""
        if len(self._said) < 6:
            return None
        made = np.zeros(int(self._draw.uniform(2, 5) * RATE))
        for said in self._draw.sample(list(self._said), self._draw.randint(4, 6)):
            stretched = np.interp(np.arange(0, len(said), self._draw.uniform(0.75, 1.3)), np.arange(len(said)), said)
            made += np.resize(np.roll(stretched, self._draw.randrange(len(stretched))), len(made))
        return made

    def without_speech(self) -> Labelled:
        signal = no_speech(self._draw, self._noise, self.babble())
        if self._draw.random() < 0.15:
            signal = self._noise.standard_normal(len(signal))
            return _label(through_a_line(signal, self._draw, self._noise), [])
        return _label(through_a_line(signal, self._draw, self._noise), _loud(signal, 0))

    def _around(self, level: float, longest: int) -> tuple[Signal, list[tuple[float, float, int]]]:
        """What comes before or after the words: silence, now and then with a cough, a key or the like in it."""
        quiet = np.zeros(self._draw.randint(1000, longest))
        if self._draw.random() > 0.07:
            return quiet, []
        sound = no_speech(self._draw, self._noise, None)
        sound *= level / (float(np.sqrt(np.mean(sound**2))) + 1e-9) * 10 ** (self._draw.uniform(-12, 3) / 20)
        return np.concatenate([quiet, sound, quiet]), _loud(sound, len(quiet))

    def utterance(self, said: tuple[str, ...]) -> Labelled:
        """``said`` as it arrives, labelled. Raises ``SpeechFailed``."""
        draw = self._draw
        breaks = frozenset(index for index in range(len(said) - 1) if draw.random() < 0.1)
        text = espeak_text([espeak_spelling(one) for one in said], breaks)
        usual = draw.random() < 0.4
        rate = draw.randint(140, 200) if usual else draw.randint(115, 265)
        pitch, pitch_range = (50, 50) if usual and draw.random() < 0.5 else (draw.randint(15, 85), draw.randint(30, 90))
        spoken = self._voice.speak(text, rate, pitch, pitch_range)
        segments = _segments(spoken, said)
        up = 160 if draw.random() < 0.3 else draw.choice([138, 144, 150, 156, 164, 170, 176, 182])
        ratio = up / 441 * 22050 / spoken.rate
        clean = resample_poly(spoken.samples.astype(np.float64), up, 441)
        self._said.append(clean)
        level = float(np.sqrt(np.mean(clean**2))) + 1e-9
        before, noise_before = self._around(level, 4500)
        after, noise_after = self._around(level, 4500)
        start, end = len(before), len(before) + len(clean)
        shifted = [(a * ratio + start, b * ratio + start, output) for a, b, output in segments]
        shifted += noise_before + [(a + end, b + end, output) for a, b, output in noise_after]
        babble = self.babble() if draw.random() < 0.15 else None
        signal = through_a_line(np.concatenate([before, clean, after]), draw, self._noise, babble)
        return _label(signal, shifted)


def make_shard(shard: Shard, seed: int, sentences: list[str], folder: Path) -> float:
    """Synthesise and label ``shard`` into ``folder`` unless it is there; returns its minutes of audio."""
    file = folder / f"{shard.name}.npz"
    if file.exists():
        return _SHARD_MINUTES
    draw = Random(f"{seed}/{shard.name}")
    noise = np.random.default_rng(draw.getrandbits(32))
    made: list[Labelled] = []
    frames = 0
    with Espeak(shard.build, shard.voice) as voice:
        speaker = _Speaker(voice, draw, noise)
        for _ in range(_LONGEST_RUN):
            if frames >= _SHARD_MINUTES * 6000:
                break
            if draw.random() < 0.06:
                labelled = speaker.without_speech()
            else:
                try:
                    labelled = speaker.utterance(draw_syllables(draw, sentences))
                except (SpeechFailed, ValueError):
                    continue
            made.append(labelled)
            frames += len(labelled.features)
    if frames < _SHARD_MINUTES * 3000:
        raise SpeechFailed(f"{shard.name}：合成失败过多")
    partial = file.with_suffix(".partial.npz")
    np.savez(
        partial,
        features=np.concatenate([one.features for one in made]),
        outputs=np.concatenate([one.outputs for one in made]),
    )
    os.replace(partial, file)
    return frames / 6000
