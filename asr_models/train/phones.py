"""The sounds of the acoustic model: initials have one state, finals two, silence one; each state has its own output."""

from typing import Final

from asr_models.phonetics import FINALS, INITIALS, split_syllable

SILENCE: Final = "sil"
POSITIONS: Final = ("_B", "_I", "_E", "_S")
"""Where in a word a phone stands, as Kaldi's word_boundary.int wants it: begin, inside, end, alone."""


def _outputs() -> dict[str, tuple[int, ...]]:
    outputs: dict[str, tuple[int, ...]] = {SILENCE: (0,)}
    count = 1
    for phones, states in ((INITIALS, 1), (FINALS, 2)):
        for phone in phones:
            outputs[phone] = tuple(range(count, count + states))
            count += states
    return outputs


OUTPUTS: Final = _outputs()
"""The network's outputs (Kaldi's pdf ids) of each phone, one a state."""
OUTPUT_COUNT: Final = sum(len(states) for states in OUTPUTS.values())

PHONE_IDS: Final = {SILENCE: 1} | {
    phone + position: 2 + len(POSITIONS) * index + offset
    for index, phone in enumerate(INITIALS + FINALS)
    for offset, position in enumerate(POSITIONS)
}
"""Kaldi's phone ids: silence is 1, then every phone in its four positions."""


def phones_of(syllables: tuple[str, ...]) -> tuple[str, ...]:
    """Initials and finals of a word. Raises ``ValueError`` for what is no syllable."""
    return tuple(part for one in syllables for part in split_syllable(one) if part)


def in_word(phones: tuple[str, ...]) -> list[tuple[str, int]]:
    """Each phone of a word with its id at its position."""
    last = len(phones) - 1
    marks = ["_S"] if last == 0 else ["_B", *["_I"] * (last - 1), "_E"]
    return [(phone, PHONE_IDS[phone + mark]) for phone, mark in zip(phones, marks, strict=True)]
