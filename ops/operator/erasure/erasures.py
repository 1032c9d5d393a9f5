"""Who was erased, as `user.erasure` says now."""

from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import read_usable
from streams.contract.erasure import ErasureMarker, marker_in
from streams.kafka.topics import Topics


async def read_markers(bootstrap: str, topics: Topics) -> dict[str, ErasureMarker]:
    """The last marker of every user, those not in force included."""
    markers: dict[str, ErasureMarker] = {}

    def apply(record: ConsumerRecord) -> None:
        user_id, marker = marker_in(record.key, record.value)
        if marker is None:
            markers.pop(user_id, None)
        else:
            markers[user_id] = marker

    await read_usable(bootstrap, [topics.erasure], apply)
    return markers
