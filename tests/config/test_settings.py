"""Settings: environment over file over defaults, and secrets made once."""

import threading
from pathlib import Path

import pytest

from config.settings import SLOTS_A_WORKER, Settings


def test_environment_wins_over_the_file_over_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.yaml").write_text("city: haikou\nweb_port: 9000\n", encoding="utf-8")
    monkeypatch.setenv("HOTLINE_WEB_PORT", "9001")
    settings = Settings(data_dir=tmp_path)
    assert (settings.city, settings.web_port, settings.sip_port) == ("haikou", 9001, 5060)


def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("citty: haikou\n", encoding="utf-8")
    with pytest.raises(ValueError, match="citty"):
        Settings(data_dir=tmp_path)


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = settings.secret("node")
    assert len(made) == 64
    assert settings.secret("node") == made
    assert settings.secret("other") != made
    assert (settings.secrets_dir / "node").stat().st_mode & 0o077 == 0
    assert settings.secrets_dir.stat().st_mode & 0o077 == 0
    assert sorted(file.name for file in settings.secrets_dir.iterdir()) == ["node", "other"]


def test_a_secret_from_the_environment_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_SECRET_NODE", "given")
    settings = Settings(data_dir=tmp_path)
    assert settings.secret("node") == "given"
    assert not settings.secrets_dir.exists()


def test_everyone_who_starts_at_once_sees_the_same_secret(tmp_path: Path) -> None:
    settings, seen = Settings(data_dir=tmp_path), []
    gate = threading.Barrier(8)

    def read() -> None:
        gate.wait()
        seen.append(settings.secret("node"))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert len(seen[0]) == 64


@pytest.mark.parametrize(("cores", "lines", "given", "workers"), [(1, 77, 0, 2), (2, 77, 0, 2), (8, 400, 0, 8), (64, 40, 0, 2), (2, 77, 5, 5)])  # fmt: skip
def test_recognition_takes_a_process_per_core_but_no_more_than_the_lines_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, lines: int, given: int, workers: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    settings = Settings(data_dir=tmp_path, max_calls=lines, recogniser_workers=given)
    assert settings.effective_recogniser_workers == workers
    assert settings.effective_recognition_slots == workers * SLOTS_A_WORKER
