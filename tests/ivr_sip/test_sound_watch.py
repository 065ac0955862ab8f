"""Calls that are silent one way."""

import pytest

from ivr.sip.sound_watch import NOTHING_AFTER_S, SILENCE_AFTER_S, OneWay, SoundWatch

SILENT = b"\xd5" * 160
SPEECH = bytes(range(160))


def look(watch: SoundWatch, at: float, *, hearing: bool = True, heard: bool = True) -> OneWay | None:
    return watch.trouble(at, hearing=hearing, heard=heard)


def test_nothing_from_the_far_end_is_told_once() -> None:
    watch = SoundWatch(100.0)
    assert look(watch, 100.0 + NOTHING_AFTER_S - 0.1) is None
    assert look(watch, 100.0 + NOTHING_AFTER_S) is OneWay.NOTHING_HEARD
    assert look(watch, 200.0) is None


@pytest.mark.parametrize("silent", [b"\xd5" * 160, b"\x55" * 80, b"\xff" * 160, b"\x7f" * 240])
def test_digital_silence_is_told_after_a_while(silent: bytes) -> None:
    watch = SoundWatch(0.0)
    watch.audio(silent)
    assert look(watch, SILENCE_AFTER_S - 0.1) is None
    assert look(watch, SILENCE_AFTER_S) is OneWay.DIGITAL_SILENCE


def test_a_call_with_sound_has_no_trouble_however_quiet_it_grows() -> None:
    watch = SoundWatch(0.0)
    watch.audio(SILENT)
    watch.audio(SPEECH)
    assert not watch.listening
    assert look(watch, 3600.0) is None


def test_a_far_end_that_describes_its_noise_is_not_silent() -> None:
    watch = SoundWatch(0.0)
    watch.noise()
    assert look(watch, 60.0) is None


def test_on_hold_nobody_need_be_heard() -> None:
    watch = SoundWatch(0.0)
    assert look(watch, 60.0, hearing=False) is None
    watch.restart(60.0)
    assert look(watch, 61.0) is None
    assert look(watch, 66.0) is OneWay.NOTHING_HEARD


@pytest.mark.parametrize("loss", [None, 255])
def test_reports_that_nothing_arrives_are_believed_after_the_third(loss: int | None) -> None:
    watch = SoundWatch(0.0)
    watch.audio(SPEECH)
    for _ in range(2):
        watch.report(loss)
    assert look(watch, 10.0) is None
    watch.report(loss)
    assert look(watch, 15.0, heard=False) is None
    assert look(watch, 15.0) is OneWay.NOT_HEARD


def test_a_lossy_way_is_not_a_dead_one() -> None:
    watch = SoundWatch(0.0)
    watch.audio(SPEECH)
    for loss in (255, 255, 120, 255, 255):
        watch.report(loss)
    assert look(watch, 30.0) is None
