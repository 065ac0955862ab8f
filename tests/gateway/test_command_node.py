"""``./hotline node`` refuses to start what could not work: without a gateway, or without the secrets it shares."""

from pathlib import Path

import pytest

from config.errors import HotlineError
from config.settings import Settings
from gateway.commands.node import SHARED_SECRETS, check


def test_without_a_gateways_address_it_says_how_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(HotlineError, match="HOTLINE_GATEWAY_ADDRESS"):
        check(Settings(data_dir=tmp_path))


def test_it_names_the_secrets_that_are_missing_and_makes_none_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path, gateway_address="10.12.0.1:8082")
    with pytest.raises(HotlineError, match="node、number_key、data_key"):
        check(settings)
    assert not settings.secrets_dir.exists()
    monkeypatch.setenv("HOTLINE_SECRET_NODE", "x" * 32)
    for name in SHARED_SECRETS[1:]:
        settings.secret(name)
    check(settings)
