"""One utterance in, five elements out: only what this utterance says, each with the words it came from."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from config.rulebook_model import Rulebook
from dialog.contract import Said, Utterance
from dialog.elements.answers import answer_to, declined, same_as_before
from dialog.elements.clauses import Clause, ClauseKind, split_clauses
from dialog.elements.elsewhere import find_elsewhere
from dialog.elements.gazetteer import load_gazetteer
from dialog.elements.merging import merge
from dialog.elements.narrative import find_demand, find_event
from dialog.elements.persons import find_person, name_spans, person_element
from dialog.elements.places import choose_place, find_place_phrases, place_element
from dialog.elements.time_phrases import find_time_phrases
from dialog.elements.times import find_time
from dialog.elements.words import Heard
from tickets.model import Element, ElementName, ElementStatus, FiveElements

__all__ = ["MAX_TEXT", "Extractor", "is_correction", "merge"]

MAX_TEXT: Final = 2000
"""Characters; what stands beyond is not read."""
_SHORT_ANSWER: Final = 30
"""Characters; a longer answer without a word of wishing tells the story on."""
_CORRECTION: Final = re.compile(
    r"不是.{0,16}?(?:而?是|在|，)|说错了?|讲错了?|更正|改成|改为|改一下|应该是|其实是|不对.{0,4}是|弄错了?|记错了?|错了"
)
_ONLY_A_CORRECTION: Final = re.compile(r"(?:不对|说错了?|不|哦|啊|，)*不是.{1,12}?(?:，)?(?:而?是|在).{1,14}")


@dataclass(frozen=True, slots=True)
class _Reading:
    heard: Heard
    clauses: tuple[Clause, ...]
    places: tuple[tuple[int, int], ...]

    def spans(self, *kinds: ClauseKind) -> tuple[tuple[int, int], ...]:
        return tuple((clause.start, clause.end) for clause in self.clauses if clause.kind in kinds)


class Extractor:
    """Extraction for one city. Pure but for the dictionaries that it loads on first use (see :meth:`warm`)."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._city = rulebook.name
        self._divisions = tuple(rulebook.divisions)

    def warm(self, at: datetime) -> None:
        """Load every dictionary now (two to three seconds the first time), so that no caller waits for it."""
        self.extract("昨天晚上十点半在人民路有人施工，我姓王，希望尽快处理", turn_id="warm", at=at)

    def extract(
        self,
        text: str,
        *,
        turn_id: str,
        at: datetime,
        said: Utterance | None = None,
        asked: ElementName | None = None,
        phone_known: bool = False,
        before: FiveElements | None = None,
    ) -> FiveElements:
        """What this utterance says of the five elements; an element it does not speak of is ``missing``.

        ``text`` are the words of the turn ``turn_id`` (source offsets count in it); ``said`` tells how they came and
        when; ``asked`` is the element that the citizen was just asked for; ``before`` holds the elements of the matter
        before, for 「和刚才一样」. Never raises on any text.
        """
        utterance = replace(said, text=text[:MAX_TEXT]) if said else Utterance(text[:MAX_TEXT], Said.TYPED)
        heard = Heard.from_utterance(utterance, turn_id)
        if not heard.text:
            return FiveElements()
        found = self._found(heard, at, asked, phone_known)
        return found if asked is None else self._as_answer(heard, asked, found, before)

    def elsewhere(self, text: str) -> str:
        """The full name of the other city in which ``text`` puts the matter; empty where it does not."""
        found = find_elsewhere(text[:MAX_TEXT], load_gazetteer(self._city, self._divisions))
        return found.city if found else ""

    def _found(self, heard: Heard, at: datetime, asked: ElementName | None, phone_known: bool) -> FiveElements:
        gazetteer = load_gazetteer(self._city, self._divisions)
        phrases = find_place_phrases(heard, gazetteer)
        reading = _Reading(
            heard, split_clauses(heard.text, name_spans(heard.text)), tuple((p.start, p.end) for p in phrases)
        )
        chosen = choose_place(phrases, heard.text, asked=asked is ElementName.PLACE)
        wishes = reading.spans(ClauseKind.WISH)
        times = tuple((phrase.start, phrase.end) for phrase in find_time_phrases(heard.text, reading.places))
        narrative = reading.spans(ClauseKind.EVENT, ClauseKind.OTHER)
        asks_for_a_name = asked is ElementName.PERSON
        person = find_person(heard, narrative=narrative, places=reading.places, asked=asks_for_a_name)
        asks = ElementName.TIME is asked
        elements: dict[ElementName, Element | None] = {
            ElementName.TIME: find_time(heard, at, places=reading.places, wishes=wishes, asked=asks),
            ElementName.PLACE: place_element(heard, chosen, gazetteer) if chosen else None,
            ElementName.PERSON: person_element(heard, person, phone_known=phone_known),
            ElementName.EVENT: find_event(
                heard, reading.clauses, places=reading.places, times=times, asked=asked is ElementName.EVENT
            ),
            ElementName.DEMAND: find_demand(heard, reading.clauses),
        }
        found = FiveElements(**{name.value: element for name, element in elements.items() if element is not None})
        if found.person.status is ElementStatus.DECLINED and asks_for_a_name:
            found = replace(found, event=_unless_in(found.event, found.person))
        if _ONLY_A_CORRECTION.fullmatch(heard.text):
            found = replace(found, event=Element(ElementName.EVENT))
        return found

    def _as_answer(
        self, heard: Heard, asked: ElementName, found: FiveElements, before: FiveElements | None
    ) -> FiveElements:
        """Read the utterance as an answer to the question asked, where it told nothing else instead."""
        refusal = declined(asked, heard)
        if refusal is not None and (asked is ElementName.DEMAND or found.get(asked).status is ElementStatus.MISSING):
            return replace(found, **{asked.value: refusal, "event": _unless_in(found.event, refusal)})
        if found.get(asked).status is not ElementStatus.MISSING:
            return found
        same = same_as_before(asked, heard, before.get(asked) if before else None)
        answer = same or answer_to(asked, heard, split_clauses(heard.text))
        told = {name for name in ElementName if found.get(name).status is not ElementStatus.MISSING}
        if answer is None or (same is None and asked is ElementName.PLACE and told):
            return found
        if asked is ElementName.DEMAND:
            story = told - {ElementName.EVENT}
            short = len(heard.text) <= _SHORT_ANSWER
            return replace(found, demand=answer, event=Element(ElementName.EVENT)) if short and not story else found
        return replace(found, **{asked.value: answer})


def _unless_in(element: Element, other: Element) -> Element:
    """``element``, or nothing when its words are those of ``other``."""
    overlaps = any(a.start < b.end and b.start < a.end for a in element.source for b in other.source)
    return Element(element.name) if overlaps or element.status is ElementStatus.MISSING else element


def is_correction(text: str) -> bool:
    """True for 「不是赤坎区是霞山区」, 「说错了，是昨天」."""
    return _CORRECTION.search(text) is not None
