"""One record never stops a system: every door at once, with records that no decent client writes, on real servers."""

import asyncio
import gzip
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cramjam
import msgspec
import orjson
import pytest
import redis
from aiokafka.codec import lz4_encode, snappy_encode
from harness import commands
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.polling import eventually
from harness.traffic import catalogue
from hostile.raw_batches import RawProducer, RawRecord, batch, body_of, packed_batch, record_bytes

from agents.delivery.table import POSITION_KEY
from ops.local_stack.stack import LocalStack
from ops.operator.inspect.lag import read_workers
from serving.registry import Switch
from streams.contract.dead_letters import DeadLetter
from streams.contract.partitioning import partition_of
from streams.contract.reasons import Reason
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace
from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD
from tables import user_keys
from tables.item_rows import ASSOCIATIONS, COUNTS, LEARNED, MODEL_WATERMARK

pytestmark = pytest.mark.stack

DATABASE = 12
SECRET = "0123456789abcdef0123456789abcdef"
USERS = [f"user-{number}" for number in range(40)]
LIMIT_BYTES = 8 * 1024 * 1024
#: A worker at rest has some 250 MB; what all the bombs below hold is 1.3 GB.
RESIDENT_LIMIT_KB = 700 * 1024
#: What a producer may send at once (message.max.bytes), with some room for the batch's header.
PACKED_BYTES = 1_000_000


