"""The delivery engine alone, with processes that are killed, stopped and poisoned: counts are exact every time.

The step of these workers counts records and has no guard against repeats, so anything lost or delivered twice shows.
"""

import asyncio
import random
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiokafka.structs import ConsumerRecord
from harness.polling import eventually
from harness.processes import WorkerProcess, Workers
from harness.watch import GroupWatch, live_load

from agents.delivery.process_exit import EXIT_FENCED, EXIT_UNEXPECTED
from agents.delivery.table import POSITION_KEY
from ops.accounting import read_rows
from ops.group_progress import GroupProgress
from ops.local_stack.stack import LocalStack
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import read_topics
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

PARTITIONS = 4
USERS = 500
CHUNK = 50
#: Records a second that a live load publishes at most; workers do ten times that.
LOAD_PER_S = 1_000
BACKLOG = 20_000


class Engine:
    """One namespace, its counting workers, and what their rows must say: key to [records, sum of offsets]."""

    def __init__(self, stack: LocalStack, topics: Topics, workers: Workers, folder: Path) -> None:
        self.bootstrap = stack.bootstrap
        self.topics = topics
        self.workers = workers
        self.expected: defaultdict[bytes, list[int]] = defaultdict(lambda: [0, 0])
        self._folder = folder
        self._random = random.Random(1)

    async def __aenter__(self) -> "Engine":
        self._producer = await Producer(self.bootstrap).__aenter__()
        self.progress = await GroupProgress(self.bootstrap, self.topics.consumer_group).__aenter__()
        self.group = GroupWatch(self.progress, self.topics.interactions, self.workers)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.progress.__aexit__(None, None, None)
        await self._producer.__aexit__(None, None, None)

    def start_worker(self, name: str) -> WorkerProcess:
        script = Path(__file__).with_name("counting_worker.py")
        arguments = [self.bootstrap, self.topics.namespace, str(PARTITIONS), str(self._folder / name)]
        return self.workers.add(WorkerProcess(name, [str(script), *arguments], {}, self._folder))

    async def publish(self, count: int) -> None:
        keys = [b"user%d" % self._random.randrange(USERS) for _ in range(count)]
        await self._producer.publish_all(
            (OutgoingRecord(self.topics.interactions, key, b"x") for key in keys), self._expect
        )

    def _expect(self, record: OutgoingRecord, acknowledgement: object) -> None:
        count = self.expected[record.key or b""]
        count[0] += 1
        count[1] += acknowledgement.offset  # type: ignore[attr-defined]

    async def publish_poison(self, value: bytes) -> tuple[str, int, int]:
        where = await self._producer.publish(OutgoingRecord(self.topics.interactions, b"user1", value))
        return where.topic, where.partition, where.offset

    def load(self) -> AbstractAsyncContextManager[None]:
        """Publishes at a live pace for as long as the body runs."""
        return live_load(self.publish, LOAD_PER_S, CHUNK)

    async def assert_exact(self) -> None:
        await self.group.caught_up([self.topics.interactions])
        written = [self.topics.user_changelog, self.topics.dead_letters]  # maybe visible later than their offsets
        await eventually("the last transactions end", lambda: self.progress.readable(written))
        rows = await read_rows(self.bootstrap, self.topics.user_changelog)
        found = {key: msgspec.json.decode(value) for key, value in rows.items() if key != POSITION_KEY}
        assert found == self.expected


Scenarios = dict[Callable[[Engine], Awaitable[None]], asyncio.Task[None]]


async def _either_worker_is_killed(engine: Engine) -> None:
    first, second = engine.start_worker("first"), engine.start_worker("second")
    async with engine.load():
        await engine.group.members_are(2)
        await engine.group.all_partitions_move()
        second.kill()
        await engine.group.members_are(1)
        await engine.group.all_partitions_move()
        engine.start_worker("third")
        await engine.group.members_are(2)
        await engine.group.all_partitions_move()
        first.kill()
        await engine.group.all_partitions_move()
    await engine.assert_exact()


