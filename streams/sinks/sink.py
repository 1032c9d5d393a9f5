"""What a store has to offer, to be kept up to date by `streams.sinks.runner`: five methods, all synchronous.

The runner reads, parses, attributes, cuts blocks, retries, bisects and commits. A sink only makes rows of records and
writes them. It is called from one thread at a time, never from the event loop, so it may block; it has to give up by
itself (timeouts of its client), with one of these errors:

    StoreUnavailable   nothing is wrong with the rows: they are sent again later, for ever
    RowsRefused        the store says that a row cannot be stored: the block is cut in halves until it is found
    SchemaMissing      the store lacks what `freshet schema apply` makes: the process ends

A write may be repeated at any time, in parts, with other neighbours: rows must replace themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from streams.contract.events import Interaction
from streams.contract.served import ServedItem, ServedList


class StoreUnavailable(Exception):
    """The store does not answer, or not now. The message is for people and holds no password."""


class RowsRefused(Exception):
    """The store, or its client, says that one of the rows cannot be stored."""


class SchemaMissing(Exception):
    """Tables or columns are missing; the message names them and the command that makes them."""


class Attribution(NamedTuple):
    """What ties an event to a list: the list, the item on it, and by which half of the rule
    (`streams.sinks.attribution`)."""

    shown: ServedList
    item: ServedItem
    by: str


class Event(NamedTuple):
    """One valid interaction with the stored id of its user; `append_time_ms` is when the broker took it."""

    offset: int
    append_time_ms: int
    interaction: Interaction
    attribution: Attribution | None = None


class Shown(NamedTuple):
    """One list as it was shown; `record_id` is unique among all records of `recommendation.served`."""

    offset: int
    append_time_ms: int
    record_id: str
    shown: ServedList


@dataclass(frozen=True, slots=True)
class Block:
    """The usable records of one partition with offsets in [first, end): interactions in `events`, served lists in
    `lists`, never both. Ends are multiples of the block size, but for the tail of a log that nobody writes to."""

    topic: str
    partition: int
    first: int
    end: int
    events: tuple[Event, ...] = ()
    lists: tuple[Shown, ...] = ()

    @property
    def name(self) -> str:
        """Says which records these are, for the store's own recognition of what it has already."""
        return f"{self.topic}:{self.partition}:{self.first}-{self.end}"


class StoreRow(NamedTuple):
    """What a sink writes of one record: any number of rows a record, all with its place in the log."""

    topic: str
    partition: int
    offset: int
    values: Any


@dataclass(frozen=True, slots=True)
class Erasure:
    """One user to forget. Of partition `partition` of interactions everything before `end_offset` goes, and every list
    that was served up to `erased_at_ms`. `user_ids` are all ids under which the store may know the user. `name` says
    which record asked for it, without naming the user."""

    name: str
    user_ids: tuple[str, ...]
    interactions: str
    partition: int
    end_offset: int
    erased_at_ms: int


class Sink(Protocol):
    """One store."""

    name: str
    #: Whether lists that were shown are wanted, and events tied to them: served topics are read then.
    wants_served: bool

    def prepare(self) -> None:
        """Connects and looks whether the schema is there. May be called again after StoreUnavailable."""

    def rows(self, block: Block) -> Sequence[StoreRow]:
        """The rows of a block. Pure, and the same for the same block."""

    def write(self, rows: Sequence[StoreRow], name: str) -> None:
        """Stores the rows, all of them or the call fails. `name` is the same when the very same rows come again."""

    def erase(self, erasure: Erasure) -> None:
        """Removes the user; returns when they are gone for whoever reads. May be repeated."""

    def count(self, erasure: Erasure) -> int:
        """Rows that are left of what `erase` removes."""

    def maintain(self) -> None:
        """What is to be done between writes, a little at a time: called every second or so."""

    def close(self) -> None:
        """Disconnects."""
