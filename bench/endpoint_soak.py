"""Many answers, each checked, while Redis stops for a moment again and again; and the memory of the endpoint.

    freshet bench endpoint-soak [--answers N] [--seconds S] [--json]

Runs until both are reached. Late replies are what could hand a reader somebody else's list, so Redis is stopped for
60 ms twice a second, long enough to miss the deadline and short enough to keep the connection, and for 700 ms every
10 s, which does not keep it. The exit code is 1 for an answer that is not 200, not the asker's own or empty, and when
memory grew by more than a tenth after the first fifth of the run.
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
from pathlib import Path
from typing import Any

import uvloop
from endpoint_load import Load
from endpoint_servers import USERS, Server, fill, ours

from ops.local_stack.stack import LocalStack

PATH = "/api/v1/recommendations?user_id=u%d&limit=20"
CONNECTIONS = 32
SHORT_STOP_S, LONG_STOP_S = 0.06, 0.7
GROWTH = 1.1


async def disturb(redis_pid: int) -> None:
    """Stops and continues Redis until cancelled."""
    turn = 0
    while True:
        await asyncio.sleep(0.5)
        turn += 1
        os.kill(redis_pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(LONG_STOP_S if turn % 20 == 0 else SHORT_STOP_S)
        finally:
            os.kill(redis_pid, signal.SIGCONT)


async def soak(server: Server, redis_pid: int, answers: int, seconds: float) -> dict[str, Any]:
    """The run; figures as JSON."""
    load = Load(server.port, PATH, USERS, CONNECTIONS, checked=True)
    began_s = time.perf_counter()
    driver = asyncio.create_task(load.closed(24 * 3600))
    trouble = asyncio.create_task(disturb(redis_pid))
    warm_bytes = 0
    counted = 0
    while (progress := min(counted / answers, (time.perf_counter() - began_s) / seconds)) < 1:
        await asyncio.sleep(0.2)
        counted += load.forget_timings()
        if not warm_bytes and progress > 0.2:
            warm_bytes = server.rss_bytes()
    trouble.cancel()
    driver.cancel()
    await asyncio.gather(trouble, driver, return_exceptions=True)
    result = load.end()
    return {
        "answers": counted,
        "seconds": round(time.perf_counter() - began_s, 1),
        "personal": result.sources["personal"],
        "fallbacks": result.sources["popular"],
        "not_200": sum(count for status, count in result.statuses.items() if status != 200),
        "broken_connections": result.broken,
        "foreign": result.foreign,
        "empty": result.empty,
        "rss_warm_bytes": warm_bytes,
        "rss_end_bytes": server.rss_bytes(),
    }


async def run(stack: LocalStack, folder: Path, answers: int, seconds: float) -> dict[str, Any]:
    """One endpoint with one worker, filled and soaked."""
    await fill(stack.redis_url)
    server = ours(stack.redis_url, folder)
    try:
        await asyncio.to_thread(server.wait_ready, "/readyz")
        pid = stack.redis_pid
        assert pid is not None
        return await soak(server, pid, answers, seconds)
    finally:
        server.stop()


def main() -> int:
    """Prints the figures; see the top for the exit code."""
    parser = argparse.ArgumentParser(prog="freshet bench endpoint-soak", description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=1_000_000, help="at least so many checked answers")
    parser.add_argument("--seconds", type=float, default=600, help="at least so long")
    parser.add_argument("--json", action="store_true", help="the result as the last line (it always is)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshet-bench-soak-") as name:
        stack = LocalStack.on_free_ports(Path(name) / "state")
        stack.start_redis()
        try:
            outcome = uvloop.run(run(stack, Path(name), arguments.answers, arguments.seconds))
        finally:
            stack.stop_redis()
    print(json.dumps(outcome))
    grew = outcome["rss_end_bytes"] > GROWTH * outcome["rss_warm_bytes"]
    faults = ("not_200", "foreign", "empty", "broken_connections")
    return int(grew or any(outcome[fault] for fault in faults))


if __name__ == "__main__":
    sys.exit(main())
