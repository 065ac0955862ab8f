"""Fingerprints, seals and commands, with a program in Rasa's place that trains in no time."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.errors import HotlineError
from config.settings import Settings
from dialog import bot_training
from gateway.cli import application

FAKE = """#!{python}
import os, pathlib, sys
arguments = sys.argv[1:]
folder = pathlib.Path(arguments[arguments.index("--out") + 1])
assert os.environ["RASA_TELEMETRY_ENABLED"] == "false"
assert not [name for name in os.environ if name.startswith("HOTLINE_")]
with open({journal!r}, "a") as journal:
    journal.write("trained\\n")
print("Starting to train component 'JiebaTokenizer'.")
if {fails}:
    sys.exit(3)
(folder / "model.tar.gz").write_bytes(b"a model")
"""


class Rasa:
    """The program in Rasa's place."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "python"
        self.journal = folder / "journal"
        self.write()

    def write(self, *, fails: bool = False) -> None:
        text = FAKE.format(python=sys.executable, journal=str(self.journal), fails=fails)
        self.program.write_text(text, encoding="utf-8")
        self.program.chmod(0o755)

    @property
    def trainings(self) -> int:
        return len(self.journal.read_text().splitlines()) if self.journal.exists() else 0


@pytest.fixture
def rasa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rasa:
    rasa = Rasa(tmp_path)
    monkeypatch.setattr(bot_training, "RASA_PYTHON", rasa.program)
    monkeypatch.setattr(bot_training, "SHARED_MODELS", tmp_path / "shared")
    monkeypatch.setenv("HOTLINE_SECRET_X", "must not be handed over")
    return rasa


def silent(_: str) -> None:
    """No progress wanted."""


def test_the_fingerprint_follows_every_source(tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    shutil.copytree(bot_training.BOT, bot, ignore=shutil.ignore_patterns("__pycache__", ".rasa", "models"))
    seen = {bot_training.fingerprint(bot)}
    assert seen == {bot_training.fingerprint()}
    changed = ["config.yml", "domain.yml", "data/rules.yml", "dictionary/hotline.txt", "components/stage_prior.py"]
    changed += ["vectors/examples.npz"]
    for name in changed:
        with (bot / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        seen.add(bot_training.fingerprint(bot))
    assert len(seen) == 1 + len(changed)
    (bot / "components" / "__pycache__").mkdir()
    (bot / "components" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert bot_training.fingerprint(bot) in seen


def test_a_model_is_trained_once_for_all_data_folders(rasa: Rasa, tmp_path: Path) -> None:
    told: list[str] = []
    first, second = Settings(data_dir=tmp_path / "one"), Settings(data_dir=tmp_path / "two")
    model = bot_training.train_if_needed(first, told.append)
    assert model == bot_training.model_path(first)
    assert model.read_bytes() == b"a model"
    assert any("分词" in sentence for sentence in told)
    assert bot_training.train_if_needed(first, silent) == model
    assert bot_training.is_sound(bot_training.train_if_needed(second, silent))
    assert rasa.trainings == 1
    bot_training.train_if_needed(second, silent, force=True)
    assert rasa.trainings == 2


def test_a_failed_training_leaves_nothing(rasa: Rasa, settings: Settings) -> None:
    rasa.write(fails=True)
    with pytest.raises(HotlineError) as failure:
        bot_training.train_if_needed(settings, silent)
    assert failure.value.code == "train_failed"
    assert not list(bot_training.SHARED_MODELS.glob("*.tar.gz"))
    assert not list(bot_training.SHARED_MODELS.glob(".training-*"))
    assert not bot_training.model_path(settings).exists()
    rasa.write()
    assert bot_training.is_sound(bot_training.train_if_needed(settings, silent))


def test_an_interrupted_training_leaves_nothing(rasa: Rasa, settings: Settings) -> None:
    def interrupt(sentence: str) -> None:
        if "分词" in sentence:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bot_training.train_if_needed(settings, interrupt)
    assert [file.name for file in bot_training.SHARED_MODELS.iterdir()] == ["lock"]
    assert not bot_training.model_path(settings).exists()


def test_what_a_killed_training_left_is_swept_away(rasa: Rasa, settings: Settings) -> None:
    left_over = bot_training.SHARED_MODELS / ".training-x"
    left_over.mkdir(parents=True)
    bot_training.train_if_needed(settings, silent)
    assert not left_over.exists()


def test_a_damaged_model_is_not_served_but_restored(rasa: Rasa, settings: Settings) -> None:
    model = bot_training.train_if_needed(settings, silent)
    model.write_bytes(b"a mod")
    assert not bot_training.is_sound(model)
    with pytest.raises(HotlineError) as failure:
        bot_training.serve_command(settings)
    assert failure.value.code == "no_rasa_model"
    assert bot_training.train_if_needed(settings, silent).read_bytes() == b"a model"
    assert rasa.trainings == 1


def test_without_an_environment_the_reader_is_told_what_to_run(
    rasa: Rasa, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bot_training, "RASA_PYTHON", tmp_path / "nowhere")
    with pytest.raises(HotlineError, match=r"\./hotline train"):
        bot_training.train_if_needed(settings, silent)


def test_the_server_is_local_and_secrets_stay_off_the_command_line(rasa: Rasa, settings: Settings) -> None:
    model = bot_training.train_if_needed(settings, silent)
    argv, environment, folder = bot_training.serve_command(settings)
    assert argv[argv.index("--model") + 1] == str(model)
    assert argv[argv.index("--interface") + 1] == "127.0.0.1"
    assert argv[argv.index("--port") + 1] == str(settings.rasa_port)
    assert "--enable-api" not in argv
    secret = settings.secret("rasa_channel")
    assert environment["HOTLINE_RASA_CHANNEL_SECRET"] == secret
    assert secret not in " ".join(argv)
    assert environment["RASA_TELEMETRY_ENABLED"] == "false"
    assert folder == bot_training.BOT
    assert bot_training.probe(settings)["headers"] == {"X-Hotline-Secret": secret}


def test_the_command_prints_one_document(rasa: Rasa, tmp_path: Path) -> None:
    arguments = ["train", "--data", str(tmp_path / "data"), "--json"]
    documents = []
    for _ in range(2):
        result = CliRunner().invoke(application("train"), arguments)
        assert result.exit_code == 0, result.output
        documents.append(json.loads(result.stdout))
    assert [document["already_there"] for document in documents] == [False, True]
    assert documents[0]["fingerprint"] == bot_training.fingerprint()
    assert documents[0]["bytes"] == len(b"a model")