@dataclass(frozen=True)
class HostilePlace(StackConfig):
    """A log whose worker keeps hashed ids, unpacks little, and has an archive."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {
            "FRESHET_USER_ID_SECRET": SECRET,
            "FRESHET_MAX_BATCH_BYTES": str(LIMIT_BYTES),
            "FRESHET_STORAGE_URL": str(self.folder / "storage"),
        }


@pytest.fixture
async def cluster(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Cluster]:
    namespace = f"test-{secrets.token_hex(4)}"
    redis_url = stack.redis_url.rpartition("/")[0] + f"/{DATABASE}"
    async with Cluster(HostilePlace(stack.bootstrap, redis_url, namespace, tmp_path), "v1") as made:
        yield made
    await asyncio.to_thread(delete_namespace, stack.bootstrap, namespace)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


def view(user: str) -> bytes:
    event = {"event_type": "view", "user_id": user, "item_id": "i1", "timestamp": time.time_ns() // 1_000_000}
    return orjson.dumps(event | {"event_id": secrets.token_hex(8)})


def good_events(cluster: Cluster) -> Iterator[OutgoingRecord]:
    for user in USERS:
        yield OutgoingRecord(cluster.topics.interactions, user.encode(), view(user))


def followed(cluster: Cluster) -> dict[str, list[tuple[bytes | None, bytes | None, Reason]]]:
    """By topic: key, value and the reason why it is refused."""
    topics, failed = cluster.topics, Reason.FOLD_FAILED
    return {
        topics.catalog: [
            (b"i1", b'{"available_until":99999999999999999999}', Reason.OUT_OF_RANGE),
            (b"i2", b'{"available_from":-99999999999999999999}', Reason.OUT_OF_RANGE),
            (b"i3", b'{"released_at":99999999999999999999}', Reason.OUT_OF_RANGE),
            (b"i4", b"\xff", Reason.NOT_JSON),
            (b"\xff", b"{}", Reason.KEY_MISMATCH),
        ],
        topics.profiles: [
            (b"user-1", b'{"created_at":99999999999999999999}', Reason.OUT_OF_RANGE),
            (b"user-2", b'{"country":"Nowhere"}', Reason.OUT_OF_RANGE),
            (b"user-3", b"[" * 60_000, Reason.TOO_DEEP),
        ],
        topics.erasure: [
            (b"user-4", b"nonsense", Reason.WRONG_TYPE),
            (b"user-5", b'{"user_id":"user-5","erased_at_ms":1e999}', Reason.WRONG_TYPE),
            (b"\xff", b"nonsense", Reason.KEY_MISMATCH),
        ],
        topics.controls: [(b"pause:v1:user.interactions:" + b"9" * 5_000, b"{}", Reason.OUT_OF_RANGE)],
        topics.experiments: [
            (b"a", b"nonsense", Reason.NOT_JSON),
            (b"a", b'{"experiment_id":5}', Reason.WRONG_TYPE),
            (b"a", None, Reason.NOT_JSON),
        ],
        topics.rules: [(b"a", b"nonsense", Reason.NOT_JSON), (b"a", b'{"rule_id":5}', Reason.WRONG_TYPE)],
        topics.versions: [
            (b"switch:000000000002", b"nonsense", Reason.WRONG_TYPE),
            (b"version:v1", b"nonsense", Reason.WRONG_TYPE),
            (b"figures:v1", b"[]", Reason.WRONG_TYPE),
            (*Switch(3, "promote", {"v1": 7}, "who", 1).record(), Reason.OUT_OF_RANGE),
        ],
        topics.item_model: [(COUNTS + b"unused", b"nonsense", failed), (MODEL_WATERMARK, b"nonsense", failed)],
        topics.ranker_weights: [(b"ranker", b"nonsense", failed)],
        topics.deltas: [(b"0", b"nonsense", failed), (None, b"\x9b\x02", failed), (b"1", b"\x9b\xff" * 20, failed)],
        topics.ranker_examples: [(b"0", b"nonsense", failed)],
    }


def bombs() -> Iterator[tuple[bytes, int]]:
    """Batches that unpack to more than the limit, and how many records they have."""
    zeros = [RawRecord(b"bomb", bytes(990_000_000))]
    yield packed_batch(bytes(cramjam.zstd.compress(body_of(zeros))), ZSTD, 1), 1
    some = body_of([RawRecord(b"bomb", bytes(4 * LIMIT_BYTES))] * 3)
    yield packed_batch(gzip.compress(some), GZIP, 3), 3
    yield packed_batch(lz4_encode(some), LZ4, 3), 3
    small = body_of([RawRecord(b"bomb", bytes(LIMIT_BYTES + 1))])
    yield packed_batch(snappy_encode(small), SNAPPY, 1), 1


def own_headers() -> Iterator[RawRecord]:
    for number, text in enumerate((None, b"9" * 5_000, b"-5", "\u0665".encode(), b"\xff", b"")):
        user = USERS[number]
        yield RawRecord(user.encode(), view(user), [(b"freshet.original_append_time_ms", text)])
    yield RawRecord(b"user-9", view("user-9"), [(b"freshet.redriven", b"\xff")])
    yield RawRecord(b"user-9", view("user-9"), [(b"\xff\xfe", b"x")])
    yield RawRecord(b"user-9", b"{", [(b"freshet.original_append_time_ms", None)])


async def freshet(cluster: Cluster, *arguments: str) -> tuple[int, str, str]:
    place = cluster.place
    done = await commands.freshet(*arguments, "--json", environment=place.environment("v1"), folder=place.folder)
    return done.returncode, done.stdout, done.stderr


async def send_everything(cluster: Cluster) -> dict[tuple[str, int, int], Reason]:
    """Publishes it, and says which places must have which letter."""
    expected: dict[tuple[str, int, int], Reason] = {}
    for topic, refused in followed(cluster).items():
        for key, value, reason in refused:
            where = await cluster.publish_one(OutgoingRecord(topic, key, value, 0))
            expected[where.topic, where.partition, where.offset] = reason
    await cluster.publish_one(
        OutgoingRecord(cluster.topics.profiles, b"user-7", b'{"kids":true,"ignored":1e999,"more":[[1e400]]}')
    )
    interactions = cluster.topics.interactions
    async with RawProducer(cluster.place.bootstrap) as raw:
        for record in own_headers():
            partition = partition_of(record.key or b"", PARTITIONS)
            offset = await raw.append(interactions, partition, batch([record], ZSTD, time.time_ns() // 1_000_000))
            expected[interactions, partition, offset] = Reason.BAD_HEADER
        # A batch whose records say other offsets than theirs, which brokers only notice when it is compressed.
        said = b"".join(record_bytes(RawRecord(b"user-0", view("user-0")), delta) for delta in (0, 40, 1))
        partition = partition_of(b"user-0", PARTITIONS)
        offset = await raw.append(interactions, partition, packed_batch(said, NONE, 3, time.time_ns() // 1_000_000))
        expected |= {(interactions, partition, offset + place): Reason.DAMAGED for place in (1, 2)}
        for number, (made, count) in enumerate(bombs()):
            assert len(made) < PACKED_BYTES
            partition = number % PARTITIONS
            offset = await raw.append(interactions, partition, made)
            expected |= {(interactions, partition, offset + place): Reason.TOO_LARGE for place in range(count)}
            await raw.append(cluster.topics.catalog, partition, made)
        # Names of headers mean nothing where a topic is followed: the record is used, and reported.
        named = RawRecord(b"i9", b'{"title":"Nine"}', [(b"\xff", None)])
        offset = await raw.append(cluster.topics.catalog, 1, batch([named], GZIP, time.time_ns() // 1_000_000))
        expected[cluster.topics.catalog, 1, offset] = Reason.BAD_HEADER
    return expected


def peak_kb(pid: int) -> int:
    """The most memory that a process ever had."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


