"""One running hotline as the end-to-end tests see it: through its command and its addresses."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Hotline:
    """One running instance and its command."""

    data: Path
    web: str
    sip: str

    def run(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "hotline"), *arguments, "--data", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)

    def json(self, *arguments: str, timeout_s: float = 120) -> Any:
        result = self.run(*arguments, "--json", timeout_s=timeout_s)
        assert result.stdout, f"{arguments}: {result.stderr[-2000:]}"
        return json.loads(result.stdout)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command that runs beside the test; its stdout is a pipe."""
        command = [str(ROOT / "hotline"), *arguments, "--data", str(self.data)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def status(self) -> Any:
        return self.json("status")

    def pid(self, part: str) -> int:
        return int(self.status()["parts"][part]["pid"])

    def setting(self, name: str) -> Any:
        return json.loads((self.data / "run" / "active.json").read_text(encoding="utf-8"))[name]


def begin(data: Path, *arguments: str) -> Hotline:
    """``./hotline up --detach`` on free ports."""
    command = [str(ROOT / "hotline"), "up", "--detach", "--free-ports", "--json", "--data", str(data), *arguments]
    environment = {**os.environ, "HOTLINE_AGENT_ANSWER_TIMEOUT": "20"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=540, check=False, env=environment)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-4000:]}"
    told = json.loads(result.stdout)
    return Hotline(data, told["web"], told["sip"])


@dataclass
class Agent:
    """An account of the running hotline."""

    id: str
    password: str
    sip_port: int
