"""A running edge, nodes behind it, and whoever talks to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from tests.conftest import Need
from tests.deploy.edge_site import NODE_HOST, TRUNK_HOST, Edge, Source
from tests.deploy.nodes import Node

MakeSource = Callable[[str], Source]


@pytest.fixture
def kamailio(need: Need) -> Path:
    return need("/usr/sbin/kamailio", "sudo apt-get install -y kamailio")


@pytest.fixture
async def edge(kamailio: Path, tmp_path: Path) -> AsyncIterator[Edge]:
    """An edge over two nodes that are not there yet."""
    running = Edge(kamailio, tmp_path)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def nodes(edge: Edge) -> AsyncIterator[tuple[Node, Node]]:
    """Both of the edge's nodes, alive and known to be."""
    async with AsyncExitStack() as stack:
        pair = (Node(NODE_HOST, edge.node_ports[0]), Node(NODE_HOST, edge.node_ports[1]))
        for node in pair:
            await node.start()
            stack.push_async_callback(node.stop)
        await edge.until(lambda: all(edge.serves(port) for port in edge.node_ports))
        yield pair


@pytest.fixture
async def trunk(edge: Edge) -> AsyncIterator[AiosipuaEndpoint]:
    """The operator's gateway, at the only address that may assert callers' numbers."""
    endpoint = AiosipuaEndpoint(TRUNK_HOST, edge.trunk_port)
    await endpoint.start()
    yield endpoint
    await endpoint.stop()


@pytest.fixture
async def source(edge: Edge) -> AsyncIterator[MakeSource]:
    """``source(host)``: a socket that speaks SIP by hand from that address."""
    made: list[Source] = []

    def make(host: str) -> Source:
        made.append(Source(edge, host))
        return made[-1]

    yield make
    for one in made:
        one.close()
