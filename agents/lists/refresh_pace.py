"""How many outdated lists a process makes again a second: as many as leaves it idle enough, and a few in any case.

After a bulk load every list is outdated, and nothing else may be going on; a moment later events may come whose lists
are due at once. So the pace is no number of lists but a share of a core: while the process is busy for less of its time
the pace rises by half each second that it was used up, and falls to two fifths each second that the process was busier.
"""

from collections.abc import Callable
from typing import Final

from agents.lists.rate_budget import RateBudget

#: Lists that a process makes again a second however busy it is: 1.3 ms each, a fifteenth of a core.
LEAST_PER_S: Final = 50.0
#: Lists that one partition makes again at a time: its events wait for no more than 50 ms.
LISTS_A_STEP: Final = 40
_LOOKED_AT_MS: Final = 1_000
_RISES: Final = 1.5
_FALLS: Final = 0.4
_USED_UP: Final = 0.7
DEFAULT_SHARE: Final = 0.3


class RefreshPace:
    """Sets an allowance. `cpu_ms` is the time that the process was busy for since it began."""

    def __init__(self, remade: RateBudget, cpu_ms: Callable[[], float], cpu_share: float = DEFAULT_SHARE) -> None:
        self._remade = remade
        self._cpu_ms = cpu_ms
        self._cpu_share = cpu_share
        self._looked_ms: int | None = None
        self._before = 0.0, 0  # busy for, and lists made again

    def adapt(self, now_ms: int) -> None:
        """To be called often."""
        passed_ms = 0 if self._looked_ms is None else now_ms - self._looked_ms
        if 0 < passed_ms < _LOOKED_AT_MS:
            return
        now = self._cpu_ms(), self._remade.spent
        if passed_ms > 0:  # else it begins, or the clock was set back
            busy, made = now[0] - self._before[0], now[1] - self._before[1]
            per_s = self._remade.per_s
            if busy / passed_ms > self._cpu_share:
                per_s *= _FALLS
            elif made >= _USED_UP * per_s * passed_ms / 1_000:
                per_s *= _RISES
            self._remade.per_s = max(LEAST_PER_S, per_s)
        self._looked_ms, self._before = now_ms, now
