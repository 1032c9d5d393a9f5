"""How much paced work a process may do a second, shared fairly by whoever does it."""

from typing import NamedTuple

#: Whoever has not asked for this long takes no share: its partition went to another worker, or is paused.
FORGOTTEN_MS = 5_000
#: What is left unused is kept for this long, so that a late tick loses nothing.
KEPT_MS = 1_000


class _Share(NamedTuple):
    """What one asker may still do, as of a time."""

    left: float
    at_ms: int


class RateBudget:
    """So many units of work a second, whatever the number of those who ask: each may use an equal share.

    >>> budget = RateBudget(per_s=10)
    >>> budget.left("a", 0), budget.left("a", 1_000), budget.left("a", 60_000)
    (0, 10, 10)
    >>> budget.spend("a", 4)
    >>> budget.left("a", 60_000), budget.left("b", 60_000), budget.left("b", 60_500)
    (6, 0, 2)
    """

    def __init__(self, per_s: float) -> None:
        self.per_s = per_s  # may be changed at any time
        self.spent = 0
        self._shares: dict[str, _Share] = {}

    def left(self, who: str, now_ms: int) -> int:
        """How many units `who` may do now."""
        self._shares = {
            name: share for name, share in self._shares.items() if name == who or now_ms - share.at_ms < FORGOTTEN_MS
        }
        before = self._shares.get(who, _Share(0.0, now_ms))
        rate = self.per_s / 1_000 / len(self._shares.keys() | {who})
        passed_ms = min(max(0, now_ms - before.at_ms), KEPT_MS)  # a clock may be set back
        left = min(before.left + passed_ms * rate, KEPT_MS * rate)
        self._shares[who] = _Share(left, now_ms)
        return int(left)

    def spend(self, who: str, units: int) -> None:
        """Notes that `who` did so many units."""
        self.spent += units
        left, at_ms = self._shares[who]
        self._shares[who] = _Share(left - units, at_ms)
