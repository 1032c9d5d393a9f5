"""`freshet collect` beside the event service that most people would write: FastAPI, pydantic and aiokafka.

    freshet bench collect [--seconds S] [--pairs N] [--json]

One Kafka, one topic each, one run. Both take the same single events from as many connections, each asking again once it
is answered, and answer once Kafka has acknowledged. They take turns; the ratio is the median of the pairs' ratios of
CPU an event (user + system time of the server's whole process tree). What Kafka's log holds at the end is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from endpoint_servers import HERE, Server

from ops.local_stack.stack import LocalStack
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

CONNECTIONS = 64
USERS = 5_000
BATCH = 50
PARTITIONS = 4
Row = dict[str, Any]


class Sender(asyncio.Protocol):
    """One kept-alive connection that posts again as soon as it is answered with 202."""

    def __init__(self, number: int, batch: int) -> None:
        self.latencies_s: list[float] = []
        self.running = True
        self.wrong: list[bytes] = []
        self._batch, self._number, self._count = batch, number, 0
        self._buffer = b""
        self._began_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins."""
        self._transport: Any = transport
        self._post()

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        if b" 202 " not in head.split(b"\r\n", 1)[0]:
            self.wrong.append(head + rest)
        self.latencies_s.append(time.perf_counter() - self._began_s)
        if self.running:
            self._post()
        else:
            self._transport.close()

    def _post(self) -> None:
        events = [self._event() for _ in range(self._batch)]
        body = json.dumps(events[0] if self._batch == 1 else events).encode()
        head = (
            b"POST /api/v1/events HTTP/1.1\r\nhost: b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        )
        self._began_s = time.perf_counter()
        self._transport.write(head % len(body) + body)

    def _event(self) -> Row:
        self._count += 1
        return {
            "event_type": "watch_progress",
            "user_id": f"u{(self._number * 7919 + self._count * 31) % USERS}",
            "item_id": f"m{self._count % 1000}",
            "timestamp": time.time_ns() // 1_000_000,
            "event_id": f"{self._number}-{self._count}-{time.time_ns()}",
            "device_type": "tv",
            "session_id": f"s{self._number}",
            "completion_pct": 42.5,
        }


async def measure(server: Server, seconds: float, batch: int = 1) -> Row:
    """One row of a closed loop."""
    loop = asyncio.get_running_loop()
    senders = [Sender(number, batch) for number in range(CONNECTIONS)]
    before_s, began_s = server.cpu_s(), time.perf_counter()
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", server.port)
    await asyncio.sleep(seconds)
    cpu_s, lasted_s = server.cpu_s() - before_s, time.perf_counter() - began_s
    latencies = sorted(latency for sender in senders for latency in sender.latencies_s)
    wrong = [answer for sender in senders for answer in sender.wrong]
    if wrong or not latencies:
        raise RuntimeError(f"{server.name}: {len(wrong)} wrong answers, such as {wrong[:1]}")
    for sender in senders:
        sender.running = False
    events = len(latencies) * batch
    return {
        "server": server.name,
        "events_a_request": batch,
        "events_per_s": round(events / lasted_s),
        "cpu_us": round(cpu_s / events * 1e6, 1),
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1000, 2),
        "events": events,
    }


async def compare(stack: LocalStack, folder: Path, seconds: float, pairs: int) -> Row:
    """The whole benchmark."""
    topics, plain_topics = Topics("bench", "v1"), Topics("naive", "v1")
    for made in (topics, plain_topics):
        await asyncio.to_thread(ensure_topics, stack.bootstrap, made, PARTITIONS, replication=1, timeout_s=60)
    environment = {
        "FRESHET_NAMESPACE": "bench",
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_COLLECT_PORT": "{port}",
        "FRESHET_STATE_DIR": str(folder),
    }
    own = Server("freshet", [sys.executable, "-m", "ops.cli", "collect"], environment, folder, 1)
    command = [sys.executable, "-m", "uvicorn", "naive_collect:app", "--app-dir", str(HERE / "baselines")]
    command += ["--port", "{port}", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    naive_environment = {"KAFKA": stack.bootstrap, "TOPIC": plain_topics.interactions}
    plain = Server("naive", command, naive_environment, folder, 1)
    rows: dict[str, list[Row]] = {"freshet": [], "naive": []}
    try:
        for server in (own, plain):
            await asyncio.to_thread(server.wait_ready, "/readyz")
            await measure(server, 1.0)  # warm up
        for _ in range(pairs):
            for server in (own, plain):
                rows[server.name].append(await measure(server, seconds))
        batches = await measure(own, seconds, BATCH)
    finally:
        own.stop()
        plain.stop()
    ratios = [plain["cpu_us"] / own["cpu_us"] for own, plain in zip(rows["freshet"], rows["naive"], strict=True)]
    answered = sum(row["events"] for row in (*rows["freshet"], batches))
    in_log = await _count(stack.bootstrap, topics)
    if in_log < answered:
        raise RuntimeError(f"{answered} events were accepted, and the log holds {in_log}")
    return {
        "ratio_vs_naive_cpu": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "ratio_vs_naive_cpu_batches": round(
            statistics.median(r["cpu_us"] for r in rows["naive"]) / batches["cpu_us"], 2
        ),
        "accepted": answered,
        "in_log": in_log,
        "rows": [*(_median(of) for of in rows.values()), batches],
    }


async def _count(bootstrap: str, topics: Topics) -> int:
    count = 0

    def add(_record: object) -> None:
        nonlocal count
        count += 1

    await read_topics(bootstrap, [topics.interactions], add, pass_over)
    return count


def _median(rows: list[Row]) -> Row:
    return sorted(rows, key=lambda row: row["cpu_us"])[len(rows) // 2]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--pairs", type=int, default=5, help="of measurements")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack.on_free_ports(Path(folder) / "state")
        stack.start()
        try:
            result = uvloop.run(compare(stack, Path(folder), asked.seconds, asked.pairs))
        finally:
            stack.stop()
            stack.wipe()
    for row in result["rows"]:
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    print(f"a naive service needs {result['ratio_vs_naive_cpu']} times the CPU an event")
    if asked.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
