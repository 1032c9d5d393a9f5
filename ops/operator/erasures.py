"""Who was erased, as `user.erasure` says now."""

from aiokafka.structs import ConsumerRecord

from streams.bulk_read import read_topics
from streams.erasure import ErasureMarker, parse_marker
from streams.topics import Topics


async def read_markers(bootstrap: str, topics: Topics) -> dict[str, ErasureMarker]:
    """The last marker of every user, those not in force included."""
    markers: dict[str, ErasureMarker] = {}

    def apply(record: ConsumerRecord) -> None:
        user_id = record.key.decode(errors="replace")
        if record.value is None:
            markers.pop(user_id, None)
        else:
            markers[user_id] = parse_marker(record.value)

    await read_topics(bootstrap, [topics.erasure], apply)
    return markers
