"""The choice of back end."""

import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from config.settings import Settings
from ivr.sip.aiosipua_endpoint import AiosipuaEndpoint
from ivr.sip.factory import BackendMissing, make_endpoint
from ivr.sip.pyvoip_endpoint import PyVoipEndpoint


def test_the_settings_choose_and_an_argument_overrides(tmp_path: Path) -> None:
    assert isinstance(make_endpoint(Settings(data_dir=tmp_path)), AiosipuaEndpoint)
    assert isinstance(make_endpoint(Settings(data_dir=tmp_path, sip_backend="pyvoip")), PyVoipEndpoint)
    assert isinstance(make_endpoint(Settings(data_dir=tmp_path, sip_backend="pyvoip"), "aiosipua"), AiosipuaEndpoint)


def test_without_pyvoip_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> object:
        if name == "ivr.sip.pyvoip_endpoint":
            raise ModuleNotFoundError("No module named 'pyVoIP'", name="pyVoIP")
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BackendMissing, match="未安装 pyVoIP"):
        make_endpoint(Settings(data_dir=tmp_path), "pyvoip")
