"""The report of one call: what was heard (from RTP alone) joined with what the hotline understood (by Call-ID)."""

from typing import Any, Final

from ivr.phones.listening import SILENT_DBFS, trimmed, voiced_dbfs
from ivr.phones.operator_view import SystemTurn, SystemView
from ivr.phones.script import CallResult, Spoken
from ivr.phones.transcriber import Transcriber

_FULL: Final = frozenset({486, 503, 600})
_CLOCKS_DIFFER_MS: Final = 300.0
"""The two sides count from the answer; its packet and the ACK travel in between."""


async def call_report(result: CallResult, transcriber: Transcriber) -> dict[str, Any]:
    """The JSON document of ``./hotline call``.

    What the hotline said first is a turn with an empty ``said`` only when the caller said nothing at all: otherwise turn
    *n* answers the *n*-th ``--say``.
    """
    system = result.system
    spoken = [turn for turn in result.spoken if turn.said] or result.spoken
    groups = share_out(spoken, system.turns)
    return {
        "sip": result.sip,
        "admission": "full" if result.sip in _FULL else system.admission,
        "emergency": system.emergency,
        "turns": [await _turn(turn, group, transcriber) for turn, group in zip(spoken, groups, strict=True)],
        "transfer": _transfer(result),
        "ticket": system.ticket,
        "ended_by": _ended_by(result),
    }


def share_out(spoken: list[Spoken], turns: tuple[SystemTurn, ...]) -> list[list[SystemTurn]]:
    """The hotline's turns given to the caller's, by time: each to the last thing said before it.

    Turns before the first thing said (the greeting) are left out, unless nothing was said. Without times, the *n*-th thing
    recognised belongs to the *n*-th thing said.
    """
    groups: list[list[SystemTurn]] = [[] for _ in spoken]
    if not spoken:
        return groups
    if not spoken[0].said:
        groups[0] = list(turns)
        return groups
    recognised = -1
    for turn in turns:
        if turn.at_ms is None:
            recognised = min(recognised + bool(turn.said), len(spoken) - 1)
            number = recognised
        else:
            before = [n for n, one in enumerate(spoken) if one.at_ms <= turn.at_ms + _CLOCKS_DIFFER_MS]
            number = before[-1] if before else -1
        if number >= 0:
            groups[number].append(turn)
    return groups


async def _turn(spoken: Spoken, group: list[SystemTurn], transcriber: Transcriber) -> dict[str, Any]:
    entry = next((turn for turn in group if turn.entry_id), None)
    heard = trimmed(spoken.exchange.audio)
    return {
        "said": spoken.said,
        "recognised": "".join(turn.said for turn in group),
        "reply": {
            "text": "\n".join(turn.text for turn in group if turn.text),
            "speech": "".join(turn.speech for turn in group),
            "entry_id": entry.entry_id if entry else None,
            "version": entry.version if entry else None,
        },
        "heard": {
            "text": await transcriber.hear(heard),
            "ms": len(heard) // 16,
            "dbfs": round(voiced_dbfs(heard), 1) if heard else SILENT_DBFS,
        },
        "first_audio_ms": spoken.exchange.first_audio_ms,
    }


def _transfer(result: CallResult) -> dict[str, Any] | None:
    """A hand-over that reached an agent; one that ended in a promise to call back is none."""
    transfer = result.system.transfer
    if transfer is None or not (transfer.agent or transfer.connected):
        return None
    ms = round(transfer.ms) if transfer.ms is not None else None
    return {"agent": transfer.agent, "ms": ms, "heard_both_ways": result.heard_both_ways}


def _ended_by(result: CallResult) -> str:
    system: SystemView = result.system
    if result.sip != 200:
        return "policy"
    if system.ended_by in {"caller", "bot", "agent", "policy"}:
        return system.ended_by
    return "caller" if result.ended == "local" else "bot"
