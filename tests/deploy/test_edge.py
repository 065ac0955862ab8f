"""The edge that we ship, in a real Kamailio: whom it lets in, where calls go, and what happens when a node dies."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from config.settings import ROOT
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg, DialFailed
from tests.deploy.conftest import MakeSource
from tests.deploy.edge_site import (
    NODE_HOST,
    PASSWORD,
    PHONE_HOST,
    STRANGER_HOST,
    TRUNK_HOST,
    Edge,
    free_port,
)
from tests.deploy.nodes import Node

CALLER = "13800138000"


async def dial(edge: Edge, endpoint: AiosipuaEndpoint, to: str = "12345", *, caller: str = CALLER) -> CallLeg:
    return await endpoint.dial(f"sip:{to}@127.0.0.1:{edge.port}", caller=caller, timeout_s=15)


async def refusal(edge: Edge, endpoint: AiosipuaEndpoint, to: str = "12345", *, caller: str = CALLER) -> int:
    with pytest.raises(DialFailed) as refused:
        await dial(edge, endpoint, to, caller=caller)
    return refused.value.code


# --- calls ------------------------------------------------------------------------------------------------------


async def test_calls_are_spread_over_the_nodes_and_end_through_the_edge(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint
) -> None:
    legs = [await dial(edge, trunk, to) for to in ("12345", "075912345", "+8612345", "12345")]
    assert [len(node.calls) for node in nodes] == [2, 2]
    assert {leg.number for node in nodes for leg in node.calls} == {CALLER}
    taken = {leg.call_id: leg for node in nodes for leg in node.calls}
    await legs[0].hangup()
    assert await asyncio.wait_for(taken[legs[0].call_id].wait_ended(), 5) == "remote"
    await taken[legs[1].call_id].hangup()
    assert await asyncio.wait_for(legs[1].wait_ended(), 5) == "remote"
    assert not any(leg.ended for leg in legs[2:])


async def test_a_busy_answer_is_final_and_a_full_node_is_passed_over(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint
) -> None:
    for node in nodes:
        node.code = 486
    assert await refusal(edge, trunk) == 486
    assert sum(len(node.calls) for node in nodes) == 1
    nodes[0].code, nodes[1].code = 503, 0
    for _ in range(2):
        await dial(edge, trunk)
    assert len([leg for leg in nodes[1].calls if not leg.ended]) == 2


async def test_when_every_node_is_full_the_trunk_is_told_when_to_come_back(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource
) -> None:
    for node in nodes:
        node.code = 503
    caller = source(TRUNK_HOST)
    caller.send(caller.request("INVITE"))
    answer = await caller.answer(10)
    assert answer.startswith("SIP/2.0 503")
    assert "Retry-After: 5" in answer
    assert [len(node.calls) for node in nodes] == [1, 1]


async def test_a_silent_node_is_passed_over_and_probing_takes_it_out_and_back(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint
) -> None:
    await nodes[0].stop()
    for _ in range(2):
        await dial(edge, trunk)
    assert len(nodes[1].calls) == 2
    await edge.until(lambda: edge.passes_over(nodes[0].port))
    assert edge.serves(nodes[1].port)
    again = Node(NODE_HOST, nodes[0].port)
    await again.start()
    try:
        await edge.until(lambda: edge.serves(nodes[0].port))
        for _ in range(2):
            await dial(edge, trunk)
        assert len(again.calls) == 1
    finally:
        await again.stop()


async def test_a_draining_node_keeps_its_calls_and_gets_no_new_ones(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint
) -> None:
    calls = [await dial(edge, trunk) for _ in range(2)]
    nodes[0].endpoint.drain()
    nodes[0].code = 503
    await edge.until(lambda: edge.passes_over(nodes[0].port))
    for _ in range(2):
        calls.append(await dial(edge, trunk))
    assert [len(node.calls) for node in nodes] == [1, 3]
    assert not any(leg.ended for leg in calls)


def spawn_node(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(__file__).with_name("nodes.py")), str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@asynccontextmanager
async def node_apart(port: int) -> AsyncIterator[subprocess.Popen[str]]:
    """A node in a process of its own, to be killed."""
    process = spawn_node(port)
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60) == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.mark.slow
async def test_a_killed_node_takes_its_own_calls_with_it_and_no_other(edge: Edge, trunk: AiosipuaEndpoint) -> None:
    async with AsyncExitStack() as stack:
        doomed, other = [await stack.enter_async_context(node_apart(port)) for port in edge.node_ports]
        await edge.until(lambda: all(edge.serves(port) for port in edge.node_ports))
        calls = [await dial(edge, trunk) for _ in range(4)]
        doomed.send_signal(signal.SIGKILL)
        doomed.wait()
        fresh = await dial(edge, trunk)
        await edge.until(lambda: sum(leg.ended for leg in calls) == 2)
        assert not fresh.ended
        assert edge.passes_over(edge.node_ports[0])
        assert other.poll() is None
        assert [await asyncio.wait_for(leg.wait_ended(), 1) for leg in calls if leg.ended] == ["remote", "remote"]
        for leg in (fresh, *calls):
            await leg.hangup()


# --- agents' phones ---------------------------------------------------------------------------------------------


@pytest.fixture
async def phone() -> AsyncIterator[Node]:
    """An agent's phone, not registered."""
    handset = Node(PHONE_HOST, free_port(PHONE_HOST))
    await handset.start()
    yield handset
    await handset.stop()


