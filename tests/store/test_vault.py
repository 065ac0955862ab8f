"""Encryption at rest: what is sealed opens only here, unchanged and in its place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from store.errors import Tampered, WrongKey
from store.vault import Vault


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(Settings(data_dir=tmp_path_factory.mktemp("one")))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    return Vault(Settings(data_dir=tmp_path_factory.mktemp("other")))


@given(text=st.text(), context=st.text(max_size=8))
def test_what_is_sealed_opens_again(one: Vault, text: str, context: str) -> None:
    assert one.decrypt(one.encrypt(text, context), context) == text


def test_json_opens_again(one: Vault) -> None:
    value = {"text": "昨晚十点半", "start": None, "parts": [1, 2.5, True]}
    assert one.decrypt_json(one.encrypt_json(value)) == value


def test_the_same_text_never_looks_the_same(one: Vault) -> None:
    assert one.encrypt("13800138000") != one.encrypt("13800138000")
    assert "13800138000" not in one.encrypt("13800138000")


def test_another_installation_is_told_which_key_it_lacks(one: Vault, other: Vault) -> None:
    with pytest.raises(WrongKey, match="secrets/data_key") as caught:
        other.decrypt(one.encrypt("张三"))
    assert caught.value.code == "wrong_key"


def test_a_moved_text_does_not_open(one: Vault) -> None:
    with pytest.raises(Tampered):
        one.decrypt(one.encrypt("张三", "row 1"), "row 2")


@given(position=st.integers(min_value=9), replacement=st.sampled_from("ABab01-_="))
def test_a_changed_text_does_not_open(one: Vault, position: int, replacement: str) -> None:
    sealed = one.encrypt("张三住在赤坎区")
    index = 9 + position % (len(sealed) - 9)
    if sealed[index] != replacement:
        with pytest.raises(Tampered):
            one.decrypt(sealed[:index] + replacement + sealed[index + 1 :])


@pytest.mark.parametrize("sealed", ["", "plain", "张三"])
def test_what_was_never_sealed_is_refused(one: Vault, sealed: str) -> None:
    with pytest.raises(Tampered):
        one.decrypt(sealed)


def test_keyed_hashes_find_again_only_here(one: Vault, other: Vault) -> None:
    assert one.key("13800138000") == one.key("13800138000")
    assert len(one.key("13800138000")) == 64
    assert one.key("13800138000") != one.key("13800138001")
    assert one.key("13800138000") != other.key("13800138000")


def test_a_key_given_by_the_environment_is_used(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    monkeypatch.setenv("HOTLINE_SECRET_DATA_KEY", "一个从环境来的密钥")
    sealed = Vault(settings).encrypt("甲")
    monkeypatch.setenv("HOTLINE_SECRET_DATA_KEY", "另一个密钥")
    with pytest.raises(WrongKey):
        Vault(settings).decrypt(sealed)
