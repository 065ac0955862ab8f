"""The SIP edge's own files: what ``deploy/kamailio/kamailio.cfg`` reads of a site's addresses, limits and phones.

A site is described in one YAML file (``deploy/kamailio/site.example.yaml``). :func:`render` writes the folder that
Kamailio is started with; phones' passwords are made by :func:`set_phone` and kept as HA1 (RFC 2617 §3.2.2.2) only.
"""

import hashlib
import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from config.errors import HotlineError
from config.settings import ROOT

SOURCE: Final = ROOT / "deploy" / "kamailio" / "kamailio.cfg"
CONTROL: Final = "control"
"""Name of the socket in the folder, for ``kamcmd -s unix:…``."""
AGENTS: Final = Path("tables") / "agents"
_AGENTS_HEAD: Final = "id(int,auto) key_name(string) key_type(int) value_type(int) key_value(string) expires(int)"
_SOCKET_PATH_LIMIT: Final = 100
"""A Unix socket's path has at most 107 bytes (``sockaddr_un``)."""
_NODE_URI: Final = re.compile(r"sip:[A-Za-z0-9.\-]+:\d{1,5}")
_LISTEN: Final = re.compile(r"udp:[A-Za-z0-9.\-]+:\d{1,5}")
_PHONE: Final = re.compile(r"[A-Za-z0-9]{1,32}")


class EdgeError(HotlineError):
    """A site's description or a phone's name cannot be used; the message says why."""


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrunkSource(_Described):
    """Where the operator's calls come from, and where outside calls go to; ``uri`` empty: none go there."""

    address: str
    uri: str = ""

    @field_validator("address")
    @classmethod
    def _is_a_network(cls, value: str) -> str:
        return _network(value)

    @field_validator("uri")
    @classmethod
    def _is_a_uri(cls, value: str) -> str:
        return _uri(value) if value else value


class Site(_Described):
    """One edge. Times are seconds unless named otherwise."""

    listen: tuple[str, ...] = Field(min_length=1)
    domain: str = Field(pattern=r"^[A-Za-z0-9.\-]+$")
    """The name that phones register with; also the digest's realm."""
    hotline_number: str = r"^(\+?86|0086)?(0[0-9]{2,3})?12345$"
    """Called numbers that are the hotline, as a regular expression."""
    trunks: tuple[TrunkSource, ...] = Field(min_length=1)
    nodes: tuple[str, ...] = Field(min_length=1)
    phones: tuple[str, ...] = ()
    """Networks from which agents' phones may register."""
    workers: int = Field(default=4, ge=1, le=64)
    answer_ms: int = Field(default=2000, ge=200, le=30_000)
    """A node or phone that has not answered anything by then is passed over."""
    ping_every_s: int = Field(default=2, ge=1, le=60)
    ping_failures: int = Field(default=3, ge=1, le=20)
    requests_in_2_s: int = Field(default=60, ge=5)
    """One source that is neither trunk nor node and sends more is banned."""
    offences: int = Field(default=20, ge=1)
    """Refused requests and wrong passwords within a minute; more are banned."""
    ban_s: int = Field(default=600, ge=1)
    expires_s: int = Field(default=120, ge=1)
    """What a phone is registered for when it asks for nothing."""
    min_expires_s: int = Field(default=30, ge=1)
    max_expires_s: int = Field(default=600, ge=1)

    @field_validator("listen")
    @classmethod
    def _listens_on_udp(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not _LISTEN.fullmatch(one):
                raise ValueError(f"listen 应写成 udp:地址:端口，不能是 {one}")
        return value

    @field_validator("nodes")
    @classmethod
    def _nodes_have_ports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_uri(one) for one in value)

    @field_validator("phones")
    @classmethod
    def _phones_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_network(one) for one in value)

    @field_validator("hotline_number")
    @classmethod
    def _is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"hotline_number 不是有效的正则表达式：{error}") from error
        if '"' in value or "\n" in value:
            raise ValueError("hotline_number 里不能有引号或换行")
        return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError as error:
        raise ValueError(f"{value} 不是 IP 地址或网段") from error


def _uri(value: str) -> str:
    if not _NODE_URI.fullmatch(value):
        raise ValueError(f"应写成 sip:地址:端口，不能是 {value}")
    return value


def load_site(file: Path) -> Site:
    """Read a site's description; raises :class:`EdgeError` with every fault in Chinese."""
    try:
        return Site.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise EdgeError("no_site", f"读不了 {file}：{error.strerror}") from error
    except yaml.YAMLError as error:
        raise EdgeError("bad_site", f"{file.name} 不是有效的 YAML：{error}") from error
    except ValidationError as error:
        faults = "；".join(
            f"{'.'.join(map(str, one['loc'])) or '整体'}：{_fault(one['msg'])}" for one in error.errors()
        )
        raise EdgeError("bad_site", f"{file.name} 有误：{faults}") from error


def _fault(message: str) -> str:
    return message.removeprefix("Value error, ")