async def test_a_registered_phone_is_rung_by_a_node_and_by_nobody_else(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint, phone: Node, source: MakeSource
) -> None:
    node = nodes[0].endpoint
    assert await refusal(edge, node, "8001") == 480
    desk = source(PHONE_HOST)
    assert await desk.register("8001", PASSWORD, contact_port=phone.port) == 200
    leg = await dial(edge, node, "8001")
    assert [rung.number for rung in phone.calls] == [CALLER]
    await phone.calls[0].hangup()
    assert await asyncio.wait_for(leg.wait_ended(), 5) == "remote"
    assert await refusal(edge, trunk, "8001") == 404
    assert await source(STRANGER_HOST).ask("INVITE", to="8001") == 403
    assert len(phone.calls) == 1


async def test_a_wrong_password_another_name_and_another_network_are_refused(
    edge: Edge, nodes: tuple[Node, Node], phone: Node, source: MakeSource
) -> None:
    desk = source(PHONE_HOST)
    assert await desk.register("8001", "guess", contact_port=phone.port) == 401
    assert await desk.register("8002", PASSWORD, contact_port=phone.port) == 401
    assert await desk.register("8001", PASSWORD, contact_port=phone.port, as_user="8002") == 403
    assert await source(STRANGER_HOST).ask("REGISTER", to="8001") == 403
    assert await refusal(edge, nodes[0].endpoint, "8001") == 480


async def test_guessing_passwords_gets_a_source_banned(edge: Edge, source: MakeSource) -> None:
    desk = source(PHONE_HOST)
    for _ in range(edge.site.offences):
        assert await desk.register("8001", "guess", contact_port=1) == 401
    assert await desk.ask("REGISTER") == 0
    assert "reason=offences" in edge.log


async def test_a_registration_expires(edge: Edge, nodes: tuple[Node, Node], phone: Node, source: MakeSource) -> None:
    desk = source(PHONE_HOST)
    assert await desk.register("8001", PASSWORD, contact_port=phone.port, expires=1) == 200
    assert "8001" in edge.ask("ul.dump")
    await asyncio.sleep(2.5)
    assert await refusal(edge, nodes[0].endpoint, "8001") == 480
    assert phone.calls == []


async def test_only_the_newest_phone_of_an_account_rings(
    edge: Edge, nodes: tuple[Node, Node], phone: Node, source: MakeSource
) -> None:
    desk = source(PHONE_HOST)
    assert await desk.register("8001", PASSWORD, contact_port=free_port(PHONE_HOST)) == 200
    assert await desk.register("8001", PASSWORD, contact_port=phone.port) == 200
    leg = await dial(edge, nodes[0].endpoint, "8001")
    await leg.hangup()
    assert len(phone.calls) == 1


async def test_a_node_reaches_outside_numbers_through_the_trunk(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint
) -> None:
    called: list[str] = []

    async def answer(leg: CallLeg) -> None:
        called.append(leg.called)
        await leg.answer()
        await leg.wait_ended()

    trunk.on_call(answer)
    leg = await dial(edge, nodes[0].endpoint, "07592200110", caller="12345")
    assert called == ["07592200110"]
    await leg.hangup()
    assert await refusal(edge, trunk, "07592200110") == 404


# --- who may come in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "caller", ["<sip:anonymous@anonymous.invalid>", '"Anonymous" <sip:Unavailable@x>', "<sip:x.y>"]
)
async def test_withheld_numbers_pass(edge: Edge, nodes: tuple[Node, Node], source: MakeSource, caller: str) -> None:
    operator = source(TRUNK_HOST)
    assert await operator.ask("INVITE", caller=caller, more="Privacy: id\r\n") == 200
    assert [leg.number for node in nodes for leg in node.calls] == [None]


