"""Nodes as the edge sees them: the node's own SIP endpoint, answering or refusing; ``python nodes.py PORT`` runs one apart."""

import asyncio
import sys

from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.contract import CallLeg


class Node:
    """Answers each call and holds it, or refuses it with ``code``."""

    def __init__(self, host: str, port: int, code: int = 0) -> None:
        self.endpoint = AiosipuaEndpoint(host, port)
        self.port = port
        self.code = code
        self.calls: list[CallLeg] = []
        self.endpoint.on_call(self._take)

    async def start(self) -> None:
        await self.endpoint.start()

    async def stop(self) -> None:
        await self.endpoint.stop()

    async def _take(self, leg: CallLeg) -> None:
        self.calls.append(leg)
        if self.code:
            await leg.reject(self.code)
            return
        await leg.answer()
        await leg.wait_ended()


async def main(port: int) -> None:
    node = Node("127.0.0.1", port)
    await node.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
