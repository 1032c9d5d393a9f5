"""What the log holds according to its producers, and what must therefore be in rows and dead letters."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.producer import Acknowledgement, OutgoingRecord

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


class Counted(NamedTuple):
    """Of one user: events that were folded, and those that had been before."""

    folded: int = 0
    duplicates: int = 0


class Ledger:
    """Kept from the broker's acknowledgements, event by event, never from what workers say."""

    def __init__(self) -> None:
        self.by_user: defaultdict[str, Counter[str]] = defaultdict(Counter)  # how often each event id was taken
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
            self.by_user[record.key.decode()][json.loads(record.value or b"")["event_id"]] += 1
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

    def of_users(self, counted: Mapping[str, Counted]) -> Balance:
        """User rows, user by user: every event folded once, and counted as a duplicate each time it came again."""
        gaps: list[int] = []
        for user in self.by_user.keys() | counted.keys():
            events, found = self.by_user.get(user, Counter()), counted.get(user, Counted())
            again = events.total() - len(events)
            gaps += (len(events) - found.folded, again - found.duplicates)
        return Balance(sum(gap for gap in gaps if gap > 0), -sum(gap for gap in gaps if gap < 0))

    def of_dead_letters(self, dead_letters: Iterable[DeadLetter]) -> Balance:
        """Dead letters: each of those expected, for its reason, once; nothing else."""
        found = Counter((dead_letter.coordinates[1:], dead_letter.reason) for dead_letter in dead_letters)
        wanted = Counter(self.dead.items())
        return Balance((wanted - found).total(), (found - wanted).total())


def reason_of(value: bytes | None) -> Reason | None:
    """Why a record of the harness's traffic cannot be used; None when it can. By a parser that is not the product's."""
    try:
        event = json.loads((value or b"").decode())
    except ValueError:
        return Reason.NOT_JSON
    return Reason.TOO_OLD if event["timestamp"] < time.time_ns() // 1_000_000 - RETENTION_MS else None
