"""The endpoint under load while something breaks, one row a fault.

    freshet bench endpoint-faults [--rate R] [--seconds S] [--json]

Every answer is checked: its status, whether each of its items is the asker's own, and whether it is personal or a
fallback. Rows give the count of answers that were not 200, of broken connections, of answers with somebody else's list,
the p99 while the fault lasted, the time from its end to the last fallback answer or broken connection, and how many
records about what was shown Kafka took and how many were dropped. Kafka runs until it is killed, which is the second
row, and is gone in all later ones. The exit code is 1 when an answer was a 5xx or somebody else's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from endpoint_load import Load, Result
from endpoint_servers import NAMESPACE, Server, fill, fill_elsewhere, ours
from slow_proxy import SlowProxy

from ops.local_stack.stack import LocalStack
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

PATH = "/api/v1/recommendations?user_id=u%d&limit=20"
CONNECTIONS = 32
PARTITIONS = 4
USERS = 1_000  # so that writing their lists again is no fault of its own
Row = dict[str, Any]
Fault = Callable[[], Awaitable[None]]


class Faults:
    """Breaks things around one endpoint. Each method returns when what it broke is whole again."""

    def __init__(self, stack: LocalStack, server: Server, proxy: SlowProxy, seconds: float) -> None:
        self._stack = stack
        self._server = server
        self._proxy = proxy
        self._seconds = seconds

    async def kafka_paused(self) -> None:
        """SIGSTOP, then SIGCONT: connections stay, nobody answers."""
        pid = self._stack.kafka_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(self._seconds)
        os.kill(pid, signal.SIGCONT)

    async def kafka_killed(self) -> None:
        """kill -9, and it stays away: there is no end of it to wait for."""
        await asyncio.to_thread(self._stack.stop_kafka, kill=True)
        await asyncio.sleep(self._seconds)

    async def redis_paused(self) -> None:
        """SIGSTOP, then SIGCONT."""
        pid = self._redis_pid()
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(self._seconds)
        os.kill(pid, signal.SIGCONT)

    async def redis_killed(self) -> None:
        """kill -9, away for a while, back with its lists written again."""
        await asyncio.to_thread(self._stack.stop_redis, True)
        await asyncio.sleep(self._seconds)
        await self._start_redis()

    async def redis_restarted(self) -> None:
        """A clean stop and start, with its lists written again."""
        await asyncio.to_thread(self._stack.stop_redis)
        await self._start_redis()

    async def redis_wiped(self) -> None:
        """FLUSHALL, then the lists written again."""
        from redis.asyncio import Redis

        client = Redis.from_url(self._stack.redis_url)
        await client.flushall()
        await client.aclose()
        await asyncio.sleep(self._seconds)
        await fill_elsewhere(self._stack.redis_url, USERS)

    async def redis_slow(self) -> None:
        """Every reply 100 ms late."""
        self._proxy.delay_s = 0.1
        await asyncio.sleep(self._seconds)
        self._proxy.delay_s = 0.0

    async def worker_killed(self) -> None:
        """kill -9 of one of the two endpoint processes, until the supervisor has started another."""
        before = self._server.kill_worker()
        while not set(self._server.worker_pids()) - before:  # noqa: ASYNC110  # it is another process that starts it
            await asyncio.sleep(0.01)

    async def _start_redis(self) -> None:
        await asyncio.to_thread(self._stack.start_redis)
        await fill_elsewhere(self._stack.redis_url, USERS)

    def _redis_pid(self) -> int:
        pid = self._stack.redis_pid
        assert pid is not None
        return pid


async def under_load(server: Server, name: str, fault: Fault, rate: float, quiet_s: float) -> Row:
    """Load before, during and after one fault, until `quiet_s` brought personal lists only."""
    before = await asyncio.to_thread(server.counters)
    load = Load(server.port, PATH, USERS, CONNECTIONS, checked=True)
    driver = asyncio.create_task(load.open(3600, rate))
    await asyncio.sleep(quiet_s)
    began_s = time.perf_counter()
    await fault()
    ended_s = time.perf_counter()
    await _until_personal(load, quiet_s)
    result = load.end()
    await driver
    after = await asyncio.to_thread(server.counters)
    shown = {name: after[name] - before[name] for name in ("published", "publish_dropped")}
    return {**_row(name, result, began_s, ended_s), **shown}


async def _until_published(server: Server) -> None:
    """Waits until Kafka has taken a record about what was shown: only then can it be missed."""
    async with asyncio.timeout(60):
        while not (await asyncio.to_thread(server.counters))["published"]:
            await asyncio.to_thread(server.wait_ready, PATH % 7)
            await asyncio.sleep(0.1)


async def _until_personal(load: Load, quiet_s: float) -> None:
    async with asyncio.timeout(60):
        while True:
            await asyncio.sleep(0.1)
            last_s = load.result.timeline[-1][0]
            recent = [kind for at_s, _, kind in reversed(load.result.timeline[-20_000:]) if at_s > last_s - quiet_s]
            if set(recent) == {"personal"} and time.perf_counter() - last_s < quiet_s:
                return


def _row(name: str, result: Result, began_s: float, ended_s: float) -> Row:
    during = [latency for at_s, latency, _ in result.timeline if began_s <= at_s <= ended_s]
    fallbacks = [at_s for at_s, _, kind in result.timeline if kind != "personal" and at_s > began_s]
    trouble = [*fallbacks, *result.broken_at_s]
    return {
        "fault": name,
        "answers": result.answers,
        "not_200": result.answers - result.statuses[200],
        "server_errors": sum(count for status, count in result.statuses.items() if status >= 500),
        "broken_connections": result.broken,
        "foreign": result.foreign,
        "empty": result.empty,
        "fallbacks": len(fallbacks),
        "fault_s": round(ended_s - began_s, 2),
        "p99_during_ms": Result(latencies_s=during).quantile_ms(0.99),
        "personal_again_s": round(max(0.0, max(trouble, default=0.0) - ended_s), 2),
    }


async def run(stack: LocalStack, folder: Path, rate: float, seconds: float) -> list[Row]:
    """All faults, one after the other, around one endpoint with two workers behind a proxy to Redis."""
    await fill(stack.redis_url, USERS)
    proxy = SlowProxy("127.0.0.1", int(stack.redis_url.rpartition(":")[2].partition("/")[0]))
    port = await proxy.start()
    await asyncio.to_thread(ensure_topics, stack.bootstrap, Topics(NAMESPACE, "v1"), PARTITIONS, 1, 60)
    publishing = {"FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap, "FRESHET_ENDPOINT_PUBLISH_SHARE": "1"}
    server = ours(f"redis://127.0.0.1:{port}/0", folder, workers=2, **publishing)
    rows = []
    try:
        await asyncio.to_thread(server.wait_ready, PATH % 7)
        await _until_published(server)
        faults = Faults(stack, server, proxy, seconds)
        for name, fault in (
            ("kafka SIGSTOP", faults.kafka_paused),
            ("kafka kill -9", faults.kafka_killed),
            ("redis SIGSTOP", faults.redis_paused),
            ("redis kill -9", faults.redis_killed),
            ("redis restart", faults.redis_restarted),
            ("redis wiped", faults.redis_wiped),
            ("redis slow by 100 ms", faults.redis_slow),
            ("endpoint worker kill -9", faults.worker_killed),
        ):
            rows.append(await under_load(server, name, fault, rate, seconds / 3))
            print(rows[-1], file=sys.stderr)
    finally:
        server.stop()
        await proxy.close()
    return rows


def main() -> int:
    """Prints the table; 1 when an answer was a 5xx or somebody else's."""
    parser = argparse.ArgumentParser(prog="freshet bench endpoint-faults", description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    parser.add_argument("--seconds", type=float, default=3, help="how long each fault lasts")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshet-bench-faults-") as name:
        stack = LocalStack.on_free_ports(Path(name) / "state")
        stack.start()
        try:
            rows = uvloop.run(run(stack, Path(name), arguments.rate, arguments.seconds))
        finally:
            stack.stop()
    if arguments.json:
        print(json.dumps({"rows": rows}))
    return int(any(row["server_errors"] or row["foreign"] or row["empty"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
