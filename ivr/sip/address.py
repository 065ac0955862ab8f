"""SIP addresses: which socket a URI means, and which address of ours the far end can reach."""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiosipua.headers import parse_address

from config.errors import HotlineError
from ivr.sip.intake import is_reachable

_SEPARATORS: Final = re.compile(r"[-.()]")
_NUMBER: Final = re.compile(r"\+?[0-9*#]+")


class BadAddress(HotlineError):
    """A SIP address that cannot be called."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__("bad_sip_address", f"不能呼叫“{uri}”：{why}；应为 sip:号码@主机:端口")


@dataclass(frozen=True, slots=True)
class Target:
    """A URI to call and the UDP address it means."""

    uri: str
    user: str
    address: tuple[str, int]


async def resolve(uri: str, gateway: str = "") -> Target:
    """Find where ``uri`` is (IPv4, UDP); a ``tel:`` number is at ``gateway``. Raises :class:`BadAddress`."""
    if uri[:4].lower() == "tel:":
        return await _at_gateway(uri, gateway)
    parsed = parse_address(uri).uri
    if parsed.scheme != "sip" or not parsed.host:
        raise BadAddress(uri, "不是 sip 地址")
    if (parsed.params.get("transport") or "udp").lower() != "udp":
        raise BadAddress(uri, "只支持 UDP")
    port = parsed.port or 5060
    if not 0 < port < 65_536:
        raise BadAddress(uri, "端口超出范围")
    host = await _ip_address(uri, parsed.host)
    user = f"{parsed.user}@" if parsed.user else ""
    return Target(f"sip:{user}{parsed.host}:{port}", parsed.user or "", (host, port))


async def _at_gateway(uri: str, gateway: str) -> Target:
    """RFC 3966: the number without its visual separators and parameters."""
    number = _SEPARATORS.sub("", uri[4:].partition(";")[0])
    if not _NUMBER.fullmatch(number):
        raise BadAddress(uri, "不是电话号码")
    if not gateway:
        raise BadAddress(uri, "没有中继；请设置 sip_trunk 或 sip_registrar")
    at = await resolve(f"sip:{number}@{gateway}")
    return Target(f"{at.uri};user=phone", number, at.address)


async def _ip_address(uri: str, name: str) -> str:
    try:
        return str(ipaddress.IPv4Address(name))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise BadAddress(uri, "找不到主机") from error
    return str(found[0][4][0])


def next_hop(routes: Sequence[str], contact: str, known: tuple[str, int]) -> tuple[str, int]:
    """Where a request inside a call goes (RFC 3261 §12.2.1.1): the first route, else the far end's ``contact``.

    ``known`` is where it has been reached so far: that it stays for a name (looking it up would hold up other calls) and
    for a private address behind a public one, which is a phone behind NAT.
    """
    uri = parse_address(routes[0] if routes else contact).uri
    at = (uri.host, uri.port or 5060)
    if not is_reachable(at):
        return known
    behind_nat = ipaddress.ip_address(at[0]).is_private and not ipaddress.ip_address(known[0]).is_private
    return known if behind_nat and not routes else at


def reachable_host(bound: str, domain: str) -> str:
    """The address to write into Contact and SDP: ours, unless it is the wildcard; then the domain or the route's."""
    if not ipaddress.ip_address(bound).is_unspecified:
        return bound
    try:
        if not ipaddress.ip_address(domain).is_loopback:
            return domain
    except ValueError:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1 (RFC 5737): connecting a UDP socket sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
