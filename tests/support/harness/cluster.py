"""Real `freshet worker` processes on a real Kafka and Valkey, and what they made of the log."""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiokafka.structs import ConsumerRecord

from agents.delivery.table import POSITION_KEY
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers
from harness.traffic import Traffic, catalogue
from harness.watch import GroupWatch, live_load
from ops.accounting import Account, read_account
from ops.group_progress import GroupProgress
from ops.local_stack.stack import LocalStack
from serving.item_card import ItemCard
from serving.joined_list import read_cards, read_list
from serving.keys import Keys
from serving.list_format import Prefix, read_prefix
from serving.redis_address import is_cluster
from serving.redis_clients import connect
from streams.contract.dead_letters import DeadLetter
from streams.contract.partitioning import partition_of
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics
from tables.item_keys import key_of
from tables.item_rows import BUCKET, COUNTS

PARTITIONS = 4
#: Small batches, and not many of them in one: a load of some thousand events is hundreds of transactions to be
#: interrupted.
BATCH_MAX_RECORDS = 100
COMMIT_INTERVAL_S, COMMIT_MAX_RECORDS = 0.1, 200
#: A machine that is slow because it runs tests is not overloaded: nothing that they count is left out.
OVERLOAD_AFTER_S = 60.0
#: A transaction follows the other at such a pace already; each event costs every version that a test compares.
LOAD_PER_S = 100
LOAD_EVERY_S = 0.1

#: Values by (partition, key): every partition has rows of its own, some under the same key.
Rows = dict[tuple[int, bytes], bytes]


@dataclass(frozen=True)
class StackConfig:
    """One log: the servers, the namespace, and a folder for what processes leave behind."""

    bootstrap: str
    redis_url: str
    namespace: str
    folder: Path

    def topics(self, version: str) -> Topics:
        """Names under a model version."""
        return Topics(self.namespace, version)

    def environment(self, version: str) -> dict[str, str]:
        """FRESHET_* of a process."""
        return {
            "FRESHET_NAMESPACE": self.namespace,
            "FRESHET_MODEL_VERSION": version,
            "FRESHET_KAFKA_BOOTSTRAP": self.bootstrap,
            "FRESHET_REDIS_URL": self.redis_url,
            "FRESHET_STATE_DIR": str(self.folder),
            "FRESHET_PARTITIONS": str(PARTITIONS),
            "FRESHET_BATCH_MAX_RECORDS": str(BATCH_MAX_RECORDS),
            "FRESHET_COMMIT_INTERVAL_S": str(COMMIT_INTERVAL_S),
            "FRESHET_COMMIT_MAX_RECORDS": str(COMMIT_MAX_RECORDS),
            "FRESHET_OVERLOAD_AFTER_S": str(OVERLOAD_AFTER_S),
            "FRESHET_LIST_SIZE": "20",
        }

    def worker(self, name: str, version: str) -> WorkerProcess:
        """A started `freshet worker`."""
        return WorkerProcess(name, [str(FRESHET), "worker"], self.environment(version), self.folder)


