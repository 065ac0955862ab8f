"""What the tests of SIP share: an endpoint of each back end that answers, and a wire to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ivr_sip.wire import Answering, Wire


@pytest.fixture(params=["aiosipua", "pyvoip"])
async def answering(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Answering]:
    """Many a wire leaves without an ACK or a BYE: no second is spent on each goodbye."""
    monkeypatch.setattr("ivr.sip.endpoint._GOODBYE_S", 0.05)
    one = Answering(request.param, tmp_path)
    await one.endpoint.start()
    yield one
    await one.endpoint.stop()


@pytest.fixture
async def wire(answering: Answering) -> AsyncIterator[Wire]:
    line = Wire(answering.endpoint.address)
    yield line
    line.close()
