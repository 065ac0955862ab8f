"""A recording's way: from the node's disk into the store, to the ears of those who may listen, and out when its time is over."""

import asyncio
import hashlib
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from sqlalchemy import select

from ivr.recording import Recordings
from ivr.recording_upload import OFFSET_HEADER, PART_BYTES, RecordingShipper
from store.schema import audit
from tests.gateway.conftest import House, until
from tests.gateway.scripted_node import ScriptedNode
from tests.gateway.test_desk_over_http import AgentPage, hand_over

SECONDS = 3


def recorded(
    house: House, folder: Path, *, call: str = "c1", seconds: int = SECONDS, at: datetime | None = None
) -> Path:
    """A recording as a node leaves it: 400 Hz on the caller's side, 1 kHz on ours."""
    moments = np.arange(160) / 8000
    heard = (6000 * np.sin(2 * np.pi * 400 * moments)).astype("<i2").tobytes()
    sent = (6000 * np.sin(2 * np.pi * 1000 * moments)).astype("<i2").tobytes()
    recordings = Recordings(folder, house.vault)
    recordings.start()
    one = recordings.begin(call, at or house.clock.now())
    assert one is not None
    for _ in range(50 * seconds):
        one.sent(sent)
        one.heard(heard)
    one.close()
    recordings.stop()
    return max(folder.glob("*.rec"), key=lambda file: file.stat().st_mtime_ns)


@asynccontextmanager
async def shipping(house: House, folder: Path) -> AsyncIterator[RecordingShipper]:
    shipper = RecordingShipper(folder, str(house.node.make_url("")), secret=lambda: house.settings.secret("node"))
    task = asyncio.create_task(shipper.run())
    try:
        yield shipper
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def deliver(house: House, folder: Path) -> None:
    async with shipping(house, folder) as shipper:
        await until(lambda: not shipper.waiting())


async def served_call(house: House, node: ScriptedNode) -> tuple[AgentPage, str]:
    """An agent who talked to the caller of ``c1``, and the conversation."""
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await hand_over(house, node)
    pop = (await page.next("offer"))["pop"]
    await page.do("POST", f"handovers/{pop['handover']}/accept")
    return page, pop["conversation"]


async def listened(house: House) -> list[tuple[str, str]]:
    query = select(audit.c.by, audit.c.action).where(audit.c.action.like("recording.%")).order_by(audit.c.at)
    async with house.database.connect() as connection:
        return [(row.by, row.action) for row in await connection.execute(query)]


async def sound(page: AgentPage, conversation: str, **headers: str) -> aiohttp.ClientResponse:
    permit = await page.do("POST", f"conversations/{conversation}/recording/listen")
    return await page.client.get(permit["url"], headers=headers)


async def test_a_recording_is_shipped_listened_to_and_noted(house: House, node: ScriptedNode, tmp_path: Path) -> None:
    page, conversation = await served_call(house, node)
    file = recorded(house, tmp_path / "node")
    sealed = file.read_bytes()
    await deliver(house, tmp_path / "node")
    assert not file.exists()

    about = await page.do("GET", f"conversations/{conversation}/recording")
    assert (about["duration_ms"], about["complete"], about["withheld"]) == (SECONDS * 1000, True, [])
    assert await listened(house) == []
    answer = await sound(page, conversation)
    assert (answer.status, answer.content_type) == (200, "audio/wav")
    whole = await answer.read()
    with wave.open(io.BytesIO(whole)) as opened:
        assert (opened.getnchannels(), opened.getnframes()) == (2, SECONDS * 8000)
    assert await listened(house) == [("8001", "recording.listened")]

    part = await page.client.get(answer.url, headers={"Range": "bytes=1000-1999"})
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 1000-1999/{len(whole)}")
    assert await part.read() == whole[1000:2000]
    tail = await page.client.get(answer.url, headers={"Range": "bytes=-100"})
    assert await tail.read() == whole[-100:]
    beyond = await page.client.get(answer.url, headers={"Range": f"bytes={len(whole)}-"})
    assert beyond.status == 416
    assert len(await listened(house)) == 1, "one permission is one audit row"

    on_disk = [path.read_bytes() for path in house.settings.data_dir.rglob("*.rec")]
    assert on_disk == [sealed]
    assert whole[44:1044] not in sealed


async def test_who_has_no_part_in_the_call_does_not_hear_it(house: House, node: ScriptedNode, tmp_path: Path) -> None:
    page, conversation = await served_call(house, node)
    recorded(house, tmp_path / "node")
    await deliver(house, tmp_path / "node")
    other = await AgentPage.login(house, "8002")
    await other.do("GET", f"conversations/{conversation}/recording", status=403)
    await other.do("POST", f"conversations/{conversation}/recording/listen", status=403)
    assert await listened(house) == []
    mine = await sound(page, conversation)
    stolen = await other.client.get(mine.url)
    assert stolen.status == 403
    chief = await AgentPage.login(house, "9001", "supervisor")
    assert (await sound(chief, conversation)).status == 200
    assert (await chief.client.get(mine.url)).status == 403, "a permit is its owner's"
    stranger = await house.visitor()
    assert (await stranger.get(mine.url)).status == 401


async def test_without_permission_asked_for_there_is_no_sound(house: House, node: ScriptedNode, tmp_path: Path) -> None:
    page, conversation = await served_call(house, node)
    recorded(house, tmp_path / "node")
    await deliver(house, tmp_path / "node")
    answer = await page.client.get(f"/api/desk/conversations/{conversation}/recording/sound")
    assert (answer.status, (await answer.json())["error"]["code"]) == (403, "forbidden")


