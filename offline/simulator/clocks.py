"""Events whose time is not that of their arrival: sent late, or by producers whose clocks are wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import structs

from offline.datasets.rows import EventRow, encode
from offline.simulator.activity import SimulatedEvent
from offline.simulator.records import Kind, SimulatedRecord
from streams.contract.events import FUTURE_TOLERANCE_MS, Reason
from streams.contract.units import DAY_MS, MINUTE_MS

_LATE_MS: Final = (MINUTE_MS, 6 * 60 * MINUTE_MS)
#: A minute is left for clocks that differ and for nothing else, because appending never happens before sending.
_AHEAD_MS: Final = (1000, FUTURE_TOLERANCE_MS - MINUTE_MS)
#: So far ahead that it stays in the future for a world that is published months after it happened.
_FUTURE_MS: Final = (365 * DAY_MS, 400 * DAY_MS)
#: Behind the default retention of 90 days and the greatest lateness that can be allowed.
_TOO_OLD_MS: Final = (120 * DAY_MS, 400 * DAY_MS)


@dataclass(frozen=True)
class Clocks:
    """How often time is wrong, per valid event, 0 to 1.

    `late_share` arrive a minute to six hours after they happened, `ahead_share` bear a time up to four minutes ahead,
    which is tolerated: those are valid events. `future_share` and `too_old_share` come in addition and are refused.
    """

    late_share: float = 0.0
    ahead_share: float = 0.0
    future_share: float = 0.0
    too_old_share: float = 0.0

    def __post_init__(self) -> None:
        for name in vars(self):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.late_share + self.ahead_share > 1:
            raise ValueError("late_share and ahead_share together must be 0 to 1")

    def misread(self, simulated: SimulatedEvent, random: np.random.Generator) -> tuple[SimulatedEvent, Kind]:
        """The event with the time that its producer gives it."""
        chance, shift = random.random(2)
        row = simulated.row
        if chance < self.late_share:
            delay_ms = np.exp(np.log(_LATE_MS[0]) + shift * np.log(_LATE_MS[1] / _LATE_MS[0]))
            return simulated._replace(row=structs.replace(row, timestamp=row.timestamp - int(delay_ms))), "late"
        if chance < self.late_share + self.ahead_share:
            return simulated._replace(
                row=structs.replace(row, timestamp=row.timestamp + _between(_AHEAD_MS, shift))
            ), "ahead"
        return simulated, "event"

    def refused(self, simulated: SimulatedEvent, random: np.random.Generator) -> Iterator[SimulatedRecord]:
        """Copies of a valid event, with ids of their own and times that nobody can accept.

        They must follow a record of the same user: only a partition whose time has moved finds anything too old.
        """
        future, too_old, shift = random.random(3)
        row = simulated.row
        if future < self.future_share:
            yield _refused(row, _between(_FUTURE_MS, shift), "future", Reason.TIMESTAMP_IN_FUTURE)
        if too_old < self.too_old_share:
            yield _refused(row, -_between(_TOO_OLD_MS, shift), "too_old", Reason.TOO_OLD)


def _between(bounds_ms: tuple[int, int], share: float) -> int:
    return int(bounds_ms[0] + share * (bounds_ms[1] - bounds_ms[0]))


def _refused(row: EventRow, shift_ms: int, kind: Kind, reason: Reason) -> SimulatedRecord:
    wrong = structs.replace(row, event_id=f"{row.event_id}-{kind}", timestamp=row.timestamp + shift_ms)
    return SimulatedRecord(row.user_id.encode(), encode(wrong), None, kind, reason, None, row.timestamp)
