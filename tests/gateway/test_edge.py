"""What is written for the SIP edge: addresses by group, phones' passwords as HA1 only, faults told in Chinese."""

import hashlib
import stat
from pathlib import Path

import pytest

from config.settings import ROOT
from gateway.edge import AGENTS, EdgeError, Site, domain_of, load_site, remove_phone, render, set_phone

EXAMPLE = ROOT / "deploy" / "kamailio" / "site.example.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    render(load_site(EXAMPLE), tmp_path)
    return tmp_path


def test_the_example_is_written_out(folder: Path) -> None:
    assert (folder / "addresses").read_text(encoding="utf-8").splitlines() == [
        "1 10.9.0.0 29 0 trunk",
        "2 10.12.0.11 32 0 node",
        "2 10.12.0.12 32 0 node",
        "3 10.20.0.0 16 0 phone",
    ]
    assert (folder / "dispatcher.list").read_text(encoding="utf-8").splitlines() == [
        "1 sip:10.12.0.11:5060",
        "1 sip:10.12.0.12:5060",
        "2 sip:10.9.0.1:5060",
    ]
    assert "listen=udp:10.12.0.5:5060" in (folder / "site.cfg").read_text(encoding="utf-8")
    assert domain_of(folder) == "hotline.example.cn"


def test_a_container_finds_the_folder_under_its_own_name(tmp_path: Path) -> None:
    render(load_site(EXAMPLE), tmp_path, Path("/edge"))
    written = (tmp_path / "site.cfg").read_text(encoding="utf-8")
    assert '"unix:/edge/control"' in written
    assert str(tmp_path) not in written


def test_every_define_that_the_routing_uses_is_written(folder: Path) -> None:
    routing = (folder / "kamailio.cfg").read_text(encoding="utf-8")
    defined = [
        line.split()[1] for line in (folder / "site.cfg").read_text().splitlines() if line.startswith("#!define")
    ]
    assert sorted(name for name in defined if name not in routing) == []


def test_a_phone_gets_a_password_that_is_kept_as_ha1_only(folder: Path) -> None:
    password = set_phone(folder, "8001", "hotline.example.cn")
    set_phone(folder, "8002", "hotline.example.cn", "given")
    assert len(password) >= 16
    kept = (folder / AGENTS).read_text(encoding="ascii")
    assert password not in kept
    assert hashlib.md5(f"8001:hotline.example.cn:{password}".encode(), usedforsecurity=False).hexdigest() in kept
    assert stat.S_IMODE((folder / AGENTS).stat().st_mode) & 0o007 == 0
    assert set_phone(folder, "8001", "hotline.example.cn") != password
    assert len((folder / AGENTS).read_text(encoding="ascii").splitlines()) == 3
    remove_phone(folder, "8001")
    render(load_site(EXAMPLE), folder)
    assert [line.split(":")[1] for line in (folder / AGENTS).read_text(encoding="ascii").splitlines()[1:]] == ["8002"]


@pytest.mark.parametrize("name", ["", "80 01", "a:b", "8001\n1:root", "甲"])
def test_a_phones_name_cannot_break_the_table(folder: Path, name: str) -> None:
    with pytest.raises(EdgeError, match="字母和数字"):
        set_phone(folder, name, "hotline.example.cn")


def test_what_is_missing_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="8009"):
        remove_phone(folder, "8009")
    empty = tmp_path / "empty"
    with pytest.raises(EdgeError, match="edge render"):
        domain_of(empty)
    with pytest.raises(EdgeError, match="edge render"):
        set_phone(empty, "8001", "x")
    with pytest.raises(EdgeError, match="太长"):
        render(load_site(EXAMPLE), tmp_path / ("深" * 40))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("10.9.0.0/29", "trunk.example", "不是 IP 地址或网段"),
        ("sip:10.12.0.11:5060", "10.12.0.11", "应写成 sip:地址:端口"),
        ("udp:10.12.0.5:5060", "tcp:10.12.0.5:5060", "应写成 udp:地址:端口"),
        ("domain: hotline.example.cn", 'domain: "x; y"', "domain"),
        ("phones:", "phoness:", "phoness"),
        ("listen:", "listen: [", "YAML"),
    ],
)
def test_faults_in_a_sites_file_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "site.yaml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(EdgeError, match=told):
        load_site(file)
    with pytest.raises(EdgeError, match="读不了"):
        load_site(tmp_path / "none.yaml")


def test_a_node_must_be_named_by_address(tmp_path: Path) -> None:
    site = load_site(EXAMPLE)
    with pytest.raises(EdgeError, match="IP 地址"):
        render(Site(**{**site.model_dump(), "nodes": ("sip:node.example:5060",)}), tmp_path)
