"""How long the desk waits for what may not come: an agent's phone, an agent's page, a caller after a restart. Pure."""

from datetime import datetime
from typing import Final

from desk.contract import HandoverStatus
from desk.pops import LiveHandover
from desk.presence import GONE_AFTER_S

AGENT_LOST_AFTER_S: Final = 60.0
"""A chat whose agent's page has been away this long goes back into the queue."""
WRAP_UP_S: Final = 20.0
"""Time to put the ticket in order after a talk; setting the own state ends it at once."""
PHONE_SILENT_AFTER_S: Final = 40.0
"""No word from the node about the agent's phone for this long (it rings 25 s at most): taken as failed."""


def _past(since: datetime, now: datetime, seconds: float) -> bool:
    return (now - since).total_seconds() >= seconds


def phone_is_dead(live: LiveHandover, now: datetime, answer_timeout_s: float) -> bool:
    """The agent accepted, but his or her phone could not be reached, and a while to put that right has passed."""
    handover, phone = live.handover, live.phone
    if handover.channel != "phone" or handover.status is not HandoverStatus.ACCEPTED or handover.accepted_at is None:
        return False
    if phone.state == "failed" and phone.since is not None:
        return _past(phone.since, now, answer_timeout_s)
    return _past(phone.since or handover.accepted_at, now, PHONE_SILENT_AFTER_S)


def is_orphan(live: LiveHandover, now: datetime, *, present: bool) -> bool:
    """Taken up from disk, but the citizen's call did not come back with its node."""
    if live.restored_at is None or present or live.handover.status is HandoverStatus.ENDED:
        return False
    return _past(live.restored_at, now, GONE_AFTER_S)


def agent_is_lost(live: LiveHandover, now: datetime) -> bool:
    """The page of the agent who was asked, or who serves a chat, has been away too long. A phone needs no page."""
    since = live.agent_gone_since
    if since is None:
        return False
    if live.handover.status is HandoverStatus.OFFERED:
        return _past(since, now, GONE_AFTER_S)
    return live.handover.channel != "phone" and _past(since, now, AGENT_LOST_AFTER_S)


def is_wrapped_up(live: LiveHandover, now: datetime) -> bool:
    """The time for the form after a talk is over."""
    return live.ended_at is not None and _past(live.ended_at, now, WRAP_UP_S)
