"""The trained bot on a server of its own, once for the session; without Rasa's environment these tests skip."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from config.settings import Settings
from dialog import bot_training
from dialog.bot_server import BotServer


@pytest.fixture(scope="session")
def rasa_environment() -> None:
    """Rasa's environment, or a skip (with ``HOTLINE_TEST_ALL=1`` a failure)."""
    if bot_training.RASA_PYTHON.is_file():
        return
    if os.environ.get("HOTLINE_TEST_ALL") == "1":
        pytest.fail("缺少 Rasa 的环境：请运行 ./hotline train", pytrace=False)
    pytest.skip("缺少 Rasa 的环境：请运行 ./hotline train")


@pytest.fixture(scope="session")
def bot_settings(rasa_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of an installation with a trained model."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("bot"))
    bot_training.train_if_needed(settings, lambda _: None)
    return settings


@pytest.fixture(scope="session")
def bot(bot_settings: Settings) -> Iterator[BotServer]:
    """A running Rasa server."""
    server = BotServer(bot_settings)
    asyncio.run(server.start())
    yield server
    server.kill()
