"""Digest authentication towards the trunk (RFC 3261 §22, RFC 8760): what is answered to a 401 and to a 407."""

from dataclasses import dataclass, field
from typing import Final

from aiosipua import SipDigestAuth, SipRequest, SipResponse
from aiosipua.auth import build_credentials
from aiosipua.headers import AuthChallenge, CSeq, parse_auth, parse_via, stringify_auth, stringify_cseq, stringify_via
from aiosipua.utils import generate_branch

_HEADERS: Final = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
_MOST_CHALLENGES: Final = 4
"""A registrar behind a proxy asks twice; each of them may find a nonce stale once."""


@dataclass(frozen=True, slots=True)
class Account:
    """How the trunk knows us: ``user`` at ``domain``, and the name and password that prove it."""

    user: str
    domain: str
    auth_user: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Challenges:
    """What one request has been asked for so far."""

    credentials: dict[str, str] = field(default_factory=dict)
    count: int = 0


class Digest:
    """Answers challenges that come from the trunk's own addresses, and no others.

    Anybody else who asks (an agent's phone, say) would only collect answers to guess the password from.
    """

    def __init__(self, account: Account) -> None:
        self._auth = SipDigestAuth(account.auth_user, account.password)
        self.trusted: set[str] = set()
        """IP addresses of the trunk."""

    def answer(self, request: SipRequest, response: SipResponse, source: str, asked: Challenges) -> SipRequest | None:
        """``request`` again with credentials; ``None`` when the challenge is no matter for us or they were refused."""
        challenge_name, credentials_name = _HEADERS.get(response.status_code, ("", ""))
        if not challenge_name or source not in self.trusted or asked.count >= _MOST_CHALLENGES:
            return None
        for raw in response.headers.get(challenge_name):
            challenge = parse_auth(raw)
            credentials = build_credentials(self._auth, _plain(challenge), request.method, request.uri)
            if credentials is None:
                continue
            if credentials_name in asked.credentials and not _is_stale(challenge):
                return None
            asked.credentials[credentials_name] = stringify_auth(credentials)
            asked.count += 1
            return _again(request, asked.credentials)
        return None


def _plain(challenge: AuthChallenge) -> AuthChallenge:
    """The challenge with lower-case names, as some registrars write ``Nonce`` (names are case-insensitive)."""
    return AuthChallenge(challenge.scheme, {name.lower(): value for name, value in challenge.params.items()})


def _is_stale(challenge: AuthChallenge) -> bool:
    return _plain(challenge).params.get("stale", "").lower() == "true"


def _again(request: SipRequest, credentials: dict[str, str]) -> SipRequest:
    """The same request as a new transaction: another branch, the next CSeq number (RFC 3261 §22.2)."""
    repeated = SipRequest(headers=request.headers.copy(), body=request.body, method=request.method, uri=request.uri)
    via = parse_via(request.headers.get("via")[0])
    via.branch = generate_branch()
    repeated.headers.remove("Via")
    repeated.headers.append("Via", stringify_via(via))
    repeated.headers.set_single("CSeq", stringify_cseq(CSeq(number_of(request) + 1, request.method)))
    for name, value in credentials.items():
        repeated.headers.set_single(name, value)
    return repeated


def number_of(message: SipRequest | SipResponse) -> int:
    """The number in a message's CSeq; 0 when it has none."""
    number = (message.headers.get_first("cseq") or "").split()[:1]
    return int(number[0]) if number and number[0].isdecimal() else 0