@pytest.mark.parametrize(
    "caller",
    [
        "<sip:8001@trunk.test>",
        "<sip:12345@trunk.test>",
        "<sip:075912345@trunk.test>",
        "<sip:admin'--@trunk.test>",
        "<sip:13800138000;x@trunk.test>",
        "<sip:12@trunk.test>",
    ],
)
async def test_spoofed_and_malformed_callers_are_refused(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource, caller: str
) -> None:
    assert await source(TRUNK_HOST).ask("INVITE", caller=caller) == 403
    assert not nodes[0].calls + nodes[1].calls


async def test_the_trunks_word_on_the_caller_reaches_the_node_when_it_is_a_number(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource
) -> None:
    operator = source(TRUNK_HOST)
    good = "P-Asserted-Identity: <sip:+8613900139000@trunk.test>\r\n"
    tel = "P-Asserted-Identity: <tel:+8613900139001>\r\n"
    bad = "P-Asserted-Identity: <sip:boss@trunk.test>\r\nRemote-Party-ID: <sip:1@x>\r\n"
    for more in (good, tel, bad):
        assert await operator.ask("INVITE", more=more) == 200
    taken = sorted((leg for node in nodes for leg in node.calls), key=lambda leg: leg.number or "")
    assert [leg.number for leg in taken] == [CALLER, "13900139000", "13900139001"]
    names = {name.lower() for name in taken[0].headers}
    assert not names & {"p-asserted-identity", "remote-party-id"}


async def test_a_stranger_who_asserts_a_number_is_not_answered_and_others_are_refused(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource
) -> None:
    stranger = source(STRANGER_HOST)
    asserted = "P-Asserted-Identity: <sip:13900139000@trunk.test>\r\n"
    assert await stranger.ask("INVITE", more=asserted) == 0
    assert await stranger.ask("INVITE") == 403
    assert await stranger.ask("OPTIONS") == 403
    assert await stranger.ask("INVITE", to="07592200110") == 403
    assert not nodes[0].calls + nodes[1].calls
    assert "reason=foreign_identity" in edge.log


async def test_a_stranger_cannot_send_into_or_through_the_edge(
    edge: Edge, nodes: tuple[Node, Node], trunk: AiosipuaEndpoint, source: MakeSource
) -> None:
    await dial(edge, trunk)
    stranger = source(STRANGER_HOST)
    route = f"Route: <sip:127.0.0.1:{edge.port};lr>\r\n"
    bye = stranger.request("BYE", more=route).replace("@hotline.test>", "@hotline.test>;tag=guess", 1)
    stranger.send(bye)
    assert (await stranger.answer()).startswith("SIP/2.0 481")
    assert not any(leg.ended for node in nodes for leg in node.calls)


async def test_requests_that_circle_or_are_broken_go_no_further(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource
) -> None:
    operator = source(TRUNK_HOST)
    assert await operator.ask("INVITE", forwards="0") == 483
    assert await operator.ask("INVITE", more="X-Padding: " + "x" * 9000 + "\r\n") == 513
    operator.send(operator.request("INVITE").replace("CSeq: 1 INVITE", "CSeq: 1 BYE"))
    assert (await operator.answer()).startswith("SIP/2.0 400")
    assert not nodes[0].calls + nodes[1].calls


async def test_the_trunks_probe_tells_whether_there_is_a_node(edge: Edge, source: MakeSource) -> None:
    operator = source(TRUNK_HOST)
    await edge.until(lambda: all(edge.passes_over(port) for port in edge.node_ports))
    assert await operator.ask("OPTIONS") == 503
    node = Node(NODE_HOST, edge.node_ports[0])
    await node.start()
    try:
        await edge.until(lambda: edge.serves(node.port))
        assert await operator.ask("OPTIONS") == 200
    finally:
        await node.stop()


async def test_a_flood_is_banned_for_a_while_and_others_get_through(
    edge: Edge, nodes: tuple[Node, Node], source: MakeSource
) -> None:
    flood = source(PHONE_HOST)
    for _ in range(300):
        flood.send(flood.request("REGISTER"))
    await edge.until(lambda: f"edge_banned reason=flood source={PHONE_HOST}" in edge.log)
    flood.drain()
    assert await flood.ask("REGISTER") == 0
    assert await source(TRUNK_HOST).ask("INVITE") == 200
    assert await source(STRANGER_HOST).ask("OPTIONS") == 403
    deadline = asyncio.get_running_loop().time() + 20
    while await flood.ask("REGISTER") != 401:
        assert asyncio.get_running_loop().time() < deadline, "the ban never ended"
