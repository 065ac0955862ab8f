import os
import time

from ivr.speech.starvation import FairClock, queued_s


def test_waiting_for_a_processor_is_not_counted() -> None:
    now, queued = [0.0], [5.0]
    clock = FairClock(1, lambda: now[0], lambda pid: queued[0])
    now[0], queued[0] = 0.1, 5.09
    assert round(clock.seconds(), 3) == 0.01
    now[0] = 0.3
    assert round(clock.seconds(), 3) == 0.21
    now[0], queued[0] = 0.4, 7.0  # several threads wait at once: never less than nothing
    assert round(clock.seconds(), 3) == 0.21
    clock.restart()
    assert clock.seconds() == 0


def test_it_is_read_from_the_kernel_and_a_process_that_is_gone_waited_no_time() -> None:
    before = queued_s(os.getpid())
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass
    assert queued_s(os.getpid()) >= before >= 0
    assert queued_s(2**22 + 1) == 0
