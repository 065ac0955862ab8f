"""``kb --publish``: how soon a running call and a running chat answer with what was just published.

An instance of its own; a call and a chat are open all the time. Again and again a new version of one entry is published, through the
store as every publication is, in a process other than the gateway's. The chat then asks until it is answered with the new version; the
call's question ends as the publication is committed, so that its answer is the first that can be the new one.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import aiohttp

from benchmarks.phone_calls import Asked, Caller, calling, private
from benchmarks.report import Row, at_least, at_most, percentile
from config.clock import SystemClock
from config.settings import Settings
from ivr.speech.voice import Voice
from knowledge.entries import EntryForm, sample_entries
from knowledge.repository import Repository
from store.engine import Database

TARGET_MS: Final = 1000.0
ROUNDS: Final = 12
_ENTRY: Final = "GJJ-001"
_ASK: Final = "公积金怎么提取"
"""A question that the recogniser hears and the bot takes for a consultation without fail: only the version is in doubt."""
_NUMBER: Final = "13800000040"
_ASK_AGAIN_S: Final = 0.05
_GIVE_UP_S: Final = 15.0
_CALL_TRIES: Final = 4
_SETTLE_S: Final = 1.5
_BYTES_A_SECOND: Final = 16_000


@dataclass(frozen=True, slots=True)
class Round:
    """ms from the commit to the answer with the new version; ``None``: it never came. ``old``: older answers before it."""

    commit_ms: float
    chat_ms: float | None
    chat_old: int
    call_ms: float | None
    call_old: int


def rows() -> list[Row]:
    """The figures of :data:`ROUNDS` publications. Raises :class:`benchmarks.phone_calls.InstanceFailed`."""
    with private() as instance:
        return figures(asyncio.run(_measure(instance)))


def figures(rounds: Sequence[Round]) -> list[Row]:
    """Counts and times; a version that never came misses the target."""
    found = [Row("publications", len(rounds), "count")]
    for name, times, old in (
        ("chat", [one.chat_ms for one in rounds], [one.chat_old for one in rounds]),
        ("call", [one.call_ms for one in rounds], [one.call_old for one in rounds]),
    ):
        came = [one for one in times if one is not None]
        found.append(at_least(f"{name}: answered with the new version", len(came), "count", len(rounds)))
        found.append(Row(f"{name}: answers with an older version after the commit", sum(old), "count"))
        if came:
            found.append(Row(f"{name}: commit to answer p50", round(percentile(came, 0.5), 1), "ms"))
            found.append(at_most(f"{name}: commit to answer worst", round(max(came), 1), "ms", TARGET_MS))
    commits = [one.commit_ms for one in rounds]
    found.append(Row("commit p50", round(percentile(commits, 0.5), 1), "ms"))
    found.append(Row("commit worst", round(max(commits), 1), "ms"))
    return found


class Chat:
    """A visitor's open page. Use :func:`chatting`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._sent = 0

    async def version(self, text: str) -> int | None:
        """Ask; the version of the entry that answers, ``None`` when something else comes."""
        self._sent += 1
        await self._socket.send_json({"type": "say", "id": f"q{self._sent}", "text": text})
        while True:
            frame = await self._socket.receive_json(timeout=_GIVE_UP_S)
            if frame["type"] == "error":
                return None
            if frame["type"] == "message" and frame["message"]["from"] == "bot":
                entry = frame["message"].get("entry")
                return int(entry["version"]) if entry else None


@contextlib.asynccontextmanager
async def chatting(settings: Settings) -> AsyncIterator[Chat]:
    """A chat that has been greeted."""
    origin = f"http://{settings.host}:{settings.web_port}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{origin}/api/chat/session", json={}) as answer:
            answer.raise_for_status()
        async with session.ws_connect(f"{origin}/api/chat/ws", origin=origin) as socket:
            while (await socket.receive_json(timeout=_GIVE_UP_S))["type"] != "ready":
                pass
            yield Chat(socket)


async def _measure(settings: Settings) -> list[Round]:
    database = Database(settings.effective_database_url)
    form = next(one for one in sample_entries() if one.id == _ENTRY)
    try:
        async with Voice("caller") as voice:
            pcm = await voice.synthesise(_ASK)
        repository = Repository(database, SystemClock())
        rounds: list[Round] = []
        while len(rounds) < ROUNDS:
            async with calling(settings, _NUMBER) as caller:
                while len(rounds) < ROUNDS and not caller.over:
                    rounds.append(await _round(settings, repository, caller, form, pcm, len(rounds)))
                    await caller.hear(_SETTLE_S)
        return rounds
    finally:
        await database.close()


async def _round(
    settings: Settings, repository: Repository, caller: Caller, form: EntryForm, pcm: bytes, number: int
) -> Round:
    changed = form.model_copy(update={"answer": f"{form.answer}\n（第 {number + 1} 次修改）"})
    wanted = (await repository.history(_ENTRY))[0].version + 1
    async with chatting(settings) as chat:
        await chat.version(_ASK)
        first = asyncio.create_task(caller.ask(_ASK, pcm, hear_out=False))
        await asyncio.sleep(len(pcm) / _BYTES_A_SECOND)
        started = time.monotonic()
        await repository.publish([changed], by="bench")
        committed = time.monotonic()
        chat_ms, chat_old = await _until_new(chat, wanted, committed)
        call_ms, call_old = await _heard_new(caller, pcm, first, wanted, committed)
    return Round((committed - started) * 1000, chat_ms, chat_old, call_ms, call_old)


async def _until_new(chat: Chat, wanted: int, committed: float) -> tuple[float | None, int]:
    """Ask in the chat until the version ``wanted`` answers: ms since ``committed``, and how many answers were older."""
    old = 0
    while time.monotonic() - committed < _GIVE_UP_S:
        version = await chat.version(_ASK)
        if version is not None and version >= wanted:
            return (time.monotonic() - committed) * 1000, old
        old += version is not None
        await asyncio.sleep(_ASK_AGAIN_S)
    return None, old


async def _heard_new(
    caller: Caller, pcm: bytes, first: asyncio.Task[Asked], wanted: int, committed: float
) -> tuple[float | None, int]:
    """The same in the call, whose first question is being asked; the time is that of the answer's first voiced packet."""
    old = 0
    asked = await first
    for _ in range(_CALL_TRIES):
        if asked.version is not None and asked.version >= wanted and asked.answered_at is not None:
            return (asked.answered_at - committed) * 1000, old
        old += asked.version is not None
        if caller.over:
            break
        await caller.hear(_SETTLE_S)
        asked = await caller.ask(_ASK, pcm, hear_out=False)
    return None, old
