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
        ("8613800138000", "13800138000"),
        ("+86-138-0013-8000", "13800138000"),
        ("00867592233445", "07592233445"),
        ("0759-2233445-801", "07592233445"),
        ("07592233445,801", "07592233445"),
        ("+867592233445;ext=801", "07592233445"),
        ("075913800138000x12", "13800138000"),
        ("02012345678转3", "02012345678"),
        ("2233445", "2233445"),
        ("+85228765432", "+85228765432"),
        ("008528765432", "+8528765432"),
        ("12345", "12345"),
        ("110", "110"),
        ("anonymous", None),
        ("", None),
    ],
)
def test_normalise_number(raw: str, expected: str | None) -> None:
    assert normalise_number(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("2233445", "07592233445"), ("22334455", "075922334455"), ("13800138000", "13800138000"), ("12345", "12345"),
     ("02012345678", "02012345678"), ("1234567", "1234567"), ("10086", "10086")],
)  # fmt: skip
def test_a_local_landline_gets_the_area_code(raw: str, expected: str) -> None:
    assert normalise_number(raw, "0759") == expected


@pytest.mark.parametrize(
    "asserted",
    [
        "<tel:+86-138-0013-8000>",
        "<sip:+8613800138000;npdi@gw.example;user=phone>",
        "sip:%2B8613800138000@gw.example;user=phone",
        '"王; <某>" <sip:13800138000:secret@gw.example>',
        "<sip:operator@gw.example>, <tel:+8613800138000>",
        "tel:13800138000",
    ],
)
def test_the_number_in_an_asserted_identity(asserted: str) -> None:
    headers = {"f": "ignored", "From": "<sip:02012345678@gw>;tag=1", "P-Asserted-Identity": asserted}
    assert caller_number(headers) == "13800138000"


def test_a_local_number_is_completed_from_its_context() -> None:
    headers = {"From": "<tel:2233445;phone-context=+86759>;tag=1"}
    assert caller_number(headers) == "07592233445"
    assert caller_number({"From": "<sip:2233445;phone-context=+86759@gw;user=phone>;tag=1"}, "020") == "07592233445"
    assert caller_number({"From": "<sip:2233445@gw;user=phone>;tag=1"}, "020") == "0202233445"


def test_an_asserted_identity_without_a_number_leaves_it_to_from() -> None:
    headers = {"From": "<sip:13800138000@gw>;tag=1", "P-Asserted-Identity": "<sip:hotline@gw>"}
    assert caller_number(headers) == "13800138000"


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
        {"From": '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "P-Asserted-Identity": "<sip:unknown@gw>"},
        {"From": "<sip:unavailable@unknown.invalid>;tag=1"},
        {},
    ],
)
def test_a_withheld_number_is_none(headers: dict[str, str]) -> None:
    assert caller_number(headers) is None


def test_a_huge_header_takes_no_time() -> None:
    for filler in (" ", '"', "<", "\\", ",", "a <", "<a>,", '" '):
        assert caller_number({"From": f"a{filler * 60_000}b", "P-Asserted-Identity": filler * 60_000}) is None


def test_the_dialled_number() -> None:
    assert called_user("<sip:12345@127.0.0.1:5060>;tag=2") == "12345"
    assert called_user("sip:127.0.0.1:5060") == ""
    assert called_user("<tel:12345;phone-context=example.com>;tag=2") == "12345"
    assert called_user('"<12345>" <sip:96345@gw>') == "96345"
    assert called_user("<sip:12345;isub=1@gw>") == "12345"
    assert called_user("nonsense") == ""
