from ivr.silence_guard import RECOVERY_MS, SILENCE_MS, SilenceGuard


def spoken_up(guard: SilenceGuard, ms: int, *, audible: bool = False) -> list[int]:
    return [at for at in range(20, ms + 1, 20) if guard.frame(20, audible=audible)]


def test_nothing_is_said_when_nothing_is_owed() -> None:
    assert spoken_up(SilenceGuard(), 60_000) == []


def test_it_speaks_up_again_and_again_until_settled() -> None:
    guard = SilenceGuard()
    guard.owe()
    assert spoken_up(guard, 2 * SILENCE_MS) == [SILENCE_MS, 2 * SILENCE_MS]
    assert guard.told == 2
    guard.settle()
    assert spoken_up(guard, 60_000) == []


def test_silence_counts_from_the_last_sound() -> None:
    guard = SilenceGuard()
    guard.owe()
    spoken_up(guard, SILENCE_MS - 20)
    spoken_up(guard, 2000, audible=True)
    assert spoken_up(guard, SILENCE_MS) == [SILENCE_MS]


def test_after_a_loss_the_first_word_comes_sooner() -> None:
    guard = SilenceGuard()
    guard.owe(RECOVERY_MS)
    assert spoken_up(guard, RECOVERY_MS + SILENCE_MS) == [RECOVERY_MS, RECOVERY_MS + SILENCE_MS]
