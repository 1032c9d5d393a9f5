"""How far a sink is behind: by what the brokers hold, not by what it was told when it last read."""

from types import SimpleNamespace
from typing import Any

from aiokafka.structs import TopicPartition

from streams.sinks.owned_lanes import OwnedLanes

TP, OTHERS = TopicPartition("user.interactions", 0), TopicPartition("user.interactions", 1)


class Consumer:
    """One that read up to offset 5 when the log ended there, and reads nothing now."""

    def __init__(self) -> None:
        self.end = 5

    def assignment(self) -> set[TopicPartition]:
        return {TP, OTHERS}

    def highwater(self, _: TopicPartition) -> int:
        return 5

    async def position(self, _: TopicPartition) -> int:
        return 5

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)


async def test_the_lag_grows_while_a_sink_reads_nothing_since_its_store_stands_still() -> None:
    consumer: Any = Consumer()
    unused: Any = None
    owned = OwnedLanes(unused, unused, consumer, unused, 2, wants_served=False)
    lane: Any = SimpleNamespace(waiting=lambda _topic: 3)
    owned.lanes[TP.partition] = lane
    assert await owned.lag({TP: 2}) == {TP: 5}
    consumer.end = 200_005
    assert await owned.lag({TP: 2}) == {TP: 200_005}
