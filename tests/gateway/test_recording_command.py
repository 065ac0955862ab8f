"""``./hotline recording``: only for those who may hear everything, and on record."""

import json
import subprocess
import sys
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from config.clock import SystemClock
from config.rulebook_model import RecordingPolicy
from config.settings import ROOT, Settings
from desk.recordings import StoredRecordings
from store.accounts import Accounts
from store.engine import Database
from store.ids import new_id
from store.recording_file import RecordingWriter
from store.schema import audit
from store.vault import Vault

pytestmark = pytest.mark.slow


@pytest.fixture
async def recorded(settings: Settings, database: Database, vault: Vault, tmp_path: Path) -> Path:
    """One second of a call, and two accounts."""
    accounts = Accounts(database, vault, SystemClock())
    await accounts.create("9001", "", "supervisor")
    await accounts.create("8001", "", "agent")
    recording_id = new_id()
    about = {"call": "call-1", "started_at": datetime.now(UTC).isoformat()}
    writer = RecordingWriter(tmp_path / "one", vault, recording_id, about)
    writer.sound(np.full(8000, 5000, np.int16), np.full(8000, -5000, np.int16))
    writer.end()
    stored = StoredRecordings(database, vault, SystemClock(), settings.data_dir / "recordings", RecordingPolicy())
    await stored.take_in(recording_id, tmp_path / "one", "0" * 64)
    return tmp_path / "out.wav"


def hotline(settings: Settings, *words: str) -> tuple[int, dict[str, Any]]:
    argv = [sys.executable, "-m", "gateway.cli", "recording", *words, "--data", str(settings.data_dir), "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout)


def mode_of(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


async def test_a_recording_is_listed_and_exported_with_a_reason(
    recorded: Path, settings: Settings, database: Database
) -> None:
    code, listed = hotline(settings, "list", "--by", "9001")
    assert (code, [row["call"] for row in listed["recordings"]]) == (0, ["call-1"])
    export = ("export", "call-1", "--wav", str(recorded), "--by")
    code, told = hotline(settings, *export, "8001", "--reason", "核对投诉")
    assert (code, told["error"]["code"]) == (2, "forbidden")
    assert mode_of(recorded) is None
    code, told = hotline(settings, *export, "9001", "--reason", "核对投诉")
    assert code == 0
    with wave.open(str(recorded)) as opened:
        assert (opened.getnchannels(), opened.getnframes()) == (2, 8000)
    assert mode_of(recorded) == 0o600
    async with database.connect() as connection:
        rows = (await connection.execute(select(audit.c.by, audit.c.action, audit.c.detail))).all()
    assert [tuple(row) for row in rows if row.action == "recording.listened"] == [
        ("9001", "recording.listened", "导出：核对投诉")
    ]
