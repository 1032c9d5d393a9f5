"""How many bytes the rows of a table hold, from a sample of a changelog."""

from zlib import crc32

from aiokafka.structs import ConsumerRecord

from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end

MAX_KEYS = 50_000


class SampledTable:
    """The sizes of up to `max_keys` rows: those of a share of all keys that is halved whenever there are more."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._sizes: dict[bytes, int] = {}
        self._one_in = 1

    def put(self, key: bytes, value: bytes | None) -> None:
        """Takes one record of the changelog."""
        if crc32(key) % self._one_in:
            return
        if value is None:
            self._sizes.pop(key, None)
            return
        self._sizes[key] = len(key) + len(value)
        if len(self._sizes) > self._max_keys:
            self._one_in *= 2
            self._sizes = {kept: size for kept, size in self._sizes.items() if not crc32(kept) % self._one_in}

    def total_bytes(self) -> int:
        """Of keys and values of all rows, about."""
        return sum(self._sizes.values()) * self._one_in


async def table_bytes(bootstrap: str, changelog: str) -> int:
    """About how many bytes a table's rows are: those of its first partition, times partitions. Raises
    `TopicMissing`."""
    table = SampledTable()

    def apply(record: ConsumerRecord) -> None:
        table.put(record.key, record.value)

    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partitions_of(consumer, [changelog])
        await read_to_end(consumer, partitions[:1], apply, damaged=pass_over)
    return table.total_bytes() * len(partitions)
