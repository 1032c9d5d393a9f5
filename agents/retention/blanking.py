"""What remains in an archive of a record whose user was erased: its place, and nothing of the user."""

from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from agents.followers.erasures import Erasures
from streams.contract.events import InvalidEvent, parse_interaction
from streams.contract.identities import Identities
from streams.contract.partitioning import partition_of
from streams.kafka.damaged_record import refusal_of


@dataclass
class BlankedRecord(ConsumerRecord):  # type: ignore[misc]  # untyped there
    """A record without key, value and headers. `event_ms` is the time of an event that was in order, which others'
    lateness depends on; None for a record that could not be used in the first place."""

    event_ms: int | None = None


def blank_record(topic: str, partition: int, offset: int, append_ms: int, event_ms: int | None) -> BlankedRecord:
    """What is left at a place."""
    return BlankedRecord(topic, partition, offset, append_ms, 1, None, None, None, -1, -1, (), event_ms)


def blanked(
    record: ConsumerRecord, erasures: Erasures, identities: Identities, partitions: int
) -> BlankedRecord | None:
    """What is left of `record`; None when nothing of it was erased, or it is blank already.

    It decides as the fold does (`agents.interactions`, `tables.user_plane`), so that folding what is left has the
    effect that folding the erased record had.
    """
    if isinstance(record, BlankedRecord):
        return None
    place = (record.topic, record.partition, record.offset, record.timestamp)
    if erasures.cover_republished(record):
        return blank_record(*place, None)
    try:
        event = None if refusal_of(record) else parse_interaction(record.value, record.timestamp)
    except InvalidEvent:
        event = None
    key = record.key
    if event is None or key != event.user_id.encode() or partition_of(key, partitions) != record.partition:
        return blank_record(*place, None) if erasures.cover(record) else None
    end = erasures.of(record.partition).ends.get(identities.of(event.user_id), 0)
    return blank_record(*place, event.timestamp_ms) if record.offset < end else None
