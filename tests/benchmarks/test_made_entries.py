"""Made entries: distinct, of the promised length, the same again for the same seed."""

import random
from itertools import islice

from benchmarks.made_entries import CHARACTERS, asked_of, made_entries


def test_made_entries_are_distinct_and_of_one_length() -> None:
    entries = list(made_entries(400))
    assert len({entry.question for entry in entries}) == len({entry.id for entry in entries}) == 400
    assert {len(one.question) + sum(map(len, one.similar)) + len(one.answer) for one in entries} == {CHARACTERS}
    assert list(islice(made_entries(1000), 5)) == entries[:5]
    assert next(made_entries(1, seed=2)).question != entries[0].question


def test_questions_are_about_their_entry() -> None:
    rng = random.Random(1)
    for entry in made_entries(50):
        asked = asked_of(entry, rng)
        ways = set("".join((entry.question, *entry.similar)))
        assert len(set(asked) & ways) >= 0.5 * len(set(asked))
