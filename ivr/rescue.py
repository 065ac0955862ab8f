"""A caller whom no gateway serves: the fallback line, else a promise that is on disk before it is spoken, and a polite end."""

from typing import Final

import structlog

from ivr.playback import Playback, Saying
from ivr.sip.contract import CallLeg, DialFailed
from ivr.surroundings import Surroundings

_log = structlog.get_logger("ivr")

FALLBACK_RING_S: Final = 20.0


async def rescue(leg: CallLeg, playback: Playback, around: Surroundings) -> None:
    """Dial the fallback; where there is none, or it does not answer, promise to call back; return when the caller may be let go."""
    if around.fallback_uri and await _put_through(leg, playback, around):
        return
    await promise(leg, playback, around)


async def promise(leg: CallLeg, playback: Playback, around: Surroundings) -> None:
    """Promise to call back, on disk before it is spoken; return when the caller may be let go."""
    prompt = _promise(leg, around)
    playback.stop()
    playback.say(Saying(id="", text=around.prompts[prompt], barge_in=False, keep=True))
    await playback.idle()


def _promise(leg: CallLeg, around: Surroundings) -> str:
    """Write the promise; returns which prompt may honestly be spoken."""
    if leg.number is None:
        return "promise_withheld"
    try:
        around.promises.record(
            call=leg.call_id, number=leg.number, at=around.clock.now(), promise=around.prompts["promise"]
        )
    except OSError as error:
        _log.error("promise_not_recorded", errno=error.errno)
        return "promise_failed"
    return "promise"


async def _put_through(leg: CallLeg, playback: Playback, around: Surroundings) -> bool:
    playback.say(Saying(id="", text=around.prompts["fallback"], keep=True))
    try:
        other = await around.endpoint.dial(around.fallback_uri, caller=leg.number or "", timeout_s=FALLBACK_RING_S)
    except DialFailed as failed:
        _log.warning("fallback_not_reached", code=failed.code)
        return False
    playback.stop(force=True)
    leg.flush()
    try:
        await leg.bridge(other)
    finally:
        await other.hangup()
    return True