async def _a_worker_sleeps_and_its_next_owner_is_killed(engine: Engine) -> None:
    zombie, next_owner = engine.start_worker("sleeper"), engine.start_worker("next-owner")
    async with engine.load():
        await engine.group.members_are(2)
        # A backlog, so that the zombie is stopped with a batch in hand and not while it waits for one.
        backlog = asyncio.create_task(engine.publish(BACKLOG))
        await engine.group.all_partitions_move()
        zombie.freeze()
        await backlog
        await engine.group.members_are(1)
        await engine.group.all_partitions_move()
        zombie.thaw()
        next_owner.kill()
        await engine.group.all_partitions_move()
    await engine.assert_exact()
    assert set(zombie.exits) <= {EXIT_FENCED}


async def _a_worker_is_asked_to_end(engine: Engine) -> None:
    leaver, _ = engine.start_worker("leaver"), engine.start_worker("stayer")
    async with engine.load():
        await engine.group.members_are(2)
        await engine.group.all_partitions_move()
        assert await leaver.terminate() == 0
        await engine.group.all_partitions_move()
        engine.start_worker("newcomer")
        await engine.group.members_are(2)
        await engine.group.all_partitions_move()
    await engine.assert_exact()


async def _a_record_ends_workers(engine: Engine) -> None:
    await engine.publish(1_000)
    poison = await engine.publish_poison(b"POISON")
    await engine.publish(1_000)
    worker = engine.start_worker("worker")

    await engine.assert_exact()

    dead_letters: list[DeadLetter] = []

    def apply(record: ConsumerRecord) -> None:
        dead_letters.append(DeadLetter.from_record(record.key, record.value, record.headers))

    await read_topics(engine.bootstrap, [engine.topics.dead_letters], apply)
    assert [(dead_letter.coordinates, dead_letter.reason, dead_letter.value) for dead_letter in dead_letters] == [
        (poison, Reason.FOLD_FAILED, b"POISON")
    ]
    assert set(worker.exits) == {EXIT_UNEXPECTED}
    assert len(worker.exits) <= 3, "see agents/delivery/crash_marks.py"


@asynccontextmanager
async def new_engine(stack: LocalStack, folder: Path) -> AsyncIterator[Engine]:
    topics = Topics(f"test-{secrets.token_hex(4)}")
    ensure_topics(stack.bootstrap, topics, PARTITIONS, replication=1, timeout_s=30)
    workers = Workers()
    try:
        async with Engine(stack, topics, workers, folder) as engine:
            yield engine
    finally:
        workers.end()
        delete_namespace(stack.bootstrap, topics.namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenarios(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scenarios]:
    """All scenarios, running side by side: most of their time is waiting for sessions to time out."""
    async with AsyncExitStack() as engines:
        running: Scenarios = {}
        for scenario in (
            _either_worker_is_killed,
            _a_worker_sleeps_and_its_next_owner_is_killed,
            _a_worker_is_asked_to_end,
            _a_record_ends_workers,
        ):
            folder = tmp_path_factory.mktemp(scenario.__name__.strip("_"))
            engine = await engines.enter_async_context(new_engine(stack, folder))
            running[scenario] = asyncio.create_task(scenario(engine))
        yield running
        await asyncio.gather(*running.values(), return_exceptions=True)


async def test_kill_9_of_either_worker_in_mid_load(scenarios: Scenarios) -> None:
    await scenarios[_either_worker_is_killed]


async def test_a_worker_that_slept_through_its_session_is_fenced_and_its_next_owner_killed(
    scenarios: Scenarios,
) -> None:
    await scenarios[_a_worker_sleeps_and_its_next_owner_is_killed]


async def test_sigterm_hands_over_what_is_folded(scenarios: Scenarios) -> None:
    await scenarios[_a_worker_is_asked_to_end]


async def test_a_record_that_ends_workers_becomes_a_dead_letter(scenarios: Scenarios) -> None:
    await scenarios[_a_record_ends_workers]
