"""What is read of a group's offsets: how far its partitions are, and which have no record left."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents.replay import offsets_watch
from agents.replay.offsets_watch import FEW, OffsetsWatch
from agents.replay.phases import ItemsLearned, Looked, Phase
from ops.local_stack.ports import free_port
from streams.kafka.caught_up import CAUGHT_UP_MS
from streams.kafka.partition_times import PartitionTime, note_of
from streams.kafka.topics import Topics

TOPICS = Topics(version="v2")
TP = TopicPartition(TOPICS.interactions, 0)
TIME = PartitionTime(1_700_000_000_000, 1_700_000_000_500)


class Log:
    """One partition from `begin` to `end`, with records at `records`: a reader of it, and the group's offset in it."""

    def __init__(self, begin: int, end: int, records: Iterable[int], committed: int | None) -> None:
        self.begin, self.end, self.records = begin, end, sorted(records)
        self.committed = committed
        self.at = begin

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.begin)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.end)

    async def list_consumer_group_offsets(self, group: str, partitions: list[TopicPartition]) -> dict[Any, Any]:
        assert group == TOPICS.consumer_group
        known = self.committed is not None
        return {tp: OffsetAndMetadata(self.committed, note_of(TIME)) for tp in partitions if known}

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert partitions == [TP]

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at = max(offset, self.begin)

    async def position(self, tp: TopicPartition) -> int:
        return self.at

    async def getmany(
        self, *pending: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[int]]:
        found = next((offset for offset in self.records if offset >= self.at), None)
        self.at = self.end if found is None else found + 1
        return {} if found is None else {TP: [found]}


class Told:
    """In the place of a coordinator: what it is told."""

    def __init__(self) -> None:
        self.seen: Any = None

    def observe(self, seen: Any) -> None:
        assert isinstance(seen, Looked)
        self.seen = seen


async def never(_ends: Mapping[TopicPartition, int]) -> bool:
    return False


async def look(log: Log, *, archive: bool = False) -> Any:
    told: Any = Told()
    servers: Any = log
    watch = OffsetsWatch("nowhere", TOPICS, told, lambda: archive, never)
    await watch._look(servers, servers, {TP: log.begin})
    return told.seen


@pytest.mark.parametrize(
    ("log", "is_done"),
    [
        (Log(0, 10_000, range(10_000), 10_000), True),
        (Log(0, 10_000, range(10_000), 9_999), False),
        (Log(0, 10_000, range(10_000), 10_000 - 2 * FEW), False),
        (Log(0, 10_000, range(9_990), 9_990), True),  # only markers are left
        (Log(0, 10_000, range(9_991), 9_990), False),
        (Log(0, 0, (), None), True),
        (Log(0, 5, range(5), None), False),
        (Log(700, 700, (), None), True),  # retention took everything
    ],
)
async def test_a_partition_is_done_when_no_record_is_left(log: Log, is_done: bool) -> None:
    assert (await look(log)).exhausted == ({0} if is_done else set())


async def test_what_an_archive_holds_is_left_too() -> None:
    assert (await look(Log(700, 700, (), None), archive=True)).exhausted == set()
    assert (await look(Log(700, 700, (), 700), archive=True)).exhausted == {0}


async def test_times_come_with_the_offsets() -> None:
    assert (await look(Log(0, 9, range(9), 3))).times == {0: TIME}
    assert (await look(Log(0, 9, range(9), None))).times == {}


class Looks:
    """One watch that looks at a log again and again; its clock is set by hand."""

    def __init__(self, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log, self.now_s = log, 0.0
        self.told: Any = Told()
        self.watch = OffsetsWatch("nowhere", TOPICS, self.told, lambda: False, never)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now_s)

    async def arrived(self, committed: int, end: int) -> bool:
        self.log.committed, self.log.end, self.log.records = committed, end, list(range(end))
        servers: Any = self.log
        await self.watch._look(servers, servers, {TP: 0})
        return bool(self.told.seen.caught_up)


