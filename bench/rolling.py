"""What readers notice of a deployment: workers restarted one by one, scaled 1 ▸ 3 ▸ 2, beside a full stop and start.

    freshet bench rolling [--keys N] [--rate N] [--users N] [--json]

All in one run, under the same load, with `keys` idle users a worker beside those who act. Freshness is from the append
to the list that shows it, of a sample of the events that were appended from the first signal of a step until lists are
fresh again; figures of the steady state are beside it. At the end the log is counted by the parser of the drills,
which shares no code with workers: every event is in its user's row once, or the exit code is 1. Starts a Kafka and a
Valkey of its own and removes them.
"""

import argparse
import asyncio
import json
import logging
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka.structs import ConsumerRecord
from comeback import AsInstalled
from harness.cluster import PARTITIONS, Cluster
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.traffic import catalogue
from harness.watch import live_load
from recount import Entry, Findings, RecordPosition, Recount, check_log, check_people
from recovery import preload
from redis.asyncio import Redis

from ops.demo.freshness import FreshnessProbe, percentile
from ops.local_stack.stack import LocalStack
from streams.contract.partitioning import partition_of
from streams.kafka.bulk_read import read_topics
from streams.kafka.producer import Acknowledgement, OutgoingRecord
from tables import user_keys, user_row
from tables.user_row import UserRow

VERSION = "v1"
#: Events that are followed to their list at a time; one in `SAMPLE_EVERY` of all is.
MAX_OPEN, SAMPLE_EVERY = 2_000, 2
#: Lists are fresh again when so long none came later than twice the steady state's p99, or than a second.
STEADY_S, FRESH_S = 5.0, 1.0
IDLE_MS = 40 * 86_400_000  # longer than users count as active, shorter than they are kept
PATIENCE_S = 300.0
WORKERS = 3
SETTLE_S = 20.0


