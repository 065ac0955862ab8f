"""Tokens: what is signed is read back; what is not, is nothing."""

import pytest

from config.clock import ManualClock
from gateway.signing import TokenSigner


@pytest.fixture
def signer(clock: ManualClock) -> TokenSigner:
    return TokenSigner("secret", clock)


def test_claims_come_back_until_they_run_out(signer: TokenSigner, clock: ManualClock) -> None:
    token = signer.sign("desk", {"agent": "8001"}, 60)
    found = signer.read("desk", token)
    assert found is not None
    assert found["agent"] == "8001"
    clock.advance(60)
    assert signer.read("desk", token) is None


def test_a_token_is_good_for_its_purpose_and_its_secret_alone(signer: TokenSigner, clock: ManualClock) -> None:
    token = signer.sign("visitor", {"session": "x"}, 60)
    assert signer.read("desk", token) is None
    assert TokenSigner("other", clock).read("visitor", token) is None


@pytest.mark.parametrize("token", ["", ".", "a.b", "a", "é.b", "e30.", "....", "e30." + "A" * 43])
def test_nonsense_is_nothing(signer: TokenSigner, token: str) -> None:
    assert signer.read("desk", token) is None


def test_changed_claims_are_noticed(signer: TokenSigner) -> None:
    packed, _, mac = signer.sign("desk", {"agent": "8001"}, 60).partition(".")
    other, _, _ = signer.sign("desk", {"agent": "9001"}, 60).partition(".")
    assert packed != other
    assert signer.read("desk", f"{other}.{mac}") is None
