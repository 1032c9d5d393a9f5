"""An independent drill: several client libraries, random faults, and a recount of the log by a parser of its own.

    PYTHONPATH=tests/support python tests/chaos/drill.py [--records N] [--seed N] [--seeds N] [--json]

Two workers, three brokers and a Valkey are hurt in an order and at moments that the seed says. Then everything they
made is compared with what the log says they must have made (`recount.py`) and with what this code makes of the
committed tables (`contents.py`). Exit code 0: nothing lost, doubled, stale or wrong. 1: otherwise; the folder with all
logs is named and kept.
"""

import argparse
import asyncio
import json
import logging
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from chaos_cluster import ChaosCluster
from clients import ITEMS, USERS, Clients, catalogue_entry
from contents import compare_contents
from faults import freeze_worker, hang_redis, kill_broker, kill_redis, kill_workers
from harness.cluster import PARTITIONS, StackConfig
from harness.patience import Patience
from recount import (
    Entry,
    Findings,
    Recount,
    Rules,
    check_dead_letters,
    check_features,
    check_items,
    check_list,
    check_log,
    check_people,
)

from ops.local_stack.stack import LocalStack
from ops.processes.interrupts import Interrupts
from streams.kafka.bulk_read import partitions_of
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import ensure_topics

NAMESPACE = "drill"
BROKERS = 3
RECORDS = 20_000
#: Published at a time: while a fault has its share of all records, and after that, so that every partition moves on.
CHUNK, TRICKLE = 100, 8
CHUNK_EVERY_S = 0.1
SETTLES_WITHIN_S = 60.0
#: Changed with every fault: items withdrawn, profiles that become a child's.
WITHDRAWN, CHILDREN = 5, 20
FAULTS = (kill_workers, freeze_worker, kill_broker, kill_redis, hang_redis)


