"""How long each step of the demo took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Named durations in the order they ended; `on_done` hears of each as (name, seconds)."""

    def __init__(self, on_done: Callable[[str, float], None], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._on_done = on_done
        self._clock_s = clock_s
        self._began_s = clock_s()
        self._durations_s: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Times what runs inside; a step that fails is not noted."""
        began_s = self._clock_s()
        yield
        self.note(name, self._clock_s() - began_s)

    def note(self, name: str, duration_s: float) -> None:
        """Notes a duration that was measured elsewhere."""
        self._durations_s[name] = duration_s
        self._on_done(name, duration_s)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the demo began."""
        return self._clock_s() - self._began_s

    def as_dict(self) -> dict[str, float]:
        """Seconds by phase, rounded to milliseconds."""
        return {name: round(duration_s, 3) for name, duration_s in self._durations_s.items()}