class Deployment:
    """Workers under load, and how fresh lists are meanwhile."""

    def __init__(self, cluster: Cluster, redis: Redis, users: int) -> None:
        self._cluster = cluster
        self._users = users
        self._probe = FreshnessProbe(redis, cluster.keys, MAX_OPEN, self._settled)
        self._samples: list[tuple[float, float]] = []  # when appended, by time.monotonic(), and until the list
        self._fresh_s = FRESH_S
        self._late_s = 0.0  # when a list last came late
        self._number = 0
        self.acknowledged: dict[RecordPosition, str | None] = {}
        self.workers: list[WorkerProcess] = []

    def _settled(self, age_s: float) -> None:
        now_s = time.monotonic()
        self._samples.append((now_s - age_s, age_s))
        if age_s > self._fresh_s:
            self._late_s = now_s

    # -- load -----------------------------------------------------------------------------------------------------

    async def publish(self, count: int) -> None:
        """Events of users who act, each with an id of its own."""
        await self._cluster.producer.publish_all([self._event() for _ in range(count)], self._noted)

    def _event(self) -> OutgoingRecord:
        self._number += 1
        user, event_id = f"b{self._number * 7919 % self._users}", f"bench-{self._number}"
        event = {
            "event_type": "click",
            "user_id": user,
            "item_id": f"i{self._number % 50}",
            "event_id": event_id,
            "timestamp": time.time_ns() // 1_000_000,
        }
        return OutgoingRecord(self._cluster.topics.interactions, user.encode(), json.dumps(event).encode())

    def _noted(self, record: OutgoingRecord, at: Acknowledgement) -> None:
        assert record.value is not None
        assert record.key is not None
        self.acknowledged[RecordPosition(at.partition, at.offset)] = json.loads(record.value)["event_id"]
        if len(self.acknowledged) % SAMPLE_EVERY == 0:
            self._probe.offer(record.key.decode(), at.partition, at.offset)

    @asynccontextmanager
    async def used(self, per_s: int) -> AsyncIterator[None]:
        """Under load as long as the body runs."""
        looking = asyncio.create_task(self._probe.run())
        try:
            async with live_load(self.publish, per_s, max(1, per_s // 20)):
                yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    # -- what is done -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """One worker more."""
        self.workers.append(self._cluster.start_worker(f"worker-{secrets.token_hex(3)}"))

    async def restart_one_by_one(self) -> None:
        """Each is asked to end, its successor started, and the next one waits until that has its share."""
        for former in list(self.workers):
            self.workers.remove(former)
            await former.terminate()
            self.start()
            await self._cluster.group.members_are(len(self.workers))
            await self._cluster.group.all_partitions_move()

    async def stop_and_start(self) -> None:
        """All end, then all start: a deployment without a hand-over."""
        former, self.workers = self.workers, []
        await asyncio.gather(*(worker.terminate() for worker in former))
        for _ in former:
            self.start()
        await self.shared()

    async def scale_to(self, count: int) -> None:
        """Starts or ends as many as it takes."""
        while len(self.workers) < count:
            self.start()
        while len(self.workers) > count:
            await self.workers.pop().terminate()
        await self.shared()

    async def shared(self) -> None:
        """All of them have their share."""
        await self._cluster.group.members_are(len(self.workers))
        await self._cluster.group.all_partitions_move()

    # -- what is measured -------------------------------------------------------------------------------------------

    async def step(self, work: Callable[[], Awaitable[None]]) -> dict[str, float]:
        """Figures of the events that were appended from now until lists are fresh again."""
        began_s = time.monotonic()
        await work()
        worked_s = time.monotonic()

        async def fresh() -> bool:
            return time.monotonic() - max(self._late_s, worked_s) > STEADY_S and self._probe_is_fresh()

        await eventually("lists are fresh again", fresh, PATIENCE_S)
        ended_s = max(self._late_s, worked_s)
        return self._figures(began_s, ended_s)

    def _probe_is_fresh(self) -> bool:
        return all(time.monotonic() - one.acknowledged_s < self._fresh_s for one in self._probe._open)

    async def steady(self, seconds: float) -> dict[str, float]:
        """Figures of a while in which nothing is done; what is fresh from now on."""
        began_s = time.monotonic()
        await asyncio.sleep(seconds)
        found = self._figures(began_s, time.monotonic())
        self._fresh_s = max(FRESH_S, 2 * found["p99_ms"] / 1000)
        return found

    def _figures(self, began_s: float, ended_s: float) -> dict[str, float]:
        ages = sorted(age_s for at_s, age_s in self._samples if began_s <= at_s <= ended_s)
        if not ages:
            return {"events_followed": 0, "seconds": round(ended_s - began_s, 1)}
        return {
            "p50_ms": round(percentile(ages, 50) * 1000),
            "p99_ms": round(percentile(ages, 99) * 1000),
            "most_ms": round(ages[-1] * 1000),
            "later_than_1_s": round(sum(age > FRESH_S for age in ages) / len(ages), 4),
            "events_followed": len(ages),
            "seconds": round(ended_s - began_s, 1),
        }


def idle_users(count: int) -> list[list[tuple[bytes, bytes]]]:
    """Their rows by partition, as a worker writes them."""
    idle_ms = time.time_ns() // 1_000_000 - IDLE_MS
    value = user_row.CODEC.encode(UserRow(last_offset=0, last_event_ms=idle_ms, last_append_ms=idle_ms, folded=1))
    by_partition: list[list[tuple[bytes, bytes]]] = [[] for _ in range(PARTITIONS)]
    for number in range(count):
        user = f"user-{number:08d}"
        by_partition[partition_of(user.encode(), PARTITIONS)].append((user_keys.user_key(user), value))
    return by_partition


async def recounted(cluster: Cluster, deployment: Deployment) -> Findings:
    """What the rows say beside what the log says."""
    log, changelog = (
        await read(cluster, cluster.topics.interactions),
        await read(cluster, cluster.topics.user_changelog),
    )
    findings, recount = Findings(), Recount(log)
    check_log(findings, recount, deployment.acknowledged)
    last = {entry.key: entry.value for entry in changelog}
    acting = {key[1:].decode(): value for key, value in last.items() if key and value and key[:2] == b"rb"}
    check_people(findings, recount, acting)
    for user, person in recount.people.items():
        prefix = cluster.list_prefix(user)
        if prefix is None or prefix.offset != person.last_offset:
            findings.found("stale", f"list of {user}: {prefix}, not as of {person.last_offset}")
    return findings


async def read(cluster: Cluster, topic: str) -> list[Entry]:
    """Committed records of users who act, and all of a log."""
    entries: list[Entry] = []

    def apply(record: ConsumerRecord) -> None:
        if record.key is None or not record.key.startswith(b"ruser-"):
            headers = dict(record.headers or ())
            entries.append(Entry(record.partition, record.offset, record.key, record.value, record.timestamp, headers))

    await read_topics(cluster.place.bootstrap, [topic], apply)
    return entries


async def run(folder: Path, keys: int, rate: int, users: int) -> dict[str, Any]:
    """The whole bench on servers of its own."""
    stack = LocalStack.on_free_ports(folder)
    found: dict[str, Any] = {"keys_per_worker": keys, "events_per_s": rate, "users_who_act": users}
    try:
        await asyncio.to_thread(stack.start)
        place = AsInstalled(stack.bootstrap, stack.redis_url, "rolling", folder)
        redis = Redis.from_url(stack.redis_url, socket_timeout=30)
        async with Cluster(place, VERSION) as cluster, redis:
            await preload(stack.bootstrap, cluster.topics, idle_users(keys * WORKERS))
            await cluster.publish(catalogue(cluster.topics.catalog))
            deployment = Deployment(cluster, redis, users)
            deployment.start()
            async with deployment.used(rate):
                await deployment.shared()
                await asyncio.sleep(SETTLE_S)
                found["steady, one worker"] = await deployment.steady(SETTLE_S)
                found["1 to 3 workers"] = await deployment.step(lambda: deployment.scale_to(WORKERS))
                found["steady"] = await deployment.steady(SETTLE_S)
                found["one by one"] = await deployment.step(deployment.restart_one_by_one)
                found["stop and start"] = await deployment.step(deployment.stop_and_start)
                found["3 to 2 workers"] = await deployment.step(lambda: deployment.scale_to(WORKERS - 1))
            await cluster.wait_until_caught_up()
            findings = await settled(cluster, deployment)
    finally:
        await asyncio.to_thread(stack.stop)
        await asyncio.to_thread(stack.wipe)
    counted = findings.as_dict()
    by, beside = found["one by one"], found["stop and start"]
    return {
        **found,
        "events": len(deployment.acknowledged),
        "recount": counted,
        "ratio_p99": round(by["p99_ms"] / beside["p99_ms"], 3),
        "ratio_most": round(by["most_ms"] / beside["most_ms"], 3),
    }


async def settled(cluster: Cluster, deployment: Deployment) -> Findings:
    """The recount, once lists had their time too."""

    async def current() -> Findings | None:
        findings = await recounted(cluster, deployment)
        return findings if set(findings.counts) != {"stale"} else None

    try:
        return await eventually("every list is as of the last event", current, 60)
    except AssertionError:
        return await recounted(cluster, deployment)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000, help="idle users a worker (default: 1,000,000)")
    parser.add_argument("--rate", type=int, default=100, help="events a second (default: 100)")
    parser.add_argument("--users", type=int, default=1_000, help="users who act (default: 1,000)")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        figures = asyncio.run(run(Path(folder), arguments.keys, arguments.rate, arguments.users))
    for name, value in figures.items():
        print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(figures))
    sys.exit(1 if any(figures["recount"][what] for what in ("lost", "doubled", "stale", "wrong")) else 0)


if __name__ == "__main__":
    main()
