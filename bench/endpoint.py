"""The endpoint beside the service that most people would write, a static answer, and Redis itself.

    freshet bench endpoint [--seconds S] [--rounds N] [--json]

One Valkey, one set of lists, one run. Servers take turns. Rows are the median round; ratios compare each server's
cheapest round, because a neighbour on the machine disturbs whoever runs at the time, and only ever adds to the cost.
CPU is user + system time of the server's whole process tree.
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

import jwt
import psutil
import uvloop
from endpoint_load import Load, Result
from endpoint_servers import KEYS, USERS, Server, fill, naive, ours, static

from ops.local_stack.stack import LocalStack
from serving import resp
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink

PATH = "/api/v1/recommendations?user_id=u%d&limit=20"
#: With a limit of its own an answer is never the one that its reader was shown last.
JOINED_ANEW = "&max_maturity=18"
CONNECTIONS = 64
SECRET = "a secret for a benchmark on this machine"
Row = dict[str, Any]


async def measure(server: Server, seconds: float, rate: float | None = None, path: str = PATH, **load: Any) -> Row:
    """One row: closed loop, or open loop at `rate` requests a second."""
    driver = Load(server.port, path, USERS, CONNECTIONS, checked=server.name != "static", **load)
    before_s = server.cpu_s()
    result = await (driver.closed(seconds) if rate is None else driver.open(seconds, rate))
    cpu_s = server.cpu_s() - before_s
    _check(server, result)
    return {
        "server": server.name,
        "workers": server.workers,
        "rate": "closed" if rate is None else round(rate),
        "rps": round(result.answers / result.seconds),
        "cpu_us": round(cpu_s / result.answers * 1e6, 1),
        "p50_ms": result.quantile_ms(0.5),
        "p99_ms": result.quantile_ms(0.99),
    }


def _check(server: Server, result: Result) -> None:
    wrong = {status: count for status, count in result.statuses.items() if status != 200}
    if wrong or result.foreign or result.empty or result.broken or not result.answers:
        raise RuntimeError(
            f"{server.name}: {wrong} foreign {result.foreign} empty {result.empty} broken {result.broken}"
        )


async def measure_redis(url: str, pid: int, seconds: float) -> Row:
    """GETs of whole lists over one pipelined connection, CONNECTIONS under way; CPU is Valkey's own."""
    link = RedisLink(RedisAddress.from_url(url), deadline_s=5)
    await link.start()
    frames = [resp.get(KEYS.user_list(f"u{n}").encode()) for n in range(USERS)]
    latencies: list[float] = []
    process, end_s = psutil.Process(pid), time.perf_counter() + seconds
    before_s = sum(process.cpu_times()[:2])

    async def reader(first: int) -> None:
        n = first
        while (began_s := time.perf_counter()) < end_s:
            await link.send(frames[n % USERS])
            latencies.append(time.perf_counter() - began_s)
            n += 97

    await asyncio.gather(*[reader(n) for n in range(CONNECTIONS)])
    cpu_s = sum(process.cpu_times()[:2]) - before_s
    await link.close()
    result = Result(seconds, latencies)
    return {
        "server": "valkey GET",
        "workers": 1,
        "rate": "closed",
        "rps": round(result.answers / seconds),
        "cpu_us": round(cpu_s / result.answers * 1e6, 1),
        "p50_ms": result.quantile_ms(0.5),
        "p99_ms": result.quantile_ms(0.99),
    }