async def counts_refused(cluster: Cluster, pid: int) -> bool:
    """Of this worker: the heartbeat of a former one lasts for seconds."""
    beats = read_workers(cluster.place.redis_url, cluster.keys) or []
    return any(beat["pid"] == pid and beat["records_refused"] >= 20 for beat in beats)


async def dead_letters(cluster: Cluster) -> dict[tuple[str, int, int], DeadLetter]:
    return {dead_letter.coordinates: dead_letter for dead_letter in await cluster.dead_letters()}


async def test_no_record_of_any_topic_ends_a_worker(cluster: Cluster) -> None:
    await cluster.publish(catalogue(cluster.topics.catalog))
    await cluster.publish(good_events(cluster))
    expected = await send_everything(cluster)
    await cluster.publish(good_events(cluster))

    for name in ("first", "second"):  # what stays in compacted topics is met at every start
        worker = cluster.start_worker(name)
        await cluster.publish(good_events(cluster))
        await cluster.wait_until_caught_up()

        async def all_letters_are_there() -> bool:
            cluster.workers.tend()
            return expected.keys() <= (await dead_letters(cluster)).keys()

        await eventually("every record that cannot be used has its letter", all_letters_are_there)
        assert worker.exits == [], worker.log_text[-4_000:]
        assert peak_kb(worker.pid) < RESIDENT_LIMIT_KB
        await eventually("its heartbeat counts what was refused", partial(counts_refused, cluster, worker.pid))
        print(f"{name}: {peak_kb(worker.pid) / 1024:.0f} MiB at most")
        if name == "first":
            assert await worker.terminate() == 0

    found = await dead_letters(cluster)
    assert {place: found[place].reason for place in expected} == expected
    in_catalogue = [dead_letter for dead_letter in found.values() if dead_letter.topic == cluster.topics.catalog]
    assert sum(dead_letter.reason is Reason.TOO_LARGE for dead_letter in in_catalogue) == sum(
        count for _, count in bombs()
    )
    account = await cluster.account()
    assert (account.unaccounted, account.folded) == (0, 4 * len(USERS) + 1), account
    assert found[cluster.topics.catalog, 0, first_refused(expected, cluster.topics.catalog)].value is not None

    for command in (
        ["lag"],
        ["dlq", "list", "--topic", "catalog.items"],
        ["dlq", "redrive", "--dry-run"],
        ["archive"],
        ["erase", "user-8"],
        ["versions"],
        ["inspect", "user", "user-7"],
        ["inspect", "item", "i1"],
    ):
        code, output, errors = await freshet(cluster, *command)
        assert code == 0, f"{command}: {output}{errors}"
    assert worker.exits == []
    assert await worker.terminate() == 0


