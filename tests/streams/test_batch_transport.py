"""What the consumer's thread says of a batch: whose it is, what it follows, and what it leaves alone.

The real thread over a client that answers what a test says; tests/agents and tests/stack have the real ones.
"""

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.kafka.batch_transport import FETCH_MAX_WAIT_MS, BatchConsumer, BatchConsumerThread
from streams.kafka.before_log import NothingBefore
from streams.kafka.leader_epochs import LeaderEpochs
from streams.kafka.log_position import LogMismatch, LogPosition
from streams.kafka.read_progress import ReadProgress

FIRST, SECOND = TP("log", 0), TP("log", 1)
NAMES = {"first": FIRST, "second": SECOND}


class Client:
    """Stands for the client library: positions move over what is fetched, as aiokafka's do."""

    def __init__(self) -> None:
        self.positions = {FIRST: 5, SECOND: 50}
        self.begins = {FIRST: 0, SECOND: 0}
        self.sought: list[tuple[TP, int]] = []
        self._coordinator = SimpleNamespace(generation=1)
        self._client = SimpleNamespace(send=None)
        states = SimpleNamespace(
            state_value=lambda tp: SimpleNamespace(position=self.positions[tp], has_valid_position=True)
        )
        self._subscription = SimpleNamespace(
            subscription=SimpleNamespace(assignment=states), reassignment_in_progress=False
        )
        self._fetcher = SimpleNamespace(_subscriptions=self)
        self._isolation_level, self._fetch_max_wait_ms = "read_uncommitted", 500

    @contextmanager
    def fetch_context(self) -> Any:
        yield

    @property
    def generation(self) -> int:
        return self._coordinator.generation

    @generation.setter
    def generation(self, number: int) -> None:
        self._coordinator.generation = number

    def assignment(self) -> set[TP]:
        return set(self.positions)

    def seek(self, tp: TP, position: int) -> None:
        self.sought.append((tp, position))
        self.positions[tp] = position

    async def beginning_offsets(self, _: Sequence[TP]) -> Mapping[TP, int]:
        return self.begins


class Thread:
    """A consumer thread that is run within the test's own, and what it told its owner."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.client = Client()
        self.fetched: dict[TP, list[int]] = {}
        self.asked: list[set[TP]] = []
        self.removed: list[tuple[TP, int, int]] = []
        self.changed: list[tuple[TP, LogPosition, LogMismatch]] = []
        self.paused: set[TP] = set()
        self.made = BatchConsumerThread.__new__(BatchConsumerThread)
        self.made._delivered, self.made._delivered_generation = {}, -1
        self.made._fetched_epochs, self.made._epochs = LeaderEpochs(), {}
        self.made._consumer = self.client
        self.made.consumer = SimpleNamespace(
            paused=lambda: self.paused,
            before_log=NothingBefore(),
            flow_active=True,
            reading=ReadProgress(),
            removed=lambda *what: self.removed.append(what),
            changed=lambda *what: self.changed.append(what),
        )
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", self._fetch)
        monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_create_worker_consumer", lambda *_: self.client)

    async def _fetch(self, _client: Any, active: set[TP], *_: Any) -> dict[TP, list[Any]]:
        self.asked.append(active)
        runs = {tp: offsets for tp, offsets in self.fetched.items() if tp in active and offsets}
        for tp, offsets in runs.items():
            self.client.positions[tp] = offsets[-1] + 1
        return {tp: [SimpleNamespace(offset=offset) for offset in offsets] for tp, offsets in runs.items()}

    async def goes_on(self, **offsets: int) -> None:
        """Partitions begin where their owner says."""
        await self.made._seek_all({NAMES[name]: LogPosition(offset) for name, offset in offsets.items()})

    async def poll(self, **runs: list[int]) -> dict[str, tuple[int, int, int]]:
        """Generation, what it follows and what comes next of each batch, by "first" and "second"."""
        self.fetched = {NAMES[name]: offsets for name, offsets in runs.items()}
        batches = await self.made._fetch_records(self.client, {FIRST, SECOND})
        said = {tp: (batch.generation, batch.follows, batch.next_offset) for tp, (batch,) in batches.items()}
        return {name: said[tp] for name, tp in NAMES.items() if tp in said}


@pytest.fixture
async def thread(monkeypatch: pytest.MonkeyPatch) -> Thread:
    made = Thread(monkeypatch)
    await made.goes_on(first=5, second=50)
    return made


async def test_batches_say_what_they_follow_over_offsets_that_hold_no_record(thread: Thread) -> None:
    assert await thread.poll(first=[5, 7]) == {"first": (1, 5, 8)}
    assert await thread.poll(first=[9], second=[50]) == {"first": (1, 8, 10), "second": (1, 50, 51)}


async def test_after_a_rebalance_nothing_is_handed_over_until_the_owner_says_where_it_goes_on(thread: Thread) -> None:
    assert await thread.poll(first=[5])
    thread.client.generation = 2
    assert await thread.poll(first=[6]) == {}
    await thread.goes_on(first=6)
    assert thread.client.positions[FIRST] == 6
    assert await thread.poll(first=[6]) == {"first": (2, 6, 7)}


async def test_a_partition_that_was_taken_away_meanwhile_is_not_sought(thread: Thread) -> None:
    del thread.client.positions[SECOND]
    thread.client.sought.clear()
    await thread.goes_on(first=5, second=50)
    assert thread.client.sought == [(FIRST, 5)]


async def test_paused_partitions_are_not_fetched(thread: Thread) -> None:
    thread.paused = {FIRST}
    assert await thread.poll(first=[5], second=[50]) == {"second": (1, 50, 51)}
    assert thread.asked == [{SECOND}]
    thread.paused = {FIRST, SECOND}
    assert await thread.poll(first=[5]) == {}
    assert thread.asked == [{SECOND}], "to the client nothing means everything"


async def test_what_holds_no_record_is_handed_over_as_read(thread: Thread) -> None:
    thread.client.positions[FIRST] = 9  # over markers and aborted records
    assert await thread.poll() == {"first": (1, 5, 9)}
    assert await thread.poll(first=[9]) == {"first": (1, 9, 10)}


async def test_a_log_that_was_cut_off_and_is_read_again_is_reported(thread: Thread) -> None:
    assert await thread.poll(first=[5, 6]) == {"first": (1, 5, 7)}
    await thread.poll(first=[6])
    assert [(tp, place.offset) for tp, place, _ in thread.changed] == [(FIRST, 7)]


async def test_records_that_retention_removed_are_reported(thread: Thread) -> None:
    thread.client.begins = {FIRST: 40, SECOND: 0}
    await thread.poll(first=[40], second=[55])  # the second one's gap is of markers and aborted records
    assert thread.removed == [(FIRST, 5, 40)]


def test_only_committed_records_are_read_and_soon(thread: Thread) -> None:
    client = thread.made._create_worker_consumer(None)  # type: ignore[arg-type]
    assert (client._isolation_level, client._fetch_max_wait_ms) == ("read_committed", FETCH_MAX_WAIT_MS)


async def test_the_consumer_itself_never_commits() -> None:
    assert await BatchConsumer.force_commit(None) is False  # type: ignore[arg-type]
