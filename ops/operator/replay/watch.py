"""Looks at a replay while its workers read: how far, how fast, and the time of the log that it has reached."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Self

from aiokafka.structs import TopicPartition

from agents.retention.archive_files import PartitionFiles
from offline.replay.progress import Position, spread_of
from ops.group_progress import GroupProgress
from streams.kafka import clients
from streams.kafka.bulk_read import POLL_MS
from streams.kafka.caught_up import LogEnds
from streams.kafka.topics import Topics

_NOTHING: Mapping[int, PartitionFiles] = MappingProxyType({})


class ReplayWatch:
    """Use it as `async with ReplayWatch(bootstrap, topics) as watch`. `archived` precedes the log."""

    def __init__(self, bootstrap: str, topics: Topics, archived: Mapping[int, PartitionFiles] = _NOTHING) -> None:
        self._archived = archived
        self._bootstrap = bootstrap
        self._topics = topics
        self._open = AsyncExitStack()
        self._deltas: dict[int, int] | None = None  # their ends when they were first asked for
        self._ends = LogEnds()

    async def __aenter__(self) -> Self:
        self._progress = await self._open.enter_async_context(
            GroupProgress(self._bootstrap, self._topics.consumer_group)
        )
        self._reader = clients.consumer(
            self._bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1,  # one batch of each partition is enough: only a time is wanted
            fetch_max_wait_ms=POLL_MS,
        )
        await self._reader.start()
        self._open.push_async_callback(self._reader.stop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def begin(self) -> int:
        """The sum of the offsets at which the log begins, or the archive before it."""
        tps = [
            TopicPartition(self._topics.interactions, n) for n in await self._progress.ends(self._topics.interactions)
        ]
        begins: dict[TopicPartition, int] = await self._reader.beginning_offsets(tps)
        return sum(
            self._archived[tp.partition].begin if tp.partition in self._archived else begin
            for tp, begin in begins.items()
        )

    async def look(self) -> Position:
        """Where the version is now."""
        topic = self._topics.interactions
        ends = await self._progress.ends(topic)  # before the offsets: what is committed since is no end
        self._ends.note({TopicPartition(topic, number): end for number, end in ends.items()}, time.monotonic())
        committed = await self._progress.committed(topic)
        positions = {TopicPartition(topic, number): committed[number] for number in ends}
        in_archive = {number: files for number, files in self._archived.items() if committed[number] < files.end}
        behind = [
            TopicPartition(topic, number)
            for number, end in ends.items()
            if committed[number] < end and number not in in_archive
        ]
        first = await self._first_times(behind, committed)
        exhausted = {tp for tp in positions if tp not in first and tp.partition not in in_archive}
        caught_up = self._ends.caught_up(positions, exhausted, time.monotonic()) == positions.keys()
        times = [*(_day_ms(files, committed[number]) for number, files in in_archive.items()), *first.values()]
        watermark_ms = min(times, default=time.time_ns() // 1_000_000)
        spread = spread_of(await self._progress.times(topic), {tp.partition for tp in behind})
        return Position(
            time.monotonic(), sum(committed.values()), sum(ends.values()), watermark_ms, bool(times), caught_up, *spread
        )

    async def items_done(self) -> bool:
        """Whether all that was folded when this was first asked is learned and published by the item plane. What is
        folded since follows on an interval: in a log that goes on there is always some."""
        topic = self._topics.deltas
        if self._deltas is None:
            self._deltas = await self._progress.ends(topic)
        return not await self._progress.waiting(topic, await self._progress.committed(topic), self._deltas)

    async def _first_times(self, behind: list[TopicPartition], committed: dict[int, int]) -> dict[TopicPartition, int]:
        """Append times of the first record that waits in each partition; none where there are only markers."""
        if not behind:
            return {}
        self._reader.assign(behind)
        for tp in behind:
            self._reader.seek(tp, committed[tp.partition])
        ends, left = await self._reader.end_offsets(behind), set(behind)
        times: dict[TopicPartition, int] = {}
        while left:
            found = await self._reader.getmany(*left, timeout_ms=POLL_MS, max_records=len(left))
            times |= {tp: records[0].timestamp for tp, records in found.items()}
            left -= found.keys()
            left -= {tp for tp in left if await self._reader.position(tp) >= ends[tp]}
        return times


def _day_ms(files: PartitionFiles, position: int) -> int:
    """The beginning of the day that archived records from `position` on are of, ms since the epoch."""
    day = next(file.day for file in files.chain if position < file.end)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