class Cluster:
    """The workers of one model version over a log that other versions may read too."""

    def __init__(self, place: StackConfig, version: str) -> None:
        self.place = place
        self.version = version
        self.topics = place.topics(version)
        self.keys = Keys(place.namespace, version, is_cluster(place.redis_url))
        self.workers = Workers()
        self._traffic = Traffic(self.topics.interactions, seed=secrets.randbits(30))

    async def __aenter__(self) -> Self:
        ensure_topics(self.place.bootstrap, self.topics, PARTITIONS, replication=1, timeout_s=30)
        self.producer = await Producer(self.place.bootstrap).__aenter__()
        self.progress = await GroupProgress(self.place.bootstrap, self.topics.consumer_group).__aenter__()
        self.group = GroupWatch(self.progress, self.topics.interactions, self.workers)
        self.redis = connect(self.place.redis_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.workers.end()
        self.redis.close()
        await self.progress.__aexit__(None, None, None)
        await self.producer.__aexit__(None, None, None)

    # -- doing ----------------------------------------------------------------------------------------------------

    def start_worker(self, name: str) -> WorkerProcess:
        """A started worker, ended with the cluster at the latest."""
        return self.workers.add(self.place.worker(f"{self.version}-{name}", self.version))

    async def publish(self, records: Iterable[OutgoingRecord]) -> int:
        """Returns when all are acknowledged."""
        return await self.producer.publish_all(records)

    async def publish_one(self, record: OutgoingRecord) -> Acknowledgement:
        """Where the log holds the record."""
        return await self.producer.publish(record)

    async def publish_traffic(self, count: int) -> None:
        """Some random events, a few of them duplicates, late or unusable."""
        await self.publish(self._traffic.records(count))

    def load(self, per_s: int = LOAD_PER_S) -> AbstractAsyncContextManager[None]:
        """Random events at a live pace for as long as the body runs."""
        return live_load(self.publish_traffic, per_s, round(per_s * LOAD_EVERY_S))

    async def wait_until_caught_up(self) -> None:
        """Until every event is folded and everything that follows from it is published and can be read: offsets of a
        transaction may become visible before its rows."""
        await self.group.caught_up([self.topics.interactions, self.topics.deltas])
        topics = self.topics
        written = [topics.user_changelog, topics.item_model, topics.dead_letters]
        written += [topics.ranker_examples, topics.judged_events, topics.predictions]
        await eventually("the last transactions end", lambda: self.progress.readable(written))

    # -- seeing ---------------------------------------------------------------------------------------------------

    async def account(self) -> Account:
        """Where every published record went."""
        return await read_account(self.place.bootstrap, self.topics)

    async def user_rows(self) -> Rows:
        """The user plane's whole state."""
        rows = await self._rows(self.topics.user_changelog)
        return {place: value for place, value in rows.items() if place[1] != POSITION_KEY}

    async def item_counts(self) -> Rows:
        """The integer rows of the item plane: counts and trending buckets."""
        rows = await self._rows(self.topics.item_model)
        return {place: value for place, value in rows.items() if place[1][:1] in (BUCKET, COUNTS)}

    async def _rows(self, changelog: str) -> Rows:
        last: dict[tuple[int, bytes], bytes | None] = {}

        def apply(record: ConsumerRecord) -> None:
            last[record.partition, record.key] = record.value

        await read_topics(self.place.bootstrap, [changelog], apply, pass_over)
        return {place: value for place, value in last.items() if value is not None}

    async def dead_letters(self) -> list[DeadLetter]:
        """All dead letters of the log, redeliveries and those of other versions included."""
        dead_letters: list[DeadLetter] = []
        await read_topics(
            self.place.bootstrap,
            [self.topics.dead_letters],
            lambda record: dead_letters.append(DeadLetter.from_record(record.key, record.value, record.headers)),
        )
        return dead_letters

    def list_bytes(self, user: str) -> bytes | None:
        """The user's ready list."""
        key = self.keys.at(partition_of(user.encode(), PARTITIONS), self.keys.user_list(user))
        value = self.redis.get(key)
        assert value is None or isinstance(value, bytes)
        return value

    def listed(self, value: bytes) -> dict[str, Any]:
        """A list as its readers see it: with what the cards in Redis say of its items, and without those of no card."""
        body = read_list(self.redis, self.keys, value)
        return body | {"recommendations": [entry for entry in body["recommendations"] if "item_id" in entry]}

    def card(self, item_id: str) -> ItemCard | None:
        """What answers say of an item, and whom they show it to."""
        key = key_of(item_id)
        return read_cards(self.redis, self.keys, [key]).get(key)

    def list_prefix(self, user: str) -> Prefix | None:
        """The fixed part of the user's list: what it reflects and when it was made."""
        value = self.list_bytes(user)
        return None if value is None else read_prefix(value)


async def assert_equal_state(disturbed: Cluster, undisturbed: Cluster) -> None:
    """Every record is accounted for, and rows and counts are those of the undisturbed run, byte for byte."""
    for cluster in (disturbed, undisturbed):
        await cluster.wait_until_caught_up()
    account = await disturbed.account()
    assert account.unaccounted == 0, account
    assert account.folded > 0
    _assert_same("user rows", await disturbed.user_rows(), await undisturbed.user_rows())
    _assert_same("item counts", await disturbed.item_counts(), await undisturbed.item_counts())


@asynccontextmanager
async def own_namespace(stack: LocalStack, redis_db: int, folder: Path) -> AsyncIterator[Cluster]:
    """A namespace that nothing else reads, with a catalogue, and a database of Valkey that nobody else writes
    meanwhile; both are removed afterwards."""
    redis_url = stack.redis_url.rpartition("/")[0] + f"/{redis_db}"
    place = StackConfig(stack.bootstrap, redis_url, f"test-{secrets.token_hex(4)}", folder)
    async with Cluster(place, "v1") as made:
        await made.publish(catalogue(made.topics.catalog))
        yield made
        made.redis.flushdb()
    delete_namespace(stack.bootstrap, place.namespace)


def _assert_same(what: str, found: Rows, wanted: Rows) -> None:
    assert wanted, f"there are no {what} to compare with"
    wrong = sorted(place for place in found.keys() | wanted.keys() if found.get(place) != wanted.get(place))
    if wrong:
        place = wrong[0]
        raise AssertionError(
            f"{len(wrong)} of {len(wanted)} {what} differ; {place!r} is {found.get(place)!r}, not {wanted.get(place)!r}"
        )
