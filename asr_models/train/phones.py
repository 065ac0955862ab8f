"""The sounds of the acoustic model: initials have one state, finals two for each of five tones, silence and noise one.

The network judges a final's sound and its tone apart and adds the two scores; ``STATE_OF`` and ``TONE_OF`` say which two
make up an output. Tones are worth it: without them half of all wrong characters were right but for the tone.
"""

from typing import Final

from asr_models.phonetics import FINALS, INITIALS, split_syllable

SILENCE: Final = "sil"
NOISE: Final = "noise"
"""Hum, keys, music, coughs and voices in the background: heard as nothing, or as ``[unk]`` where a grammar has it."""
NO_WORDS: Final = (SILENCE, NOISE)
TONES: Final = "12345"
POSITIONS: Final = ("_B", "_I", "_E", "_S")
"""Where in a word a phone stands, as Kaldi's word_boundary.int wants it: begin, inside, end, alone."""
TONED_FINALS: Final = tuple(final + tone for final in FINALS for tone in TONES)


def _outputs() -> tuple[dict[str, tuple[int, ...]], list[int], list[int]]:
    outputs: dict[str, tuple[int, ...]] = {}
    state_of: list[int] = []
    tone_of: list[int] = []
    for state, phone in enumerate((*NO_WORDS, *INITIALS)):
        outputs[phone] = (len(state_of),)
        state_of.append(state)
        tone_of.append(0)
    first = len(state_of)
    for index, final in enumerate(FINALS):
        for tone in range(len(TONES)):
            outputs[final + TONES[tone]] = (len(state_of), len(state_of) + 1)
            state_of += [first + 2 * index, first + 2 * index + 1]
            tone_of += [1 + 2 * tone, 2 + 2 * tone]
    return outputs, state_of, tone_of


_MADE: Final = _outputs()
OUTPUTS: Final = _MADE[0]
"""The network's outputs (Kaldi's pdf ids) of each phone, one a state."""
STATE_OF: Final = tuple(_MADE[1])
"""Each output's toneless state: 0 … ``STATE_COUNT`` − 1."""
TONE_OF: Final = tuple(_MADE[2])
"""Each output's tone class: 0 without a tone, else two a tone, for the first and the second half of a final."""
OUTPUT_COUNT: Final = len(STATE_OF)
STATE_COUNT: Final = 1 + max(STATE_OF)
TONE_CLASSES: Final = 1 + max(TONE_OF)

PHONE_IDS: Final = {phone: 1 + index for index, phone in enumerate(NO_WORDS)} | {
    phone + position: 1 + len(NO_WORDS) + len(POSITIONS) * index + offset
    for index, phone in enumerate(INITIALS + TONED_FINALS)
    for offset, position in enumerate(POSITIONS)
}
"""Kaldi's phone ids: silence and noise, then every phone in its four positions."""


def phones_of(syllables: tuple[str, ...]) -> tuple[str, ...]:
    """Initials and toned finals of a word's toned syllables. Raises ``ValueError`` for what is no syllable."""
    phones: list[str] = []
    for syllable in syllables:
        initial, final = split_syllable(syllable)
        phones += [initial] if initial else []
        phones.append(final + syllable[-1])
    if any(phone not in OUTPUTS for phone in phones):
        raise ValueError(f"音节没有声调：{' '.join(syllables)}")
    return tuple(phones)


def in_word(phones: tuple[str, ...]) -> list[tuple[str, int]]:
    """Each phone of a word with its id at its position."""
    last = len(phones) - 1
    marks = ["_S"] if last == 0 else ["_B", *["_I"] * (last - 1), "_E"]
    return [(phone, PHONE_IDS[phone + mark]) for phone, mark in zip(phones, marks, strict=True)]
