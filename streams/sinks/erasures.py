"""Who is erased, as a sink knows it: read in full before anything of a partition is written."""

from __future__ import annotations

from aiokafka.structs import ConsumerRecord

from streams.contract.erasure import marker_in
from streams.contract.identities import Identities
from streams.contract.reasons import InvalidEvent
from streams.kafka.topics import Topics
from streams.sinks.sink import Erasure


class SinkErasures:
    """The erasures of one partition of users, by stored id."""

    def __init__(self, topics: Topics, identities: Identities) -> None:
        self._topics = topics
        self._identities = identities
        self._of: dict[str, Erasure] = {}
        self.next_offset = 0  # behind the last record that was taken

    def apply(self, record: ConsumerRecord) -> Erasure | None:
        """Takes a record of the topic; what it asks for, None when it asks for nothing (not yet, or withdrawn, or it
        cannot be read, which the workers tell of)."""
        self.next_offset = record.offset + 1
        try:
            sent_id, marker = marker_in(record.key, record.value)
        except InvalidEvent:
            return None
        stored_id = self._identities.of(sent_id)
        if marker is None:
            self._of.pop(stored_id, None)
            return None
        if marker.end_offset <= 0:
            return None
        erasure = self._of[stored_id] = Erasure(
            name=f"{record.topic}:{record.partition}:{record.offset}",
            user_ids=tuple(dict.fromkeys((stored_id, sent_id))),
            interactions=self._topics.interactions,
            partition=record.partition,
            end_offset=marker.end_offset,
            erased_at_ms=marker.erased_at_ms,
        )
        return erasure

    def covers_event(self, user_id: str, offset: int, original_ms: int | None = None) -> bool:
        """Whether an interaction of a stored id at an offset is erased. `original_ms`: when the original was
        appended of a dead letter published again; it may lie behind the erasure's end and be from before it."""
        erasure = self._of.get(user_id)
        if erasure is None:
            return False
        return offset < erasure.end_offset or (original_ms is not None and original_ms <= erasure.erased_at_ms)

    def covers_list(self, user_id: str, shown_ms: int) -> bool:
        """Whether a list that was shown then is erased."""
        erasure = self._of.get(user_id)
        return erasure is not None and shown_ms <= erasure.erased_at_ms