async def compare(redis_url: str, redis_pid: int, folder: Path, seconds: float, rounds: int) -> dict[str, Any]:
    """The whole benchmark."""
    list_bytes = await fill(redis_url, both=True)
    own, plain = ours(redis_url, folder), naive(redis_url, folder)
    servers = [own, plain]
    try:
        headers, body = own.wait_ready(PATH % 7)
        plain.wait_ready(PATH % 7)
        fixed = static(headers, body, folder)
        servers.append(fixed)
        fixed.wait_ready("/")
        rows = await _turns(servers, seconds, rounds)
        rows.append(await measure_redis(redis_url, redis_pid, seconds))
        rows.append(await measure(own, seconds, 0.7 * rows[0]["rps"]))
        rows.append(await measure(own, seconds, 1000))
        rows.append({**await measure(own, seconds, path=PATH.replace("20", "100")), "server": "freshet, 100 items"})
        anew = _median([await measure(own, seconds, path=PATH + JOINED_ANEW) for _ in range(rounds)])
        rows.append({**anew, "server": "freshet, joined anew"})
        rows += await _more_servers(redis_url, folder, seconds)
    finally:
        for server in servers:
            server.stop()
    cpu = {row["server"]: row["least_cpu_us"] for row in (*rows[:3], anew | {"server": "anew"})}
    return {
        "ratio_vs_naive_cpu": round(cpu["naive"] / cpu["freshet"], 2),
        "ratio_vs_static_cpu": round(cpu["freshet"] / cpu["static"], 2),
        "ratio_vs_naive_cpu_joined_anew": round(cpu["naive"] / cpu["anew"], 2),
        "ratio_vs_static_cpu_joined_anew": round(cpu["anew"] / cpu["static"], 2),
        "list_bytes": list_bytes,
        "rows": rows,
    }


async def _turns(servers: list[Server], seconds: float, rounds: int) -> list[Row]:
    for server in servers:
        await measure(server, 1.0)  # warm up
    measured: dict[str, list[Row]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            measured[server.name].append(await measure(server, seconds))
    return [_median(rows) for rows in measured.values()]


def _median(rows: list[Row]) -> Row:
    medians = {name: statistics.median(row[name] for row in rows) for name in ("rps", "cpu_us", "p50_ms", "p99_ms")}
    figures = {name: round(value, 2) for name, value in medians.items()}
    return {**rows[0], **figures, "least_cpu_us": min(row["cpu_us"] for row in rows)}


async def _more_servers(redis_url: str, folder: Path, seconds: float) -> list[Row]:
    (folder / "key").write_text(SECRET)
    secure = {
        "FRESHET_ENDPOINT_SECURITY": "on",
        "FRESHET_ENDPOINT_JWT_KEY_FILE": str(folder / "key"),
        "FRESHET_ENDPOINT_RATE_PER_MINUTE": "1000000",
    }
    claims = {"exp": time.time() + 3600}
    tokens = [jwt.encode({"sub": f"u{n}", **claims}, SECRET, "HS256") for n in range(USERS)]
    rows = []
    for server, headers in (
        (ours(redis_url, folder, workers=2), lambda _: ""),
        (ours(redis_url, folder, **secure), lambda user: f"authorization: Bearer {tokens[user]}\r\n"),
    ):
        try:
            server.wait_ready("/readyz")
            await measure(server, 1.0, headers=headers)
            rows.append(await measure(server, seconds, headers=headers))
        finally:
            server.stop()
    return rows


def main() -> int:
    """Prints a table, or JSON as the last line with --json."""
    parser = argparse.ArgumentParser(prog="freshet bench endpoint", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each compared server")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshet-bench-endpoint-") as name:
        stack = LocalStack.on_free_ports(Path(name) / "state")
        stack.start_redis()
        try:
            pid = stack.redis_pid
            assert pid is not None
            run = compare(stack.redis_url, pid, Path(name), arguments.seconds, arguments.rounds)
            outcome = uvloop.run(run)
        finally:
            stack.stop_redis()
    if not arguments.json:
        print("server         workers    rate      rps   cpu_us   p50_ms   p99_ms")
        for row in outcome["rows"]:
            print("{server:22} {workers} {rate!s:>7} {rps:>8} {cpu_us:>8} {p50_ms:>8} {p99_ms:>8}".format(**row))
        print({name: value for name, value in outcome.items() if name != "rows"})
    else:
        print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
