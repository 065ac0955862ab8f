"""Questions and answers published by a district, as an import file: only where the folder of shared material is at hand.

Nothing of it is in this repository; the CSV is written to a folder that is gone after the benchmark.
"""

import csv
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.settings import ROOT

_ROWS: Final = 8
_LONGEST_SPEECH: Final = 80
_IN_BRACKETS: Final = re.compile(r"[（(][^（）()]*[）)]")


@dataclass(frozen=True, slots=True)
class Published:
    """One published question with its answer."""

    id: str
    question: str
    answer: str

    @property
    def speech(self) -> str:
        """The first sentences of the answer, without what stands in brackets."""
        sentences: list[str] = re.findall(r"[^。；]+[。；]?", _IN_BRACKETS.sub("", self.answer))
        speech = sentences[0]
        for sentence in sentences[1:]:
            if len(speech + sentence) > _LONGEST_SPEECH:
                break
            speech += sentence
        return speech


def folder() -> Path:
    """Where shared material lies: ``HOTLINE_SHARED``, else ``shared`` beside the checkout."""
    return Path(os.environ.get("HOTLINE_SHARED") or ROOT.parent / "shared")


def published() -> list[Published]:
    """The eight questions with the shortest answers (a call is to end some day); none where the material is absent."""
    file = folder() / "data" / "kb" / "tianhe_official_qa.json"
    if not file.is_file():
        return []
    rows = json.loads(file.read_text(encoding="utf-8"))
    shortest = sorted(range(len(rows)), key=lambda number: len(rows[number]["a"]))[:_ROWS]
    return [
        Published(f"TH-{number:03}", rows[number]["q"], rows[number]["a"].removeprefix("答：").strip())
        for number in sorted(shortest)
    ]


def write_csv(file: Path, entries: list[Published]) -> None:
    """As ``./hotline kb import`` takes it."""
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["id", "question", "similar", "answer", "speech", "unit"])
        writer.writerows([one.id, one.question, "", one.answer, one.speech, "天河区"] for one in entries)
