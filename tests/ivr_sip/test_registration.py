"""A trunk that wants registration, against a registrar that checks digests; both back ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiosipua import SipRequest, SipResponse

from config.settings import Settings
from ivr.sip.contract import DialFailed, SipEndpoint
from ivr.sip.digest import Account, Digest, number_of
from ivr.sip.factory import make_endpoint
from ivr.sip.registration import ANSWER_WITHIN_S, Registration, wait_before_retry
from ivr.sip.trunk import TrunkPasswordMissing, TrunkUserMissing, trunk_of
from tests.ivr_sip.registrar import DOMAIN, PASSWORD, USER, Registrar
from tests.ivr_sip.wire import OFFERED

Address = tuple[str, int]


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    one = await Registrar.start()
    yield one
    one.close()


@pytest.fixture(params=["aiosipua", "pyvoip"])
async def endpoint(
    request: pytest.FixtureRequest, registrar: Registrar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SipEndpoint]:
    monkeypatch.setenv("HOTLINE_SECRET_SIP", PASSWORD)
    settings = Settings(
        data_dir=tmp_path,
        sip_port=0,
        rtp_port_low=0,
        rtp_port_high=0,
        sip_registrar=registrar.address,
        sip_user=f"{USER}@{DOMAIN}",
    )
    one = make_endpoint(settings, request.param)
    yield one
    await one.stop()


async def test_registers_with_digest_and_takes_the_registration_back(
    endpoint: SipEndpoint, registrar: Registrar
) -> None:
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    host, port = endpoint.address
    assert registrar.bindings == {f"<sip:{USER}@{host}:{port}>": 120}
    first, second = registrar.heard[:2]
    assert first.get_header("authorization") is None
    assert (first.call_id, number_of(first) + 1) == (second.call_id, number_of(second))
    await asyncio.sleep(0.1)
    assert endpoint.registered is True
    await endpoint.stop()
    assert registrar.bindings == {}
    assert endpoint.registered is False


async def test_a_proxy_asks_too_and_a_nonce_grows_stale(endpoint: SipEndpoint, registrar: Registrar) -> None:
    registrar.proxy_too = registrar.stale_once = True
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    assert {"Authorization", "Proxy-Authorization"} <= {name for name, _ in registrar.heard[-1].headers.items()}


async def test_a_longer_expiry_is_taken_over(endpoint: SipEndpoint, registrar: Registrar) -> None:
    registrar.shortest_s = registrar.granted_s = 600
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    assert list(registrar.bindings.values()) == [600]


async def test_a_wrong_password_is_tried_once_and_seen(
    endpoint: SipEndpoint, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.ivr_sip.registrar.PASSWORD", "another")
    await endpoint.start()
    await registrar.until(lambda: len(registrar.heard) == 2)
    await asyncio.sleep(0.2)
    assert len(registrar.heard) == 2
    assert endpoint.registered is False


async def test_an_invite_through_the_trunk_proves_who_calls(endpoint: SipEndpoint, registrar: Registrar) -> None:
    taken: list[SipRequest] = []

    def busy(request: SipRequest, source: Address) -> None:
        taken.append(request)
        registrar.answer(request, 486, {}, source)

    registrar.then = busy
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    with pytest.raises(DialFailed) as failure:
        await endpoint.dial("tel:+86-759-223-3445", caller="07591234567", timeout_s=5)
    assert failure.value.code == 486
    (invite,) = taken
    assert invite.uri == f"sip:+867592233445@{registrar.address};user=phone"
    assert (invite.get_header("from") or "").startswith(f"<sip:{USER}@{DOMAIN}>"), "trunks refuse others' numbers"
    assert invite.get_header("p-asserted-identity") == f"<sip:07591234567@{DOMAIN}>"
    acks = [number_of(request) for request in registrar.heard if request.method == "ACK"]
    assert acks == [1, 2]


async def test_a_bye_that_is_challenged_is_sent_again(endpoint: SipEndpoint, registrar: Registrar) -> None:
    ended = asyncio.Event()

    def serve(request: SipRequest, source: Address) -> None:
        if request.method == "INVITE":
            registrar.answer(request, 200, {"Content-Type": "application/sdp"}, source, OFFERED)
        else:
            registrar.answer(request, 200, {}, source)
            ended.set()

    registrar.then = serve
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    leg = await endpoint.dial("tel:8001", timeout_s=5)
    await leg.hangup()
    async with asyncio.timeout(5):
        await ended.wait()
    numbers = [number_of(request) for request in registrar.heard if request.method in ("INVITE", "BYE")]
    assert numbers == [1, 2, 3, 4], "every request has a number of its own, credentials or not"


async def test_nobody_but_the_trunk_is_told_a_digest(endpoint: SipEndpoint, registrar: Registrar) -> None:
    curious = await asyncio.get_running_loop().create_datagram_endpoint(Registrar, local_addr=("127.0.0.2", 0))
    host, port = curious[0].get_extra_info("sockname")
    await endpoint.start()
    await registrar.until(lambda: bool(registrar.bindings))
    with pytest.raises(DialFailed) as failure:
        await endpoint.dial(f"sip:8001@{host}:{port}", timeout_s=5)
    assert failure.value.code == 401
    assert all(request.get_header("authorization") is None for request in curious[1].heard)
    curious[0].close()


def test_the_wait_doubles_up_to_a_minute_and_keeps_to_what_the_registrar_says() -> None:
    assert [wait_before_retry(n, 0.0, 0.5) for n in (1, 2, 3, 7, 8, 500)] == [1, 2, 4, 60, 60, 60]
    assert wait_before_retry(3, 0.0, 0.0) == 3
    assert wait_before_retry(1, 120.0, 1.0) == 120
    assert wait_before_retry(1, 9e9, 1.0) == 300


class Hours:
    """A registration in its own time: ``answers`` are what the registrar says, request by request."""

    def __init__(self, answers: list[tuple[int, dict[str, str]] | None]) -> None:
        self.at = 0.0
        self.asked_at: list[float] = []
        self.waits: list[float] = []
        self._answers = answers
        account = Account(USER, DOMAIN, USER, PASSWORD)
        self.registration = Registration(
            account,
            "127.0.0.1:5060",
            ask=self._ask,
            contact=lambda: ("127.0.0.1", 5070),
            digest=Digest(account),
            sleep=self._sleep,
            now=lambda: self.at,
            draw=lambda: 0.5,
        )
        self.seen: list[tuple[str, bool]] = []

    async def run(self) -> None:
        with pytest.raises(IndexError):
            await self.registration.run()

    async def _ask(self, request: SipRequest, address: Address, timeout_s: float) -> SipResponse | None:
        self.asked_at.append(self.at)
        answer = self._answers.pop(0)
        if answer is None:
            self.at += timeout_s
            return None
        response = SipResponse(status_code=answer[0])
        for name, value in answer[1].items():
            response.headers.set_single(name, value)
        return response

    async def _sleep(self, seconds: float) -> None:
        self.seen.append((self.registration.status, self.registration.bound))
        self.waits.append(seconds)
        self.at += seconds


OK: tuple[int, dict[str, str]] = (200, {"Expires": "120"})


async def test_an_outage_is_survived_by_trying_again_ever_more_slowly() -> None:
    hours = Hours([OK, OK, *[None] * 8, OK, OK])
    await hours.run()
    assert hours.waits == [30, 30, 1, 2, 4, 8, 16, 32, 60, 60, 30, 30]
    assert ANSWER_WITHIN_S == 8
    assert hours.seen[:2] == [("registered", True)] * 2
    assert hours.seen[2] == ("unreachable", True), "the binding granted before the outage still holds"
    assert hours.seen[9] == ("unreachable", False)
    assert hours.seen[10] == ("registered", True)
    assert hours.registration.failures == 0


async def test_a_short_grant_is_refreshed_in_time_and_a_refusal_is_waited_out() -> None:
    hours = Hours([(200, {"Expires": "20"}), (503, {"Retry-After": "90 (maintenance)"}), (403, {}), OK])
    await hours.run()
    assert hours.waits == [10, 90, 2, 30]
    assert [status for status, _ in hours.seen] == ["registered", "refused", "refused", "registered"]


async def test_a_registration_needs_a_user_and_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTLINE_SECRET_SIP", raising=False)
    with pytest.raises(TrunkUserMissing, match="sip_user"):
        trunk_of(Settings(data_dir=tmp_path, sip_registrar="gw.example"))
    settings = Settings(data_dir=tmp_path, sip_registrar="sip:gw.example:5070", sip_user="12345", sip_auth_user="a@b")
    with pytest.raises(TrunkPasswordMissing, match="HOTLINE_SECRET_SIP"):
        trunk_of(settings)
    settings.secrets_dir.mkdir()
    (settings.secrets_dir / "sip").write_text("secret word\n", encoding="utf-8")
    trunk = trunk_of(settings)
    assert trunk.account == Account("12345", "gw.example", "a@b", "secret word")
    assert (trunk.gateway, trunk.registrar) == ("gw.example:5070", "gw.example:5070")
    assert "secret word" not in repr(trunk)
