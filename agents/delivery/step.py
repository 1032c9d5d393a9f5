"""What a partition task is given: the rule that turns records into effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka.structs import ConsumerRecord

from agents.delivery.outgoing import Outgoing


@dataclass(slots=True)
class Effects:
    """What one transaction is to make durable: changed rows of the partition's table and records for other topics."""

    changes: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)


class BackPressure(Protocol):
    """Decides how soon records may be folded; what may not be yet stays with the partition's task."""

    def allowed(self, records: Sequence[ConsumerRecord]) -> int:
        """How many of the next records (at least one is given) may be folded now; 0 = none, ask again."""

    def wait(self, record: ConsumerRecord) -> None:
        """The partition waits with its next record."""

    def go(self) -> None:
        """The partition waits no longer: all that came may be folded, or it is given away."""

    def note(self) -> str:
        """What the rest of the group is told, with the committed offset."""


class NoBackPressure:
    """Lets everything through."""

    def allowed(self, records: Sequence[ConsumerRecord]) -> int:
        """All of them."""
        return len(records)

    def wait(self, record: ConsumerRecord) -> None:
        """Never happens."""

    def go(self) -> None:
        """Nothing waits."""

    def note(self) -> str:
        """Nothing."""
        return ""


class PartitionStep(Protocol):
    """The rule of one agent for one partition. Its state is a pure function of the records folded so far.

    `fold` must not await, read a clock or write anywhere. `effects` may write to Redis, which is safe to repeat.
    """

    def fold(self, record: ConsumerRecord) -> None:
        """Takes one record into the state. A record that cannot be used is noted as a dead letter, not raised."""

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes `record` as a dead letter `fold_failed` without folding it."""

    def pending(self) -> bool:
        """Whether there are effects although no record was folded since the last call of `effects`."""

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """Everything since the last call, or None when this step prefers to gather more before it commits.

        `next_offset` is the position that the effects reach. `force` True asks for all of it now, because the
        partition is about to be given away.
        """

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        """Called between batches, at least every `PartitionTask.TICK_S` seconds, for work that time alone causes.
        `waits`: records have come that are not folded yet."""

    def reset(self) -> None:
        """Takes the table's rows as the whole state; called after a restore and when a fold raised half-way."""

    def counters(self) -> Mapping[str, int]:
        """Figures of this partition for the worker's heartbeat, which adds them up."""
