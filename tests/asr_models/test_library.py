"""Installing recogniser models: nothing is switched unless the archive is safe, unchanged and loads."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_models import library
from asr_models.library import (
    SOURCE_VARIABLE,
    ModelError,
    current,
    find,
    install_named,
    install_zip,
    installed,
    shipped,
    use,
)
from config.settings import Settings

NAME = "vosk-model-test-cn-0.1"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real Vosk model as it is published: a ZIP with one folder in it."""
    file = tmp_path_factory.mktemp("download") / f"{NAME}.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for part in library.SHIPPED.rglob("*"):
            if part.is_file():
                packed.write(part, f"{NAME}/{part.relative_to(library.SHIPPED)}")
    yield file


def _pack(file: Path, *parts: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts:
            packed.writestr(name, content)
    return file


def _left_alone(settings: Settings) -> None:
    assert current(settings) == shipped()
    folder = settings.data_dir / "asr_models"
    assert not folder.exists() or [path for path in folder.iterdir() if path.name != "library.json"] == []


def test_the_shipped_model_is_current_at_first_and_says_what_it_is(settings: Settings) -> None:
    model = current(settings)
    assert model.demo
    assert "演示" in model.description
    assert "听不懂真人" in model.description
    assert model.path.is_dir()


def test_an_archive_is_installed_and_switched_to(settings: Settings, archive: Path) -> None:
    model = install_zip(archive, settings)
    assert (model.name, model.demo) == (NAME, False)
    assert model.sha256 is not None
    assert len(model.sha256) == 64
    assert current(settings) == model
    assert [one.name for one in installed(settings)] == [shipped().name, NAME]
    assert (model.path / "am" / "final.mdl").is_file()
    assert use(shipped().name, settings) == shipped()
    assert current(settings) == shipped()
    assert use(NAME, settings).name == NAME
    assert current(settings).name == NAME


def test_the_same_archive_may_come_again_but_not_another_under_its_name(
    settings: Settings, archive: Path, tmp_path: Path
) -> None:
    first = install_zip(archive, settings)
    assert install_zip(archive, settings) == first
    changed = tmp_path / archive.name
    changed.write_bytes(archive.read_bytes())
    with zipfile.ZipFile(changed, "a") as packed:
        packed.writestr(f"{NAME}/README", "改过")
    with pytest.raises(ModelError, match="SHA-256"):
        install_zip(changed, settings)
    assert current(settings) == first
    assert not (first.path / "README").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside", "m/../../outside", "..\\outside"])
def test_an_archive_that_reaches_outside_is_refused(settings: Settings, tmp_path: Path, name: str) -> None:
    file = _pack(tmp_path / f"{NAME}.zip", ("m/am/final.mdl", b"x"), (name, b"x"))
    with pytest.raises(ModelError, match="越界"):
        install_zip(file, settings)
    assert not (settings.data_dir / "outside").exists()
    _left_alone(settings)


def test_a_link_in_an_archive_is_refused(settings: Settings, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("m/graph")
    link.external_attr = 0o120777 << 16
    file = tmp_path / f"{NAME}.zip"
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("m/am/final.mdl", b"x")
        packed.writestr(link, "/etc")
    with pytest.raises(ModelError, match="越界"):
        install_zip(file, settings)
    _left_alone(settings)


def test_an_archive_that_swells_is_refused(settings: Settings, tmp_path: Path) -> None:
    file = _pack(tmp_path / f"{NAME}.zip", ("m/am/final.mdl", bytes(64 << 20)))
    with pytest.raises(ModelError, match="异常地大"):
        install_zip(file, settings)
    _left_alone(settings)


def test_what_is_no_model_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="没有 Vosk 模型"):
        install_zip(_pack(tmp_path / "photos.zip", ("a.jpg", b"x")), settings)
    with pytest.raises(ModelError, match="模型不全"):
        install_zip(_pack(tmp_path / f"{NAME}.zip", ("m/am/final.mdl", b"x")), settings)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"not a zip")
    with pytest.raises(ModelError, match="不是完好的 ZIP"):
        install_zip(broken, settings)
    with pytest.raises(ModelError, match="找不到文件"):
        install_zip(tmp_path / "none.zip", settings)
    _left_alone(settings)


def test_a_model_that_does_not_load_is_not_switched_to(settings: Settings, tmp_path: Path) -> None:
    file = _pack(
        tmp_path / f"{NAME}.zip", ("m/am/final.mdl", b"broken"), ("m/conf/model.conf", b""), ("m/graph/words.txt", b"")
    )
    with pytest.raises(ModelError, match="载入不了"):
        install_zip(file, settings)
    _left_alone(settings)


def test_a_name_needs_a_source_and_says_how_to_go_on_without(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"asr install vosk-model-small-cn-0\.22\.zip"):
        install_named("vosk-model-small-cn-0.22", settings)
    with pytest.raises(ModelError, match="不是模型名"):
        install_named("../x", settings)


def test_a_name_is_fetched_from_the_source(
    settings: Settings, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOURCE_VARIABLE, archive.parent.as_uri())
    assert install_named(NAME, settings) == current(settings)
    monkeypatch.setenv(SOURCE_VARIABLE, (tmp_path / "nowhere").as_uri())
    with pytest.raises(ModelError, match="下载 other 失败"):
        install_named("other", settings)
    monkeypatch.setenv(SOURCE_VARIABLE, "ftp://models")
    with pytest.raises(ModelError, match="https"):
        install_named("other", settings)


def test_an_unknown_model_is_named_with_those_that_are_there(settings: Settings) -> None:
    with pytest.raises(ModelError, match=shipped().name):
        find("vosk-model-none", settings)
    with pytest.raises(ModelError, match="没有安装"):
        current(settings.model_copy(update={"asr_model": "vosk-model-none"}))
