"""The records a simulated world publishes, each with the truth about it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from streams.contract.events import Reason

Kind = Literal["event", "late", "ahead", "duplicate", "malformed", "wrong_partition", "future", "too_old", "item"]


class GroundTruth(NamedTuple):
    """What is true about a valid event.

    `affinity` is how much its user likes its item at that time, 0 to 1 (0 for searches and for bots).
    """

    event_id: str
    user_id: str
    item_id: str
    affinity: float
    is_bot: bool = False


class SimulatedRecord(NamedTuple):
    """A record to publish at `due_ms`.

    Records of kind item go to the catalogue, all others to the interactions. `partition` None means where the key
    belongs. `expected_reason` is why it must become a dead letter, None when it must not. `ground_truth` is None for
    items and for what was never a valid event: malformed, future, too_old. Late and ahead are valid events with another
    time.
    """

    key: bytes
    value: bytes | None
    partition: int | None
    kind: Kind
    expected_reason: Reason | None
    ground_truth: GroundTruth | None
    due_ms: int


@dataclass
class Expected:
    """What must become of the records handed out so far, once all of them are published and folded.

    `late`, `ahead` and `by_bots` are among the folded.
    """

    folded: int = 0
    duplicates: int = 0
    dead_letters: Counter[Reason] = field(default_factory=Counter)
    users: set[str] = field(default_factory=set)
    new_items: int = 0
    late: int = 0
    ahead: int = 0
    by_bots: int = 0

    @property
    def published(self) -> int:
        """Records for the interactions topic."""
        return self.folded + self.duplicates + self.dead_letters.total()

    def count(self, record: SimulatedRecord) -> None:
        """Adds one record."""
        if record.kind == "item":
            self.new_items += 1
        elif record.expected_reason is not None:
            self.dead_letters[record.expected_reason] += 1
        elif record.kind == "duplicate":
            self.duplicates += 1
        else:
            self.folded += 1
            self.late += record.kind == "late"
            self.ahead += record.kind == "ahead"
            self.by_bots += record.ground_truth is not None and record.ground_truth.is_bot
            self.users.add(record.key.decode())

    def as_dict(self) -> dict[str, Any]:
        """The counts as plain JSON values."""
        return {
            "published": self.published,
            "folded": self.folded,
            "duplicates": self.duplicates,
            "dead_letters": self.dead_letters.total(),
            "dead_letters_by_reason": {reason.value: n for reason, n in sorted(self.dead_letters.items())},
            "users": len(self.users),
            "new_items": self.new_items,
            "late": self.late,
            "ahead": self.ahead,
            "by_bots": self.by_bots,
        }
