"""The clock that chaos steps: the wall clock jumps, time that passes does not."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from stepped_clock import HOUR_S, SteppedClock


@pytest.fixture
def _clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("time", "time_ns"):
        monkeypatch.setattr(time, name, getattr(time, name))
    former = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    SteppedClock().install()
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_clock")
def test_signals_step_it_ahead_and_back() -> None:
    before_s, before_ns = time.time(), time.time_ns()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert time.time() - before_s >= HOUR_S
    assert time.time_ns() - before_ns >= HOUR_S * 1_000_000_000
    os.kill(os.getpid(), signal.SIGUSR2)
    os.kill(os.getpid(), signal.SIGUSR2)
    assert time.time() < before_s