def render(site: Site, folder: Path, seen_as: Path | None = None) -> None:
    """Write everything that Kamailio needs into ``folder``; phones that are known there stay.

    ``seen_as``: where Kamailio finds the folder, when that is elsewhere (in a container).
    """
    folder = folder.resolve()
    seen_as = seen_as or folder
    if len(os.fsencode(seen_as / CONTROL)) > _SOCKET_PATH_LIMIT:
        raise EdgeError("path_too_long", f"{seen_as} 太长，放不下控制套接字；请换一个较短的目录")
    (folder / AGENTS.parent).mkdir(parents=True, exist_ok=True)
    _write(folder / "kamailio.cfg", SOURCE.read_text(encoding="utf-8"))
    _write(folder / "site.cfg", _defines(site, seen_as))
    _write(folder / "addresses", "".join(f"{line}\n" for line in _addresses(site)))
    targets = [f"1 {uri}" for uri in site.nodes] + [f"2 {trunk.uri}" for trunk in site.trunks if trunk.uri]
    _write(folder / "dispatcher.list", "".join(f"{line}\n" for line in targets))
    if not (folder / AGENTS).exists():
        _write(folder / AGENTS, f"{_AGENTS_HEAD}\n")


def set_phone(folder: Path, name: str, domain: str, password: str = "") -> str:
    """Give phone ``name`` a password (a new one when none is given) and return it; it is kept nowhere in clear."""
    if not _PHONE.fullmatch(name):
        raise EdgeError("bad_phone", f"话机账号只能用字母和数字，不能是“{name}”")
    rows = [row for row in _agents(folder) if row[0] != name]
    password = password or secrets.token_urlsafe(12)
    # MD5 is what SIP phones' digest is made of (RFC 3261 §22.4)
    digest = hashlib.md5(f"{name}:{domain}:{password}".encode(), usedforsecurity=False).hexdigest()
    _keep(folder, [*rows, (name, digest)])
    return password


def remove_phone(folder: Path, name: str) -> None:
    """Take phone ``name`` away."""
    rows = _agents(folder)
    if name not in dict(rows):
        raise EdgeError("unknown_phone", f"没有话机账号“{name}”")
    _keep(folder, [row for row in rows if row[0] != name])


def domain_of(folder: Path) -> str:
    """The domain that ``folder`` was rendered for."""
    try:
        found = re.search(r'^#!define REALM "(.+)"$', (folder / "site.cfg").read_text(encoding="utf-8"), re.MULTILINE)
    except FileNotFoundError:
        found = None
    if found is None:
        raise EdgeError("not_rendered", f"{folder} 里还没有边界的配置；请先运行 ./hotline edge render")
    return found.group(1)


def _agents(folder: Path) -> list[tuple[str, str]]:
    file = folder / AGENTS
    if not file.exists():
        raise EdgeError("not_rendered", f"{folder} 里还没有边界的配置；请先运行 ./hotline edge render")
    rows = (line.split(":") for line in file.read_text(encoding="ascii").splitlines()[1:] if line)
    return [(row[1], row[4]) for row in rows]


def _keep(folder: Path, rows: list[tuple[str, str]]) -> None:
    lines = [_AGENTS_HEAD, *(f"{number}:{name}:0:0:{digest}:0" for number, (name, digest) in enumerate(rows, 1))]
    _write(folder / AGENTS, "".join(f"{line}\n" for line in lines))


def _write(file: Path, text: str) -> None:
    """Whole or not at all, for its owner and group only."""
    scratch = file.with_name(f".{file.name}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)
    scratch.replace(file)


def _addresses(site: Site) -> list[str]:
    """Rows of the permissions module: group, address, mask, port, tag."""
    groups = [(1, trunk.address, "trunk") for trunk in site.trunks]
    groups += [(2, _host(uri), "node") for uri in site.nodes]
    groups += [(3, network, "phone") for network in site.phones]
    rows = [(group, ipaddress.ip_network(network), tag) for group, network, tag in groups]
    return list(dict.fromkeys(f"{group} {net.network_address} {net.prefixlen} 0 {tag}" for group, net, tag in rows))


def _host(uri: str) -> str:
    host = uri.removeprefix("sip:").rsplit(":", 1)[0]
    try:
        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise EdgeError("node_not_numeric", f"节点 {uri} 要写 IP 地址：边界按来源地址认节点") from error


def _defines(site: Site, folder: Path) -> str:
    values = {
        "CHILDREN": site.workers,
        "REALM": f'"{site.domain}"',
        "HOTLINE_NUMBER": f'"{site.hotline_number}"',
        "CONTROL_SOCKET": f'"unix:{folder / CONTROL}"',
        "TABLES_URL": f'"text://{folder / AGENTS.parent}"',
        "ADDRESS_FILE": f'"{folder / "addresses"}"',
        "DISPATCHER_FILE": f'"{folder / "dispatcher.list"}"',
        "PING_FROM": f'"sip:edge@{site.domain}"',
        "ANSWER_MS": site.answer_ms,
        "REQUESTS_IN_2_S": site.requests_in_2_s,
        "OFFENCES": site.offences,
        "DEFAULT_EXPIRES": site.expires_s,
        "MIN_EXPIRES": site.min_expires_s,
        "MAX_EXPIRES": site.max_expires_s,
        "PING_SECONDS": site.ping_every_s,
        "PING_FAILURES": site.ping_failures,
    }
    lines = ["# 由 ./hotline edge render 写出；改动请改站点文件再重新写出", f'alias="{site.domain}"']
    lines += [f"listen={one}" for one in site.listen]
    lines += [f"#!define {name} {value}" for name, value in values.items()]
    lines.append(f'#!substdef "!BAN_SECONDS!{site.ban_s}!g"')
    return "".join(f"{line}\n" for line in lines)
