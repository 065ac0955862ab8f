"""What the bot takes an utterance for at the start of a conversation: its act, and the field of knowledge it is about."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.errors import HotlineError
from dialog.guards import MAX_TEXT, clean
from dialog.masking import mask
from dialog.rasa_client import RasaClient, RasaStep
from knowledge.contract import Ranking

TICKET_ACTS: Final = frozenset({"ask_help", "complain", "report", "suggest", "praise"})
"""The acts that begin a ticket (``data/rules.yml``)."""
ASK: Final = "ask"
"""The act that is answered from the knowledge base."""
MAX_LINES: Final = 100_000
MAX_BYTES: Final = 64 * 2**20
_MOST_WRONG: Final = 20
"""So many wrong lines are named; the first ones say enough."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a batch. ``id`` comes back as it was written: text or a whole number."""

    id: str | int
    text: str


class BadBatch(HotlineError):
    """A file that cannot be judged; ``lines`` has the number of each wrong line and a Chinese sentence on it."""

    def __init__(self, message: str, lines: tuple[tuple[int, str], ...] = ()) -> None:
        named = "".join(f"\n第 {number} 行：{why}" for number, why in lines[:_MOST_WRONG])
        more = f"\n另有 {len(lines) - _MOST_WRONG} 行有误" if len(lines) > _MOST_WRONG else ""
        super().__init__("bad_batch", f"{message}{named}{more}")
        self.lines = lines


def read_batch(file: Path) -> list[Asked]:
    """The lines of a file of ``{"id", "q"}`` (or ``"text"``), empty ones left out. Raises :class:`BadBatch`."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadBatch(f"文件超过 {MAX_BYTES // 2**20} MB，请分成几份：{file}")
        lines = file.read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise BadBatch(f"文件无法读取，请检查路径：{file}") from error
    except UnicodeDecodeError as error:
        raise BadBatch(f"文件不是 UTF-8 编码，请另存为 UTF-8：{file}") from error
    asked: list[Asked] = []
    wrong: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            asked.append(_asked(line))
        except ValueError as error:
            wrong.append((number, str(error)))
    if wrong:
        raise BadBatch(f"有 {len(wrong)} 行不能用，请改正后再运行：", tuple(wrong))
    if not 0 < len(asked) <= MAX_LINES:
        raise BadBatch(f"文件里要有 1 到 {MAX_LINES} 行，现有 {len(asked)} 行：{file}")
    return asked


def _asked(line: str) -> Asked:
    """One line. Raises ``ValueError`` with a Chinese sentence."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError('不是 JSON，应为 {"id": …, "q": "一句话"}') from error
    if not isinstance(given, dict):
        raise ValueError('应为 {"id": …, "q": "一句话"}')
    id, text = given.get("id"), given.get("q", given.get("text"))
    if not isinstance(id, str | int) or isinstance(id, bool):
        raise ValueError("缺少 id（文字或整数）")
    if not isinstance(text, str) or not clean(text):
        raise ValueError("缺少 q（市民说的话）")
    if len(text) > MAX_TEXT:
        raise ValueError(f"q 有 {len(text)} 个字，最多 {MAX_TEXT} 个")
    return Asked(id, text)


async def judge(client: RasaClient, text: str) -> RasaStep:
    """The act of ``text`` with nothing before it, masked as in a conversation. Raises :class:`RasaUnavailable`."""
    return await client.turn("nlu", mask(clean(text)), {}, active_form=False)


def topic_of(ranking: Ranking) -> str:
    """The field of knowledge that the entries found belong to, by their scores together; empty when none was found."""
    weights: defaultdict[str, float] = defaultdict(float)
    for found in ranking.ranked:
        weights[found.entry.field] += found.score
    return max(weights, key=lambda field: weights[field], default="")


def has_topic(act: str) -> bool:
    """Whether an utterance of this act is about a field: a question or a matter, not a greeting."""
    return act == ASK or act in TICKET_ACTS
