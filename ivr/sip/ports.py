"""RTP ports: pairs from the configured range, held as bound sockets from the moment they are promised in an SDP."""

import socket
from dataclasses import dataclass

from config.errors import HotlineError


class NoPortFree(HotlineError):
    """Every RTP port of the range is taken: the node is full."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__(
            "no_rtp_port", f"RTP 端口 {low}–{high} 已全部占用；请在设置中放宽 rtp_port_low / rtp_port_high"
        )


@dataclass(slots=True)
class RtpPorts:
    """A bound pair: RTP on an even port, RTCP on the next one."""

    host: str
    port: int
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


class PortRange:
    """Hands out pairs in turn, so that a port rests before late packets of its last call could reach the next."""

    def __init__(self, host: str, low: int, high: int) -> None:
        """Ports ``low`` to ``high``, both included, on ``host``; low 0: the system picks."""
        self._host = host
        self._low = low + low % 2
        self._high = high
        self._next = self._low

    def reserve(self) -> RtpPorts:
        """Bind the next free pair. Raises :class:`NoPortFree`."""
        if self._low == 0:
            return self._any_pair()
        for _ in range((self._high - self._low + 1) // 2):
            port = self._next
            self._next = port + 2 if port + 3 <= self._high else self._low
            pair = self._bind(port)
            if pair is not None:
                return pair
        raise NoPortFree(self._low, self._high)

    def _any_pair(self) -> RtpPorts:
        for _ in range(64):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind((self._host, 0))
                port: int = probe.getsockname()[1]
            pair = self._bind(port - port % 2)
            if pair is not None:
                return pair
        raise NoPortFree(1024, 65535)

    def _bind(self, port: int) -> RtpPorts | None:
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            rtp.setblocking(False)
            rtcp.setblocking(False)
            rtp.bind((self._host, port))
            rtcp.bind((self._host, port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            return None
        return RtpPorts(self._host, port, rtp, rtcp)
