"""The same records against a real broker and a real worker: FRESHET_TEST_FUZZ_RECORDS=50000 for the long form."""

import asyncio
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from aiokafka.errors import KafkaError
from harness.cluster import PARTITIONS, Cluster, StackConfig
from hostile.generator import Hostile
from hostile.machine import topic_of
from hostile.raw_batches import RawProducer, RawRecord, batch

from ops.local_stack.stack import LocalStack
from streams.contract.partitioning import partition_of
from streams.kafka.topics_admin import delete_namespace
from streams.kafka.unpacking import GZIP, LZ4, NONE, SNAPPY, ZSTD

pytestmark = pytest.mark.stack

RECORDS = int(os.environ.get("FRESHET_TEST_FUZZ_RECORDS", "4000"))
DATABASE = 13
#: Rows of tables are left out: docs/decisions/0020-poison-records.md says what one that is foreign means.
INGRESSES = {
    "interactions": 50,
    "catalog": 15,
    "profiles": 10,
    "links": 4,
    "rules": 3,
    "erasure": 4,
    "controls": 3,
    "experiments": 3,
    "versions": 3,
    "deltas": 4,
    "ranker_examples": 1,
}
COMPACTED = ("catalog", "profiles", "links", "erasure", "controls", "experiments", "rules", "versions")
ONE_PARTITION = ("links", "controls", "experiments", "rules", "versions", "ranker_examples")
CODECS = (NONE, GZIP, SNAPPY, LZ4, ZSTD)
MOST_IN_A_BATCH = 60


@pytest.fixture
async def cluster(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Cluster]:
    namespace = f"test-{secrets.token_hex(4)}"
    redis_url = stack.redis_url.rpartition("/")[0] + f"/{DATABASE}"
    async with Cluster(StackConfig(stack.bootstrap, redis_url, namespace, tmp_path), "v1") as made:
        yield made
    await asyncio.to_thread(delete_namespace, stack.bootstrap, namespace)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


async def send(cluster: Cluster, raw: RawProducer, hostile: Hostile, chance: random.Random) -> tuple[str, int]:
    """One batch through one door; the door and how many records the broker took."""
    (ingress,) = chance.choices(list(INGRESSES), list(INGRESSES.values()))
    records = [hostile.record(ingress) for _ in range(chance.randrange(1, MOST_IN_A_BATCH))]
    if ingress in COMPACTED:  # where brokers take no record without a key
        records = [record if record.key is not None else replace(record, key=b"") for record in records]
    topic = topic_of(ingress).replace("fuzz.", f"{cluster.place.namespace}.", 1)
    parts: dict[int, list[RawRecord]] = {}
    for record in records:
        spread = 1 if ingress in ONE_PARTITION else PARTITIONS
        parts.setdefault(partition_of(record.key or b"", spread), []).append(record)
    taken = 0
    for partition, part in parts.items():
        try:
            await raw.append(topic, partition, batch(part, chance.choice(CODECS), time.time_ns() // 1_000_000))
            taken += len(part)
        except KafkaError:  # what the broker itself refuses is nobody else's concern
            continue
    return ingress, taken


async def test_hostile_records_through_a_real_broker_end_no_worker(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hostile.generator.NOW_MS", time.time_ns() // 1_000_000 - 600_000)
    seed = secrets.randbits(30)
    chance, hostile, sent = random.Random(seed), Hostile(seed), Counter[str]()
    worker = cluster.start_worker("hostile")
    async with RawProducer(cluster.place.bootstrap) as raw:
        while sent.total() < RECORDS:
            ingress, taken = await send(cluster, raw, hostile, chance)
            sent[ingress] += taken
            cluster.workers.tend()
    await cluster.wait_until_caught_up()
    account = await cluster.account()
    assert worker.exits == [], f"seed {seed}: {worker.log_text[-4_000:]}"
    assert (account.unaccounted, account.published) == (0, sent["interactions"]), f"seed {seed}: {account}"
    assert account.folded > 0
    assert account.dead_letters > 0
    print(f"seed {seed}: {dict(sent)} {account}")
    assert await worker.terminate() == 0, f"seed {seed}"
