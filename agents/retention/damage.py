"""What an archive keeps of a record that could not be read, so that a replay refuses it as the live version did."""

import msgspec
from aiokafka.structs import ConsumerRecord

from streams.contract.reasons import Reason
from streams.kafka.damaged_record import DamagedRecord


class Damage(msgspec.Struct, frozen=True):
    """The fields that a `DamagedRecord` has beside those of every record."""

    reason: Reason
    detail: str
    is_whole: bool = False
    original_bytes: int | None = None


def damage_of(record: ConsumerRecord) -> str | None:
    """As JSON; None for a record that could be read."""
    if not isinstance(record, DamagedRecord):
        return None
    return msgspec.json.encode(Damage(record.reason, record.detail, record.is_whole, record.original_bytes)).decode()


def damaged_record(
    topic: str, partition: int, offset: int, append_ms: int, key: bytes | None, value: bytes | None, damage: str
) -> DamagedRecord:
    """The record again, from what `damage_of` said. Raises msgspec.DecodeError."""
    found = msgspec.json.decode(damage, type=Damage)
    place = (topic, partition, offset, append_ms, 1, key, value, None, -1, -1, ())
    return DamagedRecord(*place, found.reason, found.detail, found.is_whole, found.original_bytes)
