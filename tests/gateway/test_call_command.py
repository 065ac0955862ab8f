"""``./hotline call`` and ``./hotline phone`` as a user runs them, against each other: real processes, real SIP."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.call import _key_presses


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway.cli", *arguments, "--data", str(data)]


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(data, *arguments), capture_output=True, text=True, timeout=90, check=False)


def test_keys_and_their_times() -> None:
    assert [(press.key, press.at_s) for press in _key_presses("0")] == [("0", 1.0)]
    assert [(press.key, round(press.at_s, 1)) for press in _key_presses("1*d@3.5")] == [
        ("1", 3.5),
        ("*", 3.9),
        ("D", 4.3),
    ]
    for wrong in ("", "x", "0@soon", "12a3e"):
        with pytest.raises(ValueError, match="--dtmf"):
            _key_presses(wrong)


@pytest.mark.slow
def test_a_citizen_calls_an_agents_phone(tmp_path: Path) -> None:
    uri = f"sip:8001@127.0.0.1:{free_udp_port()}"
    added = run(tmp_path, "agent", "add", "8001", "--sip", uri, "--json")
    assert added.returncode == 0, added.stderr
    phone = subprocess.Popen(
        command(tmp_path, "phone", "--agent", "8001", "--say", "您好，我是话务员", "--calls", "1", "--json"),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        report: Any = {}
        for _ in range(20):  # until the phone is there
            called = run(
                tmp_path, "call", "--to", uri, "--say", "喂，您好", "--save", str(tmp_path / "c.wav"), "--json"
            )
            report = json.loads(called.stdout)
            if report["sip"] == 200:
                break
        assert report["sip"] == 200, called.stderr
        assert report["ended_by"] == "caller"
        assert [turn["said"] for turn in report["turns"]] == ["喂，您好"]
        assert (tmp_path / "c.wav").stat().st_size > 50_000
        told = json.loads(phone.communicate(timeout=30)[0])
    finally:
        phone.kill()
        phone.wait()
    assert (told["agent"], told["calls"], told["ended_by"]) == ("8001", 1, "remote")
    assert -23 < told["heard_dbfs"] < -17
    assert told["heard_ms"] > 400


def test_nobody_there_is_said_and_not_a_success(tmp_path: Path) -> None:
    called = run(tmp_path, "call", "--to", "sip:12345@no.such.host.invalid", "--json")
    assert called.returncode == 1
    report = json.loads(called.stdout)
    assert (report["sip"], report["turns"], report["transfer"]) == (404, [], None)


def test_a_phone_without_an_address_is_explained(tmp_path: Path) -> None:
    refused = run(tmp_path, "phone", "--agent", "8009", "--json")
    assert refused.returncode == 2
    assert "agent add 8009" in json.loads(refused.stdout)["error"]["message"]