class Drill:
    """One run by one seed."""

    def __init__(self, records: int, seed: int, say: Callable[[str], None]) -> None:
        self._records, self._seed, self._say = records, seed, say
        self._random = random.Random(seed)
        self._faults: list[str] = []

    async def run(self, folder: Path) -> dict[str, Any]:
        """What was found, by the names of the JSON line."""
        began_s = time.monotonic()
        stack = LocalStack.on_free_ports(folder / "servers", BROKERS)
        findings = Findings()
        published, libraries, in_common = 0, [], 0.0
        try:
            await asyncio.to_thread(stack.start)
            place = StackConfig(stack.bootstrap, stack.redis_url, NAMESPACE, folder)
            ensure_topics(stack.bootstrap, place.topics("v1"), PARTITIONS, replication=BROKERS, timeout_s=60)
            async with ChaosCluster(stack, place, []) as cluster:
                await self._prepare(cluster)
                async with Clients(stack.bootstrap, cluster.topics.interactions, self._seed) as clients:
                    libraries = clients.names
                    await self._hurt(cluster, clients)
                published = len(clients.acknowledged)
                self._say(f"{published} records are acknowledged")
                await cluster.wait_until_caught_up()
                await cluster.lists_are_current()
                self._say("settled")
                findings, in_common = await self._settled(cluster, clients)
        except (AssertionError, OSError) as failure:
            findings.found("failed", failure)
        finally:
            await asyncio.to_thread(stack.stop)
        return {
            "seed": self._seed,
            "records": published,
            "clients": libraries,
            "faults": self._faults,
            **findings.as_dict(),
            "lists_in_common": round(in_common, 3),
            "seconds": round(time.monotonic() - began_s, 1),
        }

    # -- doing ----------------------------------------------------------------------------------------------------

    async def _prepare(self, cluster: ChaosCluster) -> None:
        await _tell(cluster, cluster.topics.catalog, [catalogue_entry(number) for number in range(ITEMS)], "item_id")
        profiles = [{"user_id": f"u0-{user}", "kids": user % 7 == 0} for user in range(0, USERS, 2)]
        await _tell(cluster, cluster.topics.profiles, profiles, "user_id")
        cluster.start_workers()
        await cluster.group.members_are(2)
        self._say("two workers share the partitions")

    async def _hurt(self, cluster: ChaosCluster, clients: Clients) -> None:
        async with self._live(clients):
            for fault in self._random.sample(FAULTS, len(FAULTS)):
                before = len(clients.acknowledged)
                while len(clients.acknowledged) < before + self._random.randrange(50, 500):
                    await asyncio.sleep(CHUNK_EVERY_S)
                    cluster.workers.tend()
                name = fault.__name__.rpartition(".")[2]
                self._faults.append(name)
                for worker in (cluster.first, cluster.second):
                    worker.exits.clear()
                self._say(f"{name} begins")
                await fault.begin(cluster)
                await self._change_what_may_be_shown(cluster)
                await fault.heal(cluster)
                await cluster.group.members_are(2)
                await cluster.group.all_partitions_move()
                self._say(f"{name} is healed")
        while (left := self._records - len(clients.acknowledged)) > 0:
            await clients.publish(max(2, min(1_000, left + left // 10)))

    @asynccontextmanager
    async def _live(self, clients: Clients) -> AsyncIterator[None]:
        """Publishes for as long as the body runs: each fault's share at a live pace, and a trickle after that."""
        done = asyncio.Event()

        async def publish() -> None:
            while not done.is_set():
                share = self._records * (len(self._faults) + 1) // (len(FAULTS) + 1)
                await clients.publish(CHUNK if len(clients.acknowledged) < share else TRICKLE)
                await asyncio.sleep(CHUNK_EVERY_S)

        publishing = asyncio.create_task(publish())
        try:
            yield
        finally:
            done.set()
            await publishing

    async def _change_what_may_be_shown(self, cluster: ChaosCluster) -> None:
        now_ms = time.time_ns() // 1_000_000
        gone = [
            catalogue_entry(number, available_until=now_ms)
            for number in self._random.sample(range(ITEMS // 4), WITHDRAWN)
        ]
        await _tell(cluster, cluster.topics.catalog, gone, "item_id")
        children = [{"user_id": f"u0-{user}", "kids": True} for user in self._random.sample(range(USERS), CHILDREN)]
        await _tell(cluster, cluster.topics.profiles, children, "user_id")

    # -- seeing ---------------------------------------------------------------------------------------------------

    async def _settled(self, cluster: ChaosCluster, clients: Clients) -> tuple[Findings, float]:
        """What is left to find: what the catalogue takes back leaves lists that show it within a while."""
        patience = Patience(SETTLES_WITHIN_S)
        while True:
            findings = Findings()
            in_common = await self._check(findings, cluster, clients)
            if not findings.counts or patience.is_over:
                return findings, in_common
            self._say(f"not settled yet: {findings.as_dict()}")

    async def _check(self, findings: Findings, cluster: ChaosCluster, clients: Clients) -> float:
        bootstrap, topics = cluster.place.bootstrap, cluster.topics
        recount = Recount(await read_log(bootstrap, topics.interactions))
        check_log(findings, recount, clients.acknowledged)
        users = {entry.key: entry for entry in await read_log(bootstrap, topics.user_changelog)}
        check_people(findings, recount, _rows(users.values(), b"r"))
        items = {entry.key: entry for entry in await read_log(bootstrap, topics.item_model)}
        check_items(findings, recount, _rows(items.values(), b"c"))
        check_dead_letters(findings, recount, await read_log(bootstrap, topics.dead_letters))
        rules = Rules(
            _said(await read_log(bootstrap, topics.catalog)),
            _said(await read_log(bootstrap, topics.profiles)),
            time.time_ns() // 1_000_000,
        )
        keys = cluster.keys
        for user, person in recount.people.items():
            for about, key in (
                ("list", keys.user_list(user)),
                ("list after a video", keys.user_list(user, "post_play")),
            ):
                check_list(findings, about, person, rules, user, _value(cluster, key))
            check_features(findings, person, user, _value(cluster, keys.user_features(user)))
        self._say(f"recounted {len(recount.ids)} records of {len(recount.people)} users")
        contents = await compare_contents(cluster)
        for user, why in contents.wrong.items():
            findings.found("wrong", f"{user}: {why}")
        self._say(f"compared the contents of {contents.users} users, {contents.share_in_common:.3f} in common")
        return contents.share_in_common


async def read_log(bootstrap: str, topic: str) -> list[Entry]:
    """Every committed record of a topic, partition by partition."""
    entries = []
    async with AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed"
    ) as consumer:
        partitions = await partitions_of(consumer, [topic])
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                entries += [
                    Entry(r.partition, r.offset, r.key, r.value, r.timestamp, dict(r.headers or ())) for r in records
                ]
    return entries


def _rows(entries: Any, kind: bytes) -> dict[str, bytes]:
    return {e.key[1:].decode(): e.value for e in entries if e.key[:1] == kind and e.value is not None}


def _said(entries: list[Entry]) -> dict[str, Any]:
    last = {(entry.key or b"").decode(): entry.value for entry in entries}
    return {key: json.loads(value) for key, value in last.items() if value is not None}


def _value(cluster: ChaosCluster, key: str) -> bytes | None:
    value = cluster.redis.get(key)
    assert value is None or isinstance(value, bytes)
    return value


async def _tell(cluster: ChaosCluster, topic: str, entries: list[dict[str, Any]], key: str) -> None:
    records = [OutgoingRecord(topic, entry[key].encode(), json.dumps(entry).encode()) for entry in entries]
    await cluster.producer.publish_all(records)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=RECORDS, help="how many at least")
    parser.add_argument("--seed", type=int, default=secrets.randbits(30), help="the first one's")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs, each by the next seed")
    parser.add_argument("--json", action="store_true", help="print nothing but the results")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # servers go away here all the time
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    began_s = time.monotonic()

    def say(line: str) -> None:
        if not arguments.json:
            print(f"{time.monotonic() - began_s:6.1f} s  {line}", flush=True)

    failed = 0
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        folder = Path(tempfile.mkdtemp(prefix="freshet-drill-"))
        with Interrupts() as interrupts:  # SIGTERM leaves no server behind
            result = interrupts.run(Drill(arguments.records, seed, say).run(folder))
        if result["first"]:
            failed += 1
            print(f"all logs are in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
        print(json.dumps(result), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
