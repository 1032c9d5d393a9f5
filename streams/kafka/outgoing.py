"""From what a producer wrote to the record to send: checked with the parser of the workers, keyed as they expect."""

from collections.abc import Callable

from streams.contract.catalog import item_id_in, parse_catalog_item, parse_profile, user_id_in
from streams.contract.events import parse_interaction
from streams.kafka.producer import OutgoingRecord

#: Makes a record for a topic of a value at a time (ms). Raises `InvalidEvent` when the value cannot be used.
ToRecord = Callable[[str, bytes, int], OutgoingRecord]


def interaction_record(topic: str, value: bytes, now_ms: int) -> OutgoingRecord:
    """An event for the partition of its user.

    >>> value = b'{"event_type":"click","user_id":7,"item_id":"i","timestamp":1700000000000}'
    >>> interaction_record("user.interactions", value, 1_700_000_000_000).key
    b'7'
    """
    return OutgoingRecord(topic, parse_interaction(value, now_ms).user_id.encode(), value)


def item_record(topic: str, value: bytes, now_ms: int) -> OutgoingRecord:  # noqa: ARG001 - items have no clock
    """A catalogue item under its id."""
    key = item_id_in(value).encode()
    parse_catalog_item(key, value)
    return OutgoingRecord(topic, key, value)


def profile_record(topic: str, value: bytes, now_ms: int) -> OutgoingRecord:  # noqa: ARG001 - profiles have no clock
    """A profile under its user's id."""
    key = user_id_in(value).encode()
    parse_profile(key, value)
    return OutgoingRecord(topic, key, value)
