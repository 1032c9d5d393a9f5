"""Which leader appended what was fetched: aiokafka reads past it, but it is in the header of every record batch."""

from collections.abc import Iterator
from struct import Struct
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from streams.kafka.log_position import NO_EPOCH

#: Of a record batch: first offset, bytes that follow these twelve, leader epoch, format.
_HEADER = Struct(">qiiB")
_BEFORE_LENGTH_ENDS = 12
#: The first format that says who appended it.
_FORMAT_WITH_EPOCHS = 2
#: Changes of leaders that are remembered; what is fetched and not handed over yet spans fewer.
_REMEMBERED = 16


def epochs_in(records: bytes) -> Iterator[tuple[int, int]]:
    """First offset and leader epoch of each record batch in a fetched run; the last one may be cut off."""
    start = 0
    while start + _HEADER.size <= len(records):
        offset, length, epoch, record_format = _HEADER.unpack_from(records, start)
        if record_format < _FORMAT_WITH_EPOCHS or length <= 0:
            return
        yield offset, epoch
        start += _BEFORE_LENGTH_ENDS + length


class LeaderEpochs:
    """The leader epochs of what one consumer fetched; offsets may be fetched again."""

    def __init__(self) -> None:
        self._changes: dict[TopicPartition, list[tuple[int, int]]] = {}  # (first offset, epoch) in order of fetching

    def listen(self, client: AIOKafkaClient) -> None:
        """Notes what `client` fetches from now on."""
        send = client.send

        async def send_and_note(node_id: int, request: Any, **options: Any) -> Any:
            response = await send(node_id, request, **options)
            if isinstance(request, FetchRequest):
                for topic, partitions in response.topics:
                    for number, error_code, *_, records in partitions:
                        if not error_code and records:
                            self.note(TopicPartition(topic, number), records)
            return response

        client.send = send_and_note

    def note(self, tp: TopicPartition, records: bytes) -> None:
        """Takes a fetched run of the partition."""
        changes = self._changes.setdefault(tp, [])
        for offset, epoch in epochs_in(records):
            if not changes or changes[-1][1] != epoch:
                changes.append((offset, epoch))
        del changes[:-_REMEMBERED]

    def at(self, tp: TopicPartition, offset: int) -> int:
        """The epoch of the record at `offset`; `NO_EPOCH` when it is not known."""
        changes = self._changes.get(tp, ())
        return next((epoch for first, epoch in reversed(changes) if first <= offset), NO_EPOCH)
