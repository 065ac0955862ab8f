"""What is looked at before anything else, on every turn and on words still being said (Z30, DESIGN §1)."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from config.rulebook_model import EmergencyIncident

DEFAULT_INCIDENT: Final = "police"
"""110 takes whatever is urgent and passes it on (国办发〔2022〕12号)."""
MAX_TEXT: Final = 500
"""Characters of one utterance; the same limit as Rasa's channel."""

_PERSON_WORD: Final = r"(?:人工|真人|活人|接线员|话务员|接线生|坐席|座席|客服人员|工作人员|人工客服|真人客服)"
_WANTS_PERSON: Final = re.compile(
    rf"(?:转|接|找|叫|换|要|请|给我|帮我)[^，。？！,.?!]{{0,5}}{_PERSON_WORD}|^{_PERSON_WORD}(?:服务|客服|接听|处理)?$|{_PERSON_WORD}(?:服务)?(?:在吗|呢|来接|谢谢)?$"
)
_NOT_A_PERSON: Final = re.compile(
    r"人工(?:智能|授精|受精|湖|费|流产|成本|降雨|耳蜗|关节|骨|草坪|养殖)|投诉|举报|态度|骂|工作人员(?:说|让|不|没|叫|告诉|收|拿)"
)
_FILLERS: Final = re.compile(r"[嗯啊呃哦喂那个就是我请麻烦你们您吧了呀哈好的谢，。！？\s]")


_WORD: Final = 2
"""Characters that a word of a harmless context has; 火灾保 may still become one."""
_SURE: Final = frozenset("了啊呀啦")


class Alarm(StrEnum):
    """``CERTAIN``: act at once; ``DOUBTFUL``: ask one question first (「我想咨询火灾保险」)."""

    NONE = "none"
    DOUBTFUL = "doubtful"
    CERTAIN = "certain"


@dataclass(frozen=True, slots=True)
class EmergencyFound:
    """What the emergency guard made of an utterance."""

    alarm: Alarm
    incident: EmergencyIncident | None = None


def clean(text: str) -> str:
    """Without control characters and the leading slashes that would force an intent on Rasa (DESIGN §6.3)."""
    kept = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\n\t")
    return kept.strip().lstrip("/／").strip()


def find_emergency(text: str, incidents: Sequence[EmergencyIncident]) -> EmergencyFound:
    """The first incident whose cue is said; doubtful where a harmless context or a question stands beside it."""
    words = re.sub(r"\s", "", text)
    doubtful: EmergencyIncident | None = None
    for incident in incidents:
        cue = next((cue for cue in incident.cues if cue in words and not _denied(words, cue)), None)
        if cue is None:
            continue
        if not any(context in words for context in incident.safe_contexts):
            return EmergencyFound(Alarm.CERTAIN, incident)
        doubtful = doubtful or incident
    return EmergencyFound(Alarm.DOUBTFUL, doubtful) if doubtful else EmergencyFound(Alarm.NONE)


def ends_in_cue(text: str, found: EmergencyFound) -> bool:
    """Whether what alarmed stands at the very end, so that words still to come may make it harmless (火灾 → 火灾保险)."""
    words = re.sub(r"\s", "", text)
    if found.incident is None:
        return False
    after = [words.rpartition(cue)[2] for cue in found.incident.cues if cue in words]
    return all(len(rest) < _WORD and rest not in _SURE for rest in after)


def _denied(words: str, cue: str) -> bool:
    """「没有着火」「不是火灾」: said not to be."""
    return re.search(rf"(?:没有|没|不是|并非|并没有|并未){re.escape(cue)}", words) is not None


def wants_person(text: str) -> bool:
    """A plain call for a person: 「人工」「转人工」「我要找接线员」, not 「人工智能」 nor a complaint about one."""
    words = re.sub(r"\s", "", text)
    if _NOT_A_PERSON.search(words):
        return False
    if _WANTS_PERSON.search(words) is None:
        return False
    return len(_FILLERS.sub("", words)) <= 12