async def test_a_partition_arrives_at_its_end_or_where_that_was_a_moment_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(Log(0, 0, (), None), monkeypatch)
    assert not await looks.arrived(committed=0, end=100)
    looks.now_s += 1
    assert not await looks.arrived(committed=99, end=150), "silence and the age of records are not asked"
    looks.now_s += 1
    assert await looks.arrived(committed=100, end=200), "events come in"
    looks.now_s += CAUGHT_UP_MS / 1000
    assert not await looks.arrived(committed=150, end=1_000_000), "it was there too long ago"
    assert await looks.arrived(committed=1_000_000, end=1_000_000)


async def test_a_look_that_took_long_says_nothing_of_who_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(Log(0, 0, (), None), monkeypatch)
    offsets = looks.log.list_consumer_group_offsets

    async def slowly(group: str, partitions: list[TopicPartition]) -> dict[Any, Any]:
        looks.now_s += CAUGHT_UP_MS / 1000 + 1
        return await offsets(group, partitions)

    monkeypatch.setattr(looks.log, "list_consumer_group_offsets", slowly)
    assert not await looks.arrived(committed=100, end=100)


class Settling:
    """A version whose partitions are together: each look ends with what `between` does, by its number."""

    def __init__(self, log: Log, between: Mapping[int, Callable[["Settling"], None]]) -> None:
        self.log, self.looks, self.between = log, 0, between
        self.behind = False
        self.settled = False
        self.followed = False
        self.paused: set[TopicPartition] = set()

    @property
    def phase(self) -> Phase:
        if self.looks > 9:
            raise TimeoutError
        self.between.get(self.looks, lambda _: None)(self)
        self.looks += 1
        if self.behind:
            return Phase.CATCHING_UP
        return Phase.LIVE if self.settled else Phase.SETTLING

    def observe(self, seen: Any) -> None:
        assert isinstance(seen, ItemsLearned)
        self.settled = True

    def is_paused(self, partition: TopicPartition) -> bool:
        return partition in self.paused

    async def settles_after(self, monkeypatch: pytest.MonkeyPatch) -> int | None:
        """The number of looks; None when it went back to look for partitions that are apart."""

        async def partitions_of(_reader: Any, topics: list[str]) -> list[TopicPartition]:
            assert topics in ([TOPICS.deltas], [TOPICS.item_model])
            return [TP]

        async def followed(ends: Mapping[TopicPartition, int]) -> bool:
            assert ends == {TP: self.log.end}
            return self.followed

        monkeypatch.setattr(offsets_watch, "partitions_of", partitions_of)
        monkeypatch.setattr(offsets_watch, "SETTLING_POLL_S", 0.0)
        servers: Any = self.log
        coordinator: Any = self
        await OffsetsWatch("nowhere", TOPICS, coordinator, lambda: False, followed)._settle(servers, servers)
        return self.looks if self.settled else None


def learned(world: Settling) -> None:
    world.log.committed = 9


def follows(world: Settling) -> None:
    world.followed = True


def falls_behind(world: Settling) -> None:
    world.behind = True


async def test_it_is_settled_once_items_learned_everything_and_the_process_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log(0, 10, range(9), 3)
    assert await Settling(log, {2: learned, 4: follows}).settles_after(monkeypatch) == 5
    log.committed = 3
    with pytest.raises(TimeoutError):
        await Settling(log, {0: follows}).settles_after(monkeypatch)


async def test_it_looks_at_the_log_again_when_it_falls_behind_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await Settling(Log(0, 10, range(9), 3), {2: falls_behind}).settles_after(monkeypatch) is None


async def test_lists_do_not_wait_for_items_that_an_operator_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Settling(Log(0, 10, range(9), 3), {0: follows})
    world.paused = {TP}
    assert await world.settles_after(monkeypatch) == 1


async def test_without_a_broker_it_goes_on_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    class Coordinator:
        @property
        def phase(self) -> Phase:
            nonlocal asked
            asked += 1
            if asked > 2:
                raise ZeroDivisionError  # enough
            return Phase.CATCHING_UP

    monkeypatch.setattr(offsets_watch, "LOOK_S", 0.0)
    coordinator: Any = Coordinator()
    with pytest.raises(ZeroDivisionError):
        await OffsetsWatch(f"127.0.0.1:{free_port()}", TOPICS, coordinator, lambda: False, never).run()
    assert asked == 3
