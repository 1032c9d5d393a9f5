"""A worker's wall clock jumps: what people are shown follows what happened, not what clocks said."""

import os
import secrets
import signal
import sys
import time
from pathlib import Path

import orjson
import pytest
import stepped_clock
from harness import cluster as harness_cluster
from harness.cluster import Cluster
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.traffic import publish_event

from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

WORKER = Path(harness_cluster.__file__).with_name("stepped_worker.py")
HALF_AN_HOUR_MS = stepped_clock.HOUR_S * 500


def start_stepped_worker(cluster: Cluster) -> WorkerProcess:
    folder = str(Path(stepped_clock.__file__).parent)
    environment = cluster.place.environment(cluster.version) | {"PYTHONPATH": folder}
    command = [sys.executable, str(WORKER)]
    worker = WorkerProcess("stepped", command, environment, cluster.place.folder)
    return cluster.workers.add(worker)


async def say(cluster: Cluster, user: str, **said: object) -> None:
    value = orjson.dumps({"user_id": user, **said})
    await cluster.publish_one(OutgoingRecord(cluster.topics.profiles, user.encode(), value))


def items_of(cluster: Cluster, user: str) -> set[str]:
    value = cluster.list_bytes(user)
    return set() if value is None else {entry["item_id"] for entry in cluster.listed(value)["recommendations"]}


async def test_a_list_made_while_the_clock_was_ahead_gives_way_to_what_the_user_says_later(cluster: Cluster) -> None:
    worker = start_stepped_worker(cluster)
    user = f"early-{secrets.token_hex(4)}"
    where = await publish_event(cluster, user, "i0", event_type="like")

    async def made_ahead() -> bool:
        prefix = cluster.list_prefix(user)
        return prefix is not None and prefix.generated_at_ms > time.time_ns() // 1_000_000 + HALF_AN_HOUR_MS

    async def listed() -> bool:
        return bool(items_of(cluster, user))

    await eventually("a list", listed)
    os.kill(worker.pid, signal.SIGUSR1)
    await say(cluster, user, country="DE")
    await eventually("a list of the hour to come", made_ahead)
    os.kill(worker.pid, signal.SIGUSR2)
    disliked = {f"i{number}" for number in range(200) if number % 7 == 1}
    assert items_of(cluster, user) & disliked
    await say(cluster, user, country="DE", disliked_genres=["g1"])

    async def heeded() -> bool:
        return bool(items := items_of(cluster, user)) and not items & disliked

    await eventually("a list without what the user dislikes", heeded)
    prefix = cluster.list_prefix(user)
    assert prefix is not None
    assert prefix.offset == where.offset  # and no event was needed
