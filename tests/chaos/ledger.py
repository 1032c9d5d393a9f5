"""What the log holds according to its producers, and what must therefore be in rows and dead letters."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from streams.dead_letters import DeadLetter
from streams.producer import Acknowledgement, OutgoingRecord
from streams.reasons import Reason

#: A partition and an offset of the interactions topic.
Where = tuple[int, int]
RETENTION_MS = 90 * 86_400_000


@dataclass(frozen=True)
class Balance:
    """Records that are missing and records that count more than once; each 0 or more."""

    lost: int = 0
    doubled: int = 0

    def __add__(self, other: "Balance") -> "Balance":
        return Balance(self.lost + other.lost, self.doubled + other.doubled)

    def since(self, before: "Balance") -> "Balance":
        """What came on top."""
        return Balance(max(0, self.lost - before.lost), max(0, self.doubled - before.doubled))


class Ledger:
    """Kept from the broker's acknowledgements, never from what workers say."""

    def __init__(self) -> None:
        self.by_user: Counter[str] = Counter()
        self.dead: dict[Where, Reason] = {}
        self._places: defaultdict[int, set[int]] = defaultdict(set)
        self._acknowledged = 0

    def note(self, record: OutgoingRecord, where: Acknowledgement, reason: Reason | None = None) -> None:
        """One acknowledged interaction; with a `reason` it must become a dead letter."""
        self._acknowledged += 1
        self._places[where.partition].add(where.offset)
        reason = reason or reason_of(record.value)
        if reason is None:
            assert record.key is not None
            self.by_user[record.key.decode()] += 1
        else:
            self.dead[where.partition, where.offset] = reason

    @property
    def count(self) -> int:
        """Acknowledged records."""
        return self._acknowledged

    def of_log(self, ends: Mapping[int, int]) -> Balance:
        """The log itself: acknowledged records it does not hold, and records nobody was told of."""
        held = sum(offset < ends[partition] for partition, offsets in self._places.items() for offset in offsets)
        return Balance(lost=self._acknowledged - held, doubled=sum(ends.values()) - held)

    def of_users(self, counted: Mapping[str, int]) -> Balance:
        """User rows, user by user: the events that each one has counted."""
        gaps = [self.by_user[user] - counted.get(user, 0) for user in self.by_user.keys() | counted.keys()]
        return Balance(sum(gap for gap in gaps if gap > 0), -sum(gap for gap in gaps if gap < 0))

    def of_dead_letters(self, letters: Iterable[DeadLetter]) -> Balance:
        """Dead letters: each of those expected, for its reason, once; nothing else."""
        found = Counter((letter.coordinates[1:], letter.reason) for letter in letters)
        wanted = Counter(self.dead.items())
        return Balance((wanted - found).total(), (found - wanted).total())


def reason_of(value: bytes | None) -> Reason | None:
    """Why a record of the harness's traffic cannot be used; None when it can."""
    try:
        event = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return Reason.NOT_JSON
    return Reason.TOO_OLD if event["timestamp"] < time.time_ns() // 1_000_000 - RETENTION_MS else None
