"""A wall clock that jumps when told to: SIGUSR1 an hour ahead, SIGUSR2 an hour back. Time that only passes is left
alone, as it is by somebody who sets a machine's clock."""

import signal
import time

HOUR_S = 3_600
_NS_PER_S = 1_000_000_000


class SteppedClock:
    """Replaces `time.time` and `time.time_ns` of this process once installed."""

    def __init__(self) -> None:
        self._ahead_s = 0
        self._time, self._time_ns = time.time, time.time_ns

    def install(self) -> None:
        """Call it before anything else takes the functions by name."""
        time.time = lambda: self._time() + self._ahead_s
        time.time_ns = lambda: self._time_ns() + self._ahead_s * _NS_PER_S
        for number, step_s in ((signal.SIGUSR1, HOUR_S), (signal.SIGUSR2, -HOUR_S)):
            signal.signal(number, lambda *_, step_s=step_s: self.step(step_s))

    def step(self, step_s: int) -> None:
        """Jumps by `step_s` seconds."""
        self._ahead_s += step_s
        print(f"clock stepped by {step_s} s, now {self._ahead_s} s ahead", flush=True)