async def test_a_call_without_a_recording_says_so(house: House, node: ScriptedNode) -> None:
    page, conversation = await served_call(house, node)
    told = await page.do("GET", f"conversations/{conversation}/recording", status=404)
    assert "没有录音" in told["error"]["message"]


async def test_delivery_goes_on_where_it_broke_off(house: House, tmp_path: Path) -> None:
    file = recorded(house, tmp_path / "node", seconds=40)
    sealed = file.read_bytes()
    assert len(sealed) > 2 * PART_BYTES
    url = house.node.make_url(f"/node/recordings/{file.stem}")
    headers = {"Authorization": f"Bearer {house.settings.secret('node')}"}
    async with aiohttp.ClientSession() as session:
        await session.patch(url, data=sealed[:PART_BYTES], headers=headers | {OFFSET_HEADER: "0"})
        again = await session.patch(url, data=sealed[:PART_BYTES], headers=headers | {OFFSET_HEADER: "0"})
        assert again.status == 409
        found = await session.head(url, headers=headers)
        assert found.headers[OFFSET_HEADER] == str(PART_BYTES)
        await deliver(house, tmp_path / "node")
        stored = await house.gateway.recordings.of_call("c1")
        assert stored is not None
        assert stored.sha256 == hashlib.sha256(sealed).hexdigest()
        digest = {"sha256": stored.sha256}
        once_more = await session.post(url / "complete", json=digest, headers=headers)
        assert await once_more.json() == digest


async def test_what_was_damaged_on_the_way_is_sent_again(house: House, tmp_path: Path) -> None:
    file = recorded(house, tmp_path / "node")
    url = house.node.make_url(f"/node/recordings/{file.stem}")
    headers = {"Authorization": f"Bearer {house.settings.secret('node')}"}
    async with aiohttp.ClientSession() as session:
        await session.patch(url, data=b"rubbish", headers=headers | {OFFSET_HEADER: "0"})
        answer = await session.post(url / "complete", json={"sha256": "0" * 64}, headers=headers)
        assert answer.status == 422
    assert file.exists()
    await deliver(house, tmp_path / "node")
    assert await house.gateway.recordings.of_call("c1") is not None


async def test_the_node_keeps_it_while_the_store_is_away(house: House, tmp_path: Path) -> None:
    recorded(house, tmp_path / "node")
    shipper = RecordingShipper(tmp_path / "node", "http://127.0.0.1:1", secret=lambda: "x")
    task = asyncio.create_task(shipper.run())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(shipper.waiting()) == 1


@pytest.mark.parametrize("name", ["../../hotline", "x" * 32, "A" * 32])
async def test_only_nodes_deliver_and_only_recordings(house: House, name: str) -> None:
    async with aiohttp.ClientSession() as session:
        url = house.node.make_url(f"/node/recordings/{name}")
        headers = {"Authorization": f"Bearer {house.settings.secret('node')}"}
        assert (await session.head(url, headers=headers)).status == 404
        good = house.node.make_url(f"/node/recordings/{'a' * 32}")
        assert (await session.head(good)).status == 403
        assert (await session.head(good, headers=headers)).status == 200


async def test_recordings_go_when_their_days_are_over(house: House, tmp_path: Path) -> None:
    now = house.clock.now()
    recorded(house, tmp_path / "node", call="old", at=now - timedelta(days=181))
    recorded(house, tmp_path / "node", call="new", at=now - timedelta(days=179))
    await deliver(house, tmp_path / "node")
    files: list[Any] = list(house.settings.data_dir.rglob("*.rec"))
    assert len(files) == 2
    assert await house.gateway.recordings.purge() == 1
    assert len(list(house.settings.data_dir.rglob("*.rec"))) == 1
    assert await house.gateway.recordings.of_call("old") is None
    assert await house.gateway.recordings.of_call("new") is not None
    assert await listened(house) == [("system", "recording.purged")]
    assert await house.gateway.recordings.purge() == 0


async def test_an_agent_keeps_a_secret_out_of_the_recording(house: House, node: ScriptedNode) -> None:
    page = await AgentPage.login(house, "8001")
    await page.ready()
    await hand_over(house, node)
    handover = (await page.next("offer"))["pop"]["handover"]
    await page.do("POST", f"handovers/{handover}/recording", {"paused": True}, status=409)
    await page.do("POST", f"handovers/{handover}/accept")
    transfer = await node.wait("transfer")
    await node.transfer("connected", transfer.id, code=200)
    while (await page.next("phone"))["state"] != "connected":
        pass
    await page.do("POST", f"handovers/{handover}/recording", {"paused": "yes"}, status=400)
    await page.do("POST", f"handovers/{handover}/recording", {"paused": True})
    assert (await node.wait("recording.pause")).from_ms == -1
    await page.do("POST", f"handovers/{handover}/recording", {"paused": False})
    await node.wait("recording.resume")
    await page.do("POST", f"handovers/{handover}/recording", {"paused": True})
    await node.transfer("ended", transfer.id)
    await node.wait("recording.resume", count=2)
    assert await listened(house) == [
        ("8001", "recording.paused"),
        ("8001", "recording.resumed"),
        ("8001", "recording.paused"),
    ]
