"""Who calls, as trunks write it."""

import pytest

from ivr.sip.number import called_user, caller_number, normalise_number


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("13800138000", "13800138000"),
        ("+8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("075913800138000", "13800138000"),
        ("01013800138000", "13800138000"),
        ("+867592233445", "07592233445"),
        ("0759-2233445", "07592233445"),
        ("12345", "12345"),
        ("anonymous", None),
        ("", None),
    ],
)
def test_normalise_number(raw: str, expected: str | None) -> None:
    assert normalise_number(raw) == expected


def test_the_asserted_identity_comes_first() -> None:
    headers = {"From": '"x" <sip:02012345678@gw>;tag=1', "P-Asserted-Identity": "<tel:+8613800138000>"}
    assert caller_number(headers) == "13800138000"
    assert caller_number({"from": "<sip:02012345678@gw>;tag=1"}) == "02012345678"


@pytest.mark.parametrize(
    "headers",
    [
        {"From": "<sip:anonymous@anonymous.invalid>;tag=1"},
        {"From": "<sip:10.0.0.1>;tag=1"},
        {"From": "<sip:13800138000@gw>;tag=1", "Privacy": "id"},
        {"P-Asserted-Identity": "<sip:+8613800138000@gw>", "Privacy": "header; id"},
        {},
    ],
)
def test_a_withheld_number_is_none(headers: dict[str, str]) -> None:
    assert caller_number(headers) is None


def test_the_dialled_number() -> None:
    assert called_user("<sip:12345@127.0.0.1:5060>;tag=2") == "12345"
    assert called_user("sip:127.0.0.1:5060") == ""
