"""Answers to challenges, beside digests computed here from the definition (RFC 2617 §3.2.2)."""

import hashlib

import pytest
from aiosipua import SipRequest, SipResponse
from aiosipua.headers import parse_auth

from ivr.sip.digest import Account, Challenges, Digest, number_of

TRUNK = "203.0.113.5"


@pytest.fixture
def digest() -> Digest:
    one = Digest(Account("12345", "ims.example", "12345@ims.example", "s3cret"))
    one.trusted.add(TRUNK)
    return one


def request() -> SipRequest:
    one = SipRequest(method="INVITE", uri="sip:8001@ims.example", body=b"v=0\r\n")
    one.headers.append("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK-first;rport")
    one.headers.set_single("CSeq", "7 INVITE")
    one.headers.set_single("X-Kept", "yes")
    return one


def challenge(code: int, *values: str) -> SipResponse:
    response = SipResponse(status_code=code)
    for value in values:
        response.headers.append("WWW-Authenticate" if code == 401 else "Proxy-Authenticate", value)
    return response


def test_the_request_is_sent_anew_with_credentials(digest: Digest) -> None:
    again = digest.answer(request(), challenge(401, 'Digest realm="r", nonce="n"'), TRUNK, Challenges())
    assert again is not None
    ha1 = hashlib.md5(b"12345@ims.example:r:s3cret", usedforsecurity=False).hexdigest()
    ha2 = hashlib.md5(b"INVITE:sip:8001@ims.example", usedforsecurity=False).hexdigest()
    expected = hashlib.md5(f"{ha1}:n:{ha2}".encode(), usedforsecurity=False).hexdigest()
    given = parse_auth(again.get_header("authorization") or "", credentials=True).params
    assert (given["response"], given["username"], given["realm"]) == (expected, "12345@ims.example", "r")
    assert (number_of(again), again.body, again.get_header("x-kept")) == (8, b"v=0\r\n", "yes")
    assert again.via[0].branch != "z9hG4bK-first"
    assert again.via[0].host == "127.0.0.1"


def test_the_first_challenge_that_we_can_answer_is_answered(digest: Digest) -> None:
    """RFC 8760: a registrar offers several algorithms, its favourite first."""
    offered = [
        'Basic realm="r"',
        'Digest realm="r", nonce="a", algorithm=SHA-512-256',
        'Digest Realm="r", Nonce="b", algorithm=SHA-256, qop="auth-int, auth"',
        'Digest realm="r", nonce="c", algorithm=MD5',
    ]
    again = digest.answer(request(), challenge(407, *offered), TRUNK, Challenges())
    assert again is not None
    given = parse_auth(again.get_header("proxy-authorization") or "", credentials=True).params
    assert (given["nonce"], given["algorithm"], given["qop"]) == ("b", "SHA-256", "auth")


def test_refused_credentials_are_not_tried_again_but_a_stale_nonce_is(digest: Digest) -> None:
    asked = Challenges()
    again = digest.answer(request(), challenge(401, 'Digest realm="r", nonce="a"'), TRUNK, asked)
    assert again is not None
    assert digest.answer(again, challenge(401, 'Digest realm="r", nonce="b"'), TRUNK, asked) is None
    assert digest.answer(again, challenge(401, 'Digest realm="r", nonce="b", stale=TRUE'), TRUNK, asked) is not None


def test_a_registrar_that_always_finds_nonces_stale_is_given_up(digest: Digest) -> None:
    asked = Challenges()
    tries = [
        digest.answer(request(), challenge(401, f'Digest realm="r", nonce="{n}", stale=true'), TRUNK, asked)
        for n in range(6)
    ]
    assert [one is not None for one in tries] == [True] * 4 + [False] * 2


def test_both_a_proxy_and_a_registrar_are_answered_in_one_request(digest: Digest) -> None:
    asked = Challenges()
    again = digest.answer(request(), challenge(407, 'Digest realm="p", nonce="a"'), TRUNK, asked)
    assert again is not None
    again = digest.answer(again, challenge(401, 'Digest realm="r", nonce="b"'), TRUNK, asked)
    assert again is not None
    assert {"proxy-authorization", "authorization"} <= {name.lower() for name, _ in again.headers.items()}


@pytest.mark.parametrize("value", ["", "nonsense", 'Digest realm="r"', 'Digest realm="r", nonce="a", qop="auth-int"'])
def test_what_cannot_be_answered(digest: Digest, value: str) -> None:
    assert digest.answer(request(), challenge(401, value), TRUNK, Challenges()) is None


def test_a_stranger_is_not_answered(digest: Digest) -> None:
    asked = challenge(401, 'Digest realm="r", nonce="n"')
    assert digest.answer(request(), asked, "198.51.100.66", Challenges()) is None
