"""Phones that we did not write: sipp and baresip, from Debian."""

import socket
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Need
from tests.e2e.instance import Hotline

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_sipp_calls_and_hangs_up(hotline: Hotline, need: Need, tmp_path: Path) -> None:
    sipp = need("sipp", "sudo apt-get install -y sip-tester")
    target = f"127.0.0.1:{hotline.setting('sip_port')}"
    command = [str(sipp), "-sn", "uac", target, "-s", "12345", "-i", "127.0.0.1", "-p", str(free_port())]
    command += ["-mp", str(free_port()), "-m", "5", "-l", "5", "-r", "5", "-d", "3000", "-timeout", "40", "-nostdin"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-3000:]


BARESIP = """
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module stdio.so
module g711.so
module aufile.so
module sndfile.so
snd_path {folder}
module_tmp uuid.so
module_tmp account.so
module_app menu.so
audio_player aufile,{folder}/heard.wav
audio_source aufile,{folder}/spoken.wav
audio_alert aufile,{folder}/alert.wav
rtp_ports {low}-{high}
audio_txmode thread
audio_level no
audio_buffer 20-160
"""


def test_baresip_hears_the_greeting(hotline: Hotline, need: Need, tmp_path: Path) -> None:
    baresip = need("baresip", "sudo apt-get install -y baresip")
    low = free_port() & ~1
    config = BARESIP.format(sip=free_port(), folder=tmp_path, low=low, high=low + 20)
    (tmp_path / "config").write_text(config, encoding="ascii")
    account = "<sip:13800000021@127.0.0.1>;regint=0;audio_codecs=PCMA/8000/1"
    (tmp_path / "accounts").write_text(account + "\n", encoding="ascii")
    (tmp_path / "contacts").write_text("", encoding="ascii")
    with wave.open(str(tmp_path / "spoken.wav"), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(8000)
        wav.writeframes(bytes(16000 * 20))
    dial = f"/dial sip:12345@127.0.0.1:{hotline.setting('sip_port')}"
    command = [str(baresip), "-f", str(tmp_path), "-e", dial, "-t", "10"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False, stdin=subprocess.DEVNULL)
    heard = sorted(tmp_path.glob("dump-*-dec.wav"))
    assert heard, (result.stdout + result.stderr)[-3000:]
    with wave.open(str(heard[0])) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float64)
        rate = wav.getframerate()
    loud = np.abs(samples).reshape(-1)[: len(samples) // 160 * 160].reshape(-1, 160).max(axis=1) > 500
    assert loud.sum() * 160 / rate > 2.0, f"{loud.sum()} loud pieces of {len(loud)}"
