"""Offers and answers."""

import pytest
from aiosipua.sdp import parse_sdp, serialize_sdp

from ivr.sip.session_description import (
    Agreement,
    NotAcceptable,
    SessionName,
    agree,
    agree_answer,
    make_answer,
    make_offer,
    read_offer,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n"


def offer(media: str, head: str = HEAD) -> Agreement:
    return agree(parse_sdp(head + media))


def test_the_offerers_first_codec_that_we_speak() -> None:
    assert offer("m=audio 4000 RTP/AVP 18 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n") == Agreement(
        "PCMU", 0, ("10.0.0.9", 4000), 101, 101
    )
    assert offer("m=audio 4000 RTP/AVP 8 0\r\n") == Agreement("PCMA", 8, ("10.0.0.9", 4000), None, None)


def test_keys_keep_the_type_that_was_offered() -> None:
    agreed = offer("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n")
    assert (agreed.keys_in, agreed.keys_out) == (96, 96)


def test_a_media_address_overrides_that_of_the_session() -> None:
    assert offer("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 10.0.0.7\r\n").remote == ("10.0.0.7", 4000)


@pytest.mark.parametrize(
    ("media", "direction"),
    [
        ("m=audio 4000 RTP/AVP 8\r\n", "sendrecv"),
        ("m=audio 4000 RTP/AVP 8\r\na=sendonly\r\n", "recvonly"),
        ("m=audio 4000 RTP/AVP 8\r\na=recvonly\r\n", "sendonly"),
        ("m=audio 4000 RTP/AVP 8\r\na=inactive\r\n", "inactive"),
        ("m=audio 4000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n", "inactive"),
    ],
)
def test_hold(media: str, direction: str) -> None:
    assert offer(media).direction == direction


def test_hold_for_the_whole_session() -> None:
    assert offer("m=audio 4000 RTP/AVP 8\r\n", HEAD + "a=sendonly\r\n").direction == "recvonly"


@pytest.mark.parametrize(
    "media",
    [
        "m=video 4000 RTP/AVP 31\r\n",
        "m=audio 4000 RTP/AVP 9 18\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 PCMA/16000\r\n",
        "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 224.0.0.1\r\n",
        "m=audio 4000 RTP/AVP 8\r\nc=IN IP6 ::1\r\n",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n",
        "",
    ],
)
def test_what_we_do_not_speak(media: str) -> None:
    with pytest.raises(NotAcceptable):
        offer(media)


def test_unreadable_offers() -> None:
    for kind, body in (("text/plain", HEAD), ("application/sdp", ""), ("application/sdp", "m=audio x RTP/AVP 8\r\n")):
        with pytest.raises(NotAcceptable):
            read_offer(kind, body)


def test_the_answer_mirrors_every_line_and_refuses_video() -> None:
    text = (
        "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0 8 97\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n"
    )
    offered = parse_sdp(HEAD + text)
    answer = make_answer(offered, agree(offered), "10.0.0.1", 20_000, SessionName())
    assert [(media.media, media.port, media.formats) for media in answer.media] == [
        ("video", 0, ["31"]),
        ("audio", 20_000, ["0", "97"]),
    ]
    assert "a=recvonly" in serialize_sdp(answer)
    assert "a=sendrecv" not in serialize_sdp(answer)


def test_our_offer_is_understood_by_ourselves() -> None:
    name = SessionName()
    ours = parse_sdp(serialize_sdp(make_offer("10.0.0.1", 20_000, name)))
    assert agree(ours) == Agreement("PCMA", 8, ("10.0.0.1", 20_000), 101, 101)
    answer = make_answer(ours, agree(ours), "10.0.0.2", 30_000, SessionName())
    assert agree_answer(answer) == Agreement("PCMA", 8, ("10.0.0.2", 30_000), 101, 101)
    assert name.next_version() == "2"
