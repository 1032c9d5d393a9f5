"""How long to wait before a store is tried again: exponential, with jitter, and a circuit breaker. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_S = 0.1
MOST_S = 15.0
#: Failures in a row after which the circuit is open: one attempt at a time is a probe, all else waits.
OPENS_AFTER = 5


@dataclass
class Backoff:
    """`chance` gives numbers in [0, 1). Full jitter: processes that lost one store do not come back in step."""

    chance: Callable[[], float]
    failures: int = field(default=0, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the store is given up for the moment: only a probe is sent, after each wait."""
        return self.failures >= OPENS_AFTER

    def failed(self) -> float:
        """Notes a failure; the seconds to wait.

        >>> backoff = Backoff(lambda: 0.5)
        >>> [round(backoff.failed(), 3) for _ in range(4)], backoff.is_open
        ([0.075, 0.15, 0.3, 0.6], False)
        """
        longest: float = min(MOST_S, FIRST_S * 2**self.failures)
        self.failures += 1
        return longest * (0.5 + self.chance() / 2)

    def succeeded(self) -> None:
        """Closes the circuit."""
        self.failures = 0
