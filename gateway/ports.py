"""Ports that nobody uses just now, for instances that run beside others."""

import contextlib
import socket
from typing import Final

_RTP_SPAN: Final = 400
"""Width of one instance's RTP range: enough for 100 calls with two legs."""


def free_ports() -> dict[str, int]:
    """A free port for every listener, and an RTP range whose ends are free."""
    with contextlib.ExitStack() as held:

        def take(kind: socket.SocketKind) -> int:
            sock = held.enter_context(socket.socket(socket.AF_INET, kind))
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
            return port

        names = ("web_port", "operator_port", "node_port", "rasa_port")
        ports = {name: take(socket.SOCK_STREAM) for name in names}
        ports["sip_port"] = take(socket.SOCK_DGRAM)
        low = _free_range(ports["sip_port"])
    return ports | {"rtp_port_low": low, "rtp_port_high": low + _RTP_SPAN - 1}


def _free_range(seed: int) -> int:
    """The first of 60 ranges, starting at one that depends on ``seed``, whose first and last ports can be bound."""
    count = 60
    for attempt in range(count):
        low = 10_000 + ((seed + attempt) % count) * _RTP_SPAN
        if all(_can_bind(port) for port in (low, low + 1, low + _RTP_SPAN - 1)):
            return low
    raise OSError("没有空闲的 RTP 端口段")


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
