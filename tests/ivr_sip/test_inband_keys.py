"""Keys as tones, and everything that must not be taken for one."""

import csv
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from config.settings import ROOT
from ivr.sip.contract import FRAME_BYTES
from ivr.sip.inband_keys import COLUMNS, ROWS, InbandKeys
from ivr.sip.keys import KEYS
from ivr.speech.voice import Voice

FACES = ("123A", "456B", "789C", "*0#D")
Sound = NDArray[np.float64]


def tone(hertz: float, ms: int, dbfs: float = -15.0) -> Sound:
    return 32768 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(8 * ms) / 8000)


def key(face: str, ms: int = 100, *, off: float = 0.0, twist_db: float = 0.0) -> Sound:
    row = next(number for number, faces in enumerate(FACES) if face in faces)
    column = COLUMNS[FACES[row].index(face)]
    return tone(ROWS[row] * (1 + off), ms) + tone(column * (1 + off), ms, -15.0 + twist_db)


def pause(ms: int = 60) -> Sound:
    return np.zeros(8 * ms)


def frames(sound: Sound) -> Iterator[bytes]:
    noisy = sound + np.random.default_rng(1).normal(0, 40, len(sound))
    pcm = np.clip(noisy, -32768, 32767).astype("<i2").tobytes()
    return (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES))


def heard(*sounds: Sound) -> str:
    keys = InbandKeys()
    return "".join(filter(None, map(keys.feed, frames(np.concatenate([*sounds, pause()])))))


@pytest.mark.parametrize("off", [-0.015, 0.0, 0.015])
@pytest.mark.parametrize("twist_db", [-6.0, 0.0, 4.0])
def test_every_key_is_heard_once(off: float, twist_db: float) -> None:
    dialled = [sound for face in KEYS for sound in (key(face, off=off, twist_db=twist_db), pause())]
    assert heard(pause(7), *dialled) == KEYS


def test_a_key_held_is_one_and_the_same_key_twice_is_two() -> None:
    assert heard(key("7", 3000), pause(), key("7"), pause(), key("7")) == "777"


@pytest.mark.parametrize(
    "sound",
    [
        tone(450, 1000),
        tone(770, 1000),
        tone(697, 1000) + tone(770, 1000),
        key("5", 500, off=0.04),
        key("5", 500, twist_db=-14.0),
        key("5", 40),
        key("5", 500) + tone(2000, 500, -20.0),
        tone(440, 1000) + tone(554, 1000) + tone(1319, 1000),
        np.random.default_rng(2).normal(0, 3000, 16_000),
        np.sum([tone(150 * n, 2000, -20.0 - n) for n in range(1, 20)], axis=0),
    ],
    ids=["dial tone", "one tone", "two rows", "off", "twisted", "short", "third tone", "chord", "noise", "hum"],
)
def test_other_sounds_are_no_keys(sound: Sound) -> None:
    assert heard(sound) == ""


def test_a_key_too_soft_to_be_meant_is_none() -> None:
    assert heard(key("5", 300) / 100) == ""


async def test_speech_presses_no_key() -> None:
    with (ROOT / "asr_models/eval/bot.tsv").open(encoding="utf-8") as file:
        lines = [row["text"] for row in csv.DictReader(file, delimiter="\t")][:4]
    for name in ("caller", "agent"):
        async with Voice(name) as voice:
            for line in lines:
                assert heard(np.frombuffer(await voice.synthesise(line), "<i2").astype(float)) == ""
