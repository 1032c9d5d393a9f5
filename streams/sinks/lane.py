"""One partition of users on its way into a store: what waits, what is known of shown lists and erasures. Pure.

Interactions and the lists that were shown come from two topics that nothing orders. An event is made a row only once
the lists that were published up to a second after it are known, so that what it belongs to does not depend on which
topic was read first.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import lru_cache

from aiokafka.structs import ConsumerRecord

from streams.contract.dead_letters import original_time_ms
from streams.contract.events import EventType, parse_interaction
from streams.contract.partitioning import partition_of
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.served import ServedList, parse_served
from streams.contract.user_records import record_key, user_of
from streams.kafka.damaged_record import refusal_of
from streams.sinks.attribution import AttributionLists
from streams.sinks.blocks import BlockCutter
from streams.sinks.config import SinkConfig
from streams.sinks.erasures import SinkErasures
from streams.sinks.metrics import OTHER_SURFACE, SURFACES
from streams.sinks.sink import Block, Erasure, Event, Shown

#: How much later than an event a list that it belongs to may be published: the endpoint publishes every 100 ms.
SLACK_MS = 1000
#: How far served lists are read ahead of the interactions that wait.
LEAD_MS = 60 * 60 * 1000
#: A served list is about 20 rows.
LISTS_PER_BLOCK = 10
#: How keys of lists begin that were shown to nobody in particular.
NOBODY = record_key("", "")
_SHOWN_AT = re.compile(rb'"timestamp":(\d{1,16})\b')  # quotes within a text are escaped: no title holds this


def _known(surface: str) -> str:
    return surface if surface in SURFACES else OTHER_SURFACE


@dataclass
class LaneCounts:
    """What became of the records of a lane: `skipped` by reason; by surface the items that were `shown`, and what was
    `clicked` and `watched` of them."""

    skipped: Counter[str] = field(default_factory=Counter)
    erased: int = 0
    attributed: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    clicked: Counter[str] = field(default_factory=Counter)
    watched: Counter[str] = field(default_factory=Counter)

    def skip(self, reason: str) -> None:
        """Counts a record that is no row."""
        self.skipped[reason] += 1

    def attribute(self, event_type: EventType, surface: str) -> None:
        """Counts an event that belongs to a list."""
        self.attributed += 1
        if event_type is EventType.CLICK:
            self.clicked[_known(surface)] += 1
        elif event_type in (EventType.PLAY, EventType.WATCH_START):
            self.watched[_known(surface)] += 1


class Lane:
    """Partition `partition` of `partitions`. `reads_served` False: events are not tied to lists."""

    def __init__(
        self, config: SinkConfig, partition: int, partitions: int, shown: AttributionLists, reads_served: bool
    ):
        self.partition = partition
        self.counts = LaneCounts()
        self.erasures = SinkErasures(config.topics, config.identities)
        self.to_erase: deque[tuple[ConsumerRecord, Erasure | None]] = deque()
        self.events = BlockCutter(config.block_records)
        self.lists = BlockCutter(max(1, config.block_records // LISTS_PER_BLOCK))
        self._config = config
        self._partitions = partitions
        self._shown = shown
        self._reads_served = reads_served
        self._served_until_ms = 0.0  # append time up to which served lists are known
        self._partition_of = lru_cache(maxsize=100_000)(partition_of)

    # -- what comes in ------------------------------------------------------------------------------------------------

    def add_events(self, records: list[ConsumerRecord], now_s: float) -> None:
        """Interactions, in order."""
        self.events.add(records, now_s)

    def add_lists(self, records: list[ConsumerRecord], now_s: float) -> None:
        """Served lists, in order."""
        self.remember(records)
        self.lists.add(records, now_s)

    def add_erasures(self, records: list[ConsumerRecord]) -> None:
        """Erasures, in order: in force for every block that is made from now on, to be carried out in the store."""
        for record in records:
            self.to_erase.append((record, self.erasures.apply(record)))

    def forget(self, erasure: Erasure) -> None:
        """Forgets what an erased user was shown."""
        for user_id in erasure.user_ids:
            self._shown.forget(user_id, erasure.erased_at_ms)

    def remember(self, records: list[ConsumerRecord]) -> None:
        """Only keeps the lists, for the events that belong to them."""
        for record in records:
            self._served_until_ms = max(self._served_until_ms, record.timestamp)
            if record.value and record.key and not record.key.startswith(NOBODY):
                said = _SHOWN_AT.search(record.value)
                shown_ms = int(said[1]) if said else record.timestamp
                self._shown.add(user_of(record.key).decode(errors="replace"), shown_ms, record.value)

    def served_is_at_end(self, now_ms: float) -> None:
        """No served list was published before `now_ms` that was not added."""
        self._served_until_ms = max(self._served_until_ms, now_ms)

    def waiting(self, topic: str) -> int:
        """Records of one of its topics that were added and are in no block yet."""
        topics = self._config.topics
        if topic == topics.erasure:
            return len(self.to_erase)
        return len(self.lists if topic == topics.served else self.events)

    @property
    def leads(self) -> bool:
        """Whether served lists are far enough ahead of the interactions that wait.

        Of all of them: a block is written once lists are known up to its newest, and it may span days.
        """
        newest_ms = self.events.newest_ms
        return newest_ms is not None and self._served_until_ms > newest_ms + LEAD_MS

    # -- what goes out ------------------------------------------------------------------------------------------------

    def next_block(self, now_s: float, flush_s: float) -> Block | None:
        """The next block that can be written: of lists before events."""
        if self._reads_served and (cut := self.lists.cut(now_s, flush_s, float("inf"))) is not None:
            first, end, records = cut
            lists = tuple(shown for record in records if (shown := self._list_in(record)) is not None)
            return Block(self._config.topics.served, self.partition, first, end, lists=lists)
        until_ms = self._served_until_ms - SLACK_MS if self._reads_served else float("inf")
        if (cut := self.events.cut(now_s, flush_s, until_ms)) is not None:
            first, end, records = cut
            events = tuple(event for record in records if (event := self._event_in(record)) is not None)
            self._shown.prune(records[-1].timestamp)
            return Block(self._config.topics.interactions, self.partition, first, end, events=events)
        return None

    def is_erased(self, record: ConsumerRecord) -> bool:
        """Whether the record of which a row was made is of a user who is erased by now."""
        if record.topic == self._config.topics.served:
            return record.value is not None and self._is_erased_list(parse_served(record.value))
        event = parse_interaction(record.value, record.timestamp)
        return self._is_erased_event(self._config.identities.stored(event).user_id, record)

    def _is_erased_event(self, user_id: str, record: ConsumerRecord) -> bool:
        return self.erasures.covers_event(user_id, record.offset, original_time_ms(record.headers))

    def _is_erased_list(self, shown: ServedList) -> bool:
        return self.erasures.covers_list(shown.user_id, shown.timestamp)

    def _event_in(self, record: ConsumerRecord) -> Event | None:
        """The event, unless the workers do not fold it either: what they refuse is a dead letter of theirs."""
        if (refusal := refusal_of(record)) is not None:
            self.counts.skip(refusal.reason)
            return None
        try:
            event = parse_interaction(record.value, record.timestamp)
        except InvalidEvent as invalid:
            self.counts.skip(invalid.reason)
            return None
        if self._partition_of(event.user_id.encode(), self._partitions) != self.partition:
            self.counts.skip(Reason.WRONG_PARTITION)
            return None
        stored = self._config.identities.stored(event)
        if self._is_erased_event(stored.user_id, record):
            self.counts.erased += 1
            return None
        attribution = self._shown.attribution(stored, record.timestamp) if self._reads_served else None
        if attribution is not None:
            self.counts.attribute(stored.event_type, attribution.shown.surface)
        return Event(record.offset, record.timestamp, stored, attribution)

    def _list_in(self, record: ConsumerRecord) -> Shown | None:
        if not record.value or not record.key:  # taken out by an erasure
            return None
        try:
            shown = parse_served(record.value)
        except ValueError:
            self.counts.skip(Reason.WRONG_TYPE)
            return None
        if self._is_erased_list(shown):
            self.counts.erased += 1
            return None
        self.counts.shown[_known(shown.surface)] += len(shown.items)
        record_id = record.key.rpartition(b"\0")[2].decode(errors="replace")
        return Shown(record.offset, record.timestamp, record_id, shown)