async def write_over_rows(cluster: Cluster, partition: int, user: bytes) -> dict[tuple[str, int, int], bytes | None]:
    """Puts something else where the owner has rows. Returns the places and under which key their letters are."""
    topics = cluster.topics
    rows, items = topics.user_changelog, topics.item_model
    foreign: list[tuple[str, bytes, bytes | None, bytes]] = [  # topic, key, value, key of the letter
        (rows, user_keys.USER + user, b'{"user_id":"user-1"}', user),
        (rows, user_keys.USER + b"nobody", b"\x9f\x63nonsense", b"nobody"),
        (rows, user_keys.PARTITION, b"nonsense", user_keys.PARTITION),
        (rows, b"?unknown", b"nonsense", b"?unknown"),
        (rows, POSITION_KEY, b"nonsense", POSITION_KEY),
        (rows, POSITION_KEY, bytes([255] * 16), POSITION_KEY),
        (items, COUNTS + b"i1", b"nonsense", COUNTS + b"i1"),
        (
            items,
            ASSOCIATIONS + b"i1",
            msgspec.msgpack.encode([1, 1, float("nan"), bytes(12), b"", b""]),
            ASSOCIATIONS + b"i1",
        ),
        (items, LEARNED + bytes(8), b"\x93\x01\x90\xc4\x00", LEARNED + bytes(8)),
        (items, b"?", b"nonsense", b"?"),
    ]
    dead_letters: dict[tuple[str, int, int], bytes | None] = {}
    for topic, key, value, letter_key in foreign:
        where = await cluster.publish_one(OutgoingRecord(topic, key, value, partition))
        dead_letters[topic, partition, where.offset] = letter_key
    dead_letters.pop(
        min(place for place, key in dead_letters.items() if key == POSITION_KEY)
    )  # another stands in its place
    async with RawProducer(cluster.place.bootstrap) as raw:
        now_ms = time.time_ns() // 1_000_000
        named = RawRecord(user_keys.USER + user, b"\x91\x01", [(b"\xff", None)])
        dead_letters[rows, partition, await raw.append(rows, partition, batch([named], GZIP, now_ms))] = user
        zeros = body_of([RawRecord(b"bomb", bytes(4 * LIMIT_BYTES))])
        bomb = packed_batch(bytes(cramjam.zstd.compress(zeros)), ZSTD, 1, now_ms)
        dead_letters[rows, partition, await raw.append(rows, partition, bomb)] = None
    return dead_letters


async def test_what_others_write_over_an_owners_rows_is_put_right(cluster: Cluster) -> None:
    await cluster.publish(catalogue(cluster.topics.catalog))
    await cluster.publish(good_events(cluster))
    former = cluster.start_worker("former")
    await cluster.wait_until_caught_up()
    assert await former.terminate() == 0
    rows, counts = await cluster.user_rows(), await cluster.item_counts()
    partition, user = next((place, key[1:]) for place, key in rows if key[:1] == user_keys.USER)
    expected = await write_over_rows(cluster, partition, user)

    for name in ("next-owner", "owner-after-it"):
        worker = cluster.start_worker(name)
        await cluster.wait_until_caught_up()

        async def all_letters_are_there() -> bool:
            cluster.workers.tend()
            return expected.keys() <= (await dead_letters(cluster)).keys()

        await eventually("every record that is no row has its letter", all_letters_are_there)
        assert worker.exits == [], worker.log_text[-4_000:]
        found = await dead_letters(cluster)
        assert {place: found[place].key for place in expected} == expected
        assert {found[place].reason for place in expected} == {Reason.FOLD_FAILED}
        assert await cluster.user_rows() == rows
        assert await cluster.item_counts() == counts
        if name == "next-owner":
            assert await worker.terminate() == 0
    await cluster.publish(good_events(cluster))
    await cluster.wait_until_caught_up()
    account = await cluster.account()
    assert (account.unaccounted, account.folded) == (0, 2 * len(USERS)), account
    assert worker.exits == []
    assert await worker.terminate() == 0
    assert "rows that others wrote over" not in worker.log_text  # they were put right for good


def first_refused(expected: dict[tuple[str, int, int], Reason], topic: str) -> int:
    return min(offset for named, partition, offset in expected if (named, partition) == (topic, 0))
