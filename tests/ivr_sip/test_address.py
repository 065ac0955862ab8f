"""Which socket a URI means, and where requests within a call go."""

import pytest

from ivr.sip.address import BadAddress, Target, next_hop, resolve

TRUNK = ("11.0.0.5", 5060)
"""A public address: those set aside for documentation count as private. Nothing is sent there."""


@pytest.mark.parametrize(
    ("routes", "contact", "known", "expected"),
    [
        (["<sip:11.0.0.9:5070;lr>", "<sip:198.51.100.1;lr>"], "sip:a@198.51.100.7", TRUNK, ("11.0.0.9", 5070)),
        (["<sip:10.0.0.2;lr>"], "sip:a@198.51.100.7", TRUNK, ("10.0.0.2", 5060)),
        (["<sip:proxy.example;lr>"], "sip:a@198.51.100.7", TRUNK, TRUNK),
        ([], "sip:a@11.0.0.7:5099;transport=udp", TRUNK, ("11.0.0.7", 5099)),
        ([], "sip:8001@192.168.1.20:5060", TRUNK, TRUNK),
        ([], "sip:8001@192.168.1.20:5062", ("10.1.0.1", 5060), ("192.168.1.20", 5062)),
        ([], "sip:8001@192.0.2.1:99999", TRUNK, TRUNK),
        ([], "tel:13800138000", TRUNK, TRUNK),
        ([], "", TRUNK, TRUNK),
        (["<<>>"], "sip:@:", TRUNK, TRUNK),
    ],
)
def test_the_next_hop_within_a_call(
    routes: list[str], contact: str, known: tuple[str, int], expected: tuple[str, int]
) -> None:
    assert next_hop(routes, contact, known) == expected


async def test_a_tel_number_is_at_the_gateway() -> None:
    expected = Target("sip:+867592233445@127.0.0.1:5080;user=phone", "+867592233445", ("127.0.0.1", 5080))
    assert await resolve("tel:+86-759-223.3445;ext=801", "127.0.0.1:5080") == expected


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("tel:110", "sip_trunk"),
        ("tel:call-me", "不是电话号码"),
        ("mailto:a@b", "不是 sip 地址|找不到主机"),
        ("sip:8001@127.0.0.1;transport=tcp", "UDP"),
        ("sip:8001@127.0.0.1:70000", "端口"),
        ("sip:", "不是 sip 地址"),
    ],
)
async def test_what_cannot_be_called_says_why(uri: str, why: str) -> None:
    with pytest.raises(BadAddress, match=why):
        await resolve(uri)
