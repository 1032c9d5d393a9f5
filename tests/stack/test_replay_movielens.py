"""MovieLens 1M, two live workers, a replay killed half-way: the same rows and buckets, byte for byte, and no leak.

Takes minutes, so it runs when asked for: `make replay-equality DATA=DIR`, DIR being the folder that holds ml-1m/.
`FRESHET_TEST_EVENTS` limits it to the first so many events.
"""

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness.cluster import Cluster, StackConfig, assert_equal_state
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.replays import Replays, all_said, caught_up, said

from offline.datasets.movielens_1m import MovieLens1M
from offline.traffic import DatasetTraffic
from ops.local_stack.stack import LocalStack
from ops.operator.replay.leaks import audit
from streams.kafka.producer import Producer
from tables.item_rows import BUCKET

DATA = os.environ.get("FRESHET_TEST_MOVIELENS_1M")
TIMEOUT_S = 1_500
#: Of the log, folded when the replay is killed.
KILLED_AT = 0.4
DATABASE = 11

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(TIMEOUT_S),
    pytest.mark.skipif(not DATA, reason="long: make replay-equality DATA=DIR"),
]


#: An hour is 3,600 events of this log: so partitions have to wait for each other.
MAX_SKEW_S = 3_600


class Usual(StackConfig):
    """Workers with their usual batches."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {
            "FRESHET_BATCH_MAX_RECORDS": "500",
            "FRESHET_REPLAY_MAX_SKEW_S": str(MAX_SKEW_S),
        }


@pytest.fixture
async def live(stack: LocalStack, namespace: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Version v1 with two workers, which read while the data set is published."""
    place = Usual(stack.bootstrap, f"{stack.redis_url.rpartition('/')[0]}/{DATABASE}", namespace, tmp_path)
    first = os.environ.get("FRESHET_TEST_EVENTS")
    async with Cluster(place, "v1") as made:
        data = MovieLens1M.find(Path(DATA or ""))
        traffic = DatasetTraffic(data, made.topics, time.time_ns() // 1_000_000, int(first) if first else None)
        for name in ("a", "b"):
            made.start_worker(name)
        async with Producer(place.bootstrap, linger_ms=20) as producer:
            await producer.publish_all(traffic.catalog())
            await producer.publish_all(traffic.profiles())
            await producer.publish_all(timed.record for timed in traffic.events())
        await made.group.caught_up([made.topics.interactions, made.topics.deltas], timeout_s=TIMEOUT_S)
        yield made
        made.redis.flushdb()


@pytest.fixture
def replays(live: Cluster) -> Iterator[Replays]:
    made = Replays(live.place)
    yield made
    made.end()


async def test_rows_and_buckets_of_a_killed_replay_are_those_of_the_live_version(
    live: Cluster, replays: Replays, capsys: pytest.CaptureFixture[str]
) -> None:
    begun_s = time.monotonic()
    first = replays.start("v2", "--workers", "2")
    killed_at = await eventually("the replay is half-way", lambda: half_way(first), timeout_s=TIMEOUT_S)
    first.kill()
    killed_s = time.monotonic()
    second = replays.start("v2", "--workers", "2")
    arrived = await caught_up(second, TIMEOUT_S)
    arrived_s = time.monotonic()
    async with Cluster(live.place, "v2") as candidate:
        await assert_equal_state(candidate, live)
        rows, counts = await candidate.user_rows(), await candidate.item_counts()
        account = await candidate.account()
    audited = await audit(live.place.bootstrap, candidate.topics, MAX_SKEW_S * 1000)
    assert audited.leaks == []
    figures = {
        **audited.as_dict(),
        "skew_s": max(line["skew_ms"] for run in (first, second) for line in all_said(run, "progress")) / 1000,
        "events": account.published,
        "folded": account.folded,
        "users": account.users,
        "user_rows": len(rows),
        "trending_buckets": sum(key[:1] == BUCKET for _, key in counts),
        "item_counts": sum(key[:1] != BUCKET for _, key in counts),
        "differ": 0,
        "killed_at": killed_at,
        "replay_s": round(arrived_s - begun_s, 1),
        "resumed_s": round(arrived_s - killed_s, 1),
    }
    assert arrived["folded"] == account.published
    with capsys.disabled():
        print(json.dumps(figures))


async def half_way(replay: WorkerProcess) -> int:
    """Records folded, once there are enough of them and some are left."""
    progress = said(replay, "progress")
    if progress is None or progress["folded"] < KILLED_AT * progress["total"]:
        return 0
    assert progress["behind"] > 0, "it was too quick to be killed half-way"
    return int(progress["folded"])
