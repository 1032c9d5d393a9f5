"""Where records come from that the log does not hold any more."""

from collections.abc import Sequence
from typing import Protocol

from aiokafka.structs import ConsumerRecord


class BeforeLog(Protocol):
    """Where records are that the log does not hold any more; used in the consumer's thread."""

    def end(self, topic: str, partition: int, position: int) -> int | None:
        """Where the log takes over; None when what follows `position` is to be read from the log."""

    async def read(self, partition: int, position: int) -> tuple[Sequence[ConsumerRecord], int]:
        """Some records from `position` on, if any are left, and the position after them."""

    def hand_over(self, partition: int, end: int, log_begin: int) -> None:
        """Called when everything before `end` was read, with where the log begins. Ends the process on a gap."""


class NothingBefore:
    """A log that is all there is."""

    def end(self, topic: str, partition: int, position: int) -> None:
        """Always None."""

    async def read(self, partition: int, position: int) -> tuple[Sequence[ConsumerRecord], int]:
        """Never called."""
        return (), position

    def hand_over(self, partition: int, end: int, log_begin: int) -> None:
        """Never called."""
