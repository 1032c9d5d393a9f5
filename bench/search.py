"""Search beside a list that is read, in one run: 50,000 titles, an open loop, one endpoint process.

    freshet bench search [--items N] [--rate R] [--seconds S] [--json]

Each query is another one, so nothing that was found is remembered. CPU is that of the server's whole process tree.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

import httpx
import uvloop
from endpoint_load import Load
from endpoint_servers import KEYS, Server, fill, ours

from ops.local_stack.stack import LocalStack
from serving.eligibility import facts_of
from serving.item_card import ItemCard
from serving.redis_writer import ListWriter
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from streams.contract.item_details import encode_details

USERS = 500
CONNECTIONS = 16
SYLLABLES = ("ka", "lo", "mi", "ra", "ten", "dor", "sha", "vel", "qui", "nor", "bas", "tri", "lum", "gor", "wen", "is")
LIST = "/api/v1/recommendations?user_id=u%d&limit=20"
#: Title number N begins with "titanN": each path is asked with random numbers, that of the list with random users.
PATHS = {
    "list of 20": LIST,
    "suggestions, title typed": "/api/v1/search/suggestions?user_id=u7&q=titan%d",
    "suggestions, mistyped": "/api/v1/search/suggestions?user_id=u7&q=titam%d",
    "search, two words": "/api/v1/search?user_id=u7&q=titan%d+ka",
    "list of 20, filtered": LIST + "&max_duration_s=5400",
}
Row = dict[str, Any]


def catalogue(items: int) -> dict[int, ItemCard]:
    """Cards by key: titles of two to four words, two people, a genre and a length."""
    random = Random(19)
    words = ["".join(random.choices(SYLLABLES, k=random.randint(1, 4))) for _ in range(20_000)]
    made = {}
    for number in range(items):
        item = CatalogItem(
            f"s{number}",
            title=f"Titan{number} {' '.join(random.choices(words, k=random.randint(1, 3)))}",
            genres=(random.choice(("Drama", "War", "Comedy")),),
            cast=tuple(" ".join(random.choices(words, k=2)) for _ in range(2)),
            duration_s=60.0 * random.randint(20, 180),
        )
        made[item_hash(item.item_id)] = ItemCard.of(item.item_id, item.title, facts_of(0), 0, encode_details(item))
    return made


async def measure(server: Server, name: str, numbers: int, seconds: float, rate: float) -> Row:
    """One row."""
    driver = Load(server.port, PATHS[name], USERS if name.startswith("list") else numbers, CONNECTIONS, checked=False)
    before_s = server.cpu_s()
    result = await driver.open(seconds, rate)
    if set(result.statuses) != {200} or result.broken:
        raise RuntimeError(f"{name}: {dict(result.statuses)}, {result.broken} connections broken")
    return {
        "route": name,
        "cpu_us": round((server.cpu_s() - before_s) / result.answers * 1e6),
        "p50_ms": result.quantile_ms(0.5),
        "p99_ms": result.quantile_ms(0.99),
    }


async def compare(redis_url: str, folder: Path, items: int, seconds: float, rate: float) -> Row:
    """The whole benchmark."""
    await fill(redis_url, USERS)
    writer = ListWriter.connect(redis_url, KEYS, timeout_s=30)
    await writer.change_cards(PartitionOwner(1, term=1), catalogue(items))
    await writer.close()
    server = ours(redis_url, folder)
    try:
        began_s = time.perf_counter()
        server.wait_ready(LIST % 7)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            for number in range(0, items, max(1, items // 100)):  # the index follows the cards in an order of its own
                asked = {"q": f"titan{number}", "limit": "1"}
                while not (await client.get("/api/v1/search", params=asked)).json()["items"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        indexed_s = time.perf_counter() - began_s
        rows = [await measure(server, name, items, seconds, rate) for name in PATHS]
    finally:
        server.stop()
    p99_ms = {row["route"]: row["p99_ms"] for row in rows}
    return {
        "items": items,
        "rate": rate,
        "indexed_s": round(indexed_s, 1),
        "ratio_p99_suggestions_vs_list": round(p99_ms["suggestions, title typed"] / p99_ms["list of 20"], 2),
        "rows": rows,
    }


def main() -> int:
    """Prints a table, or JSON as the last line with --json."""
    parser = argparse.ArgumentParser(prog="freshet bench search", description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=50_000, help="titles beside those of the lists")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshet-bench-search-") as name:
        stack = LocalStack.on_free_ports(Path(name) / "state")
        stack.start_redis()
        try:
            run = compare(stack.redis_url, Path(name), arguments.items, arguments.seconds, arguments.rate)
            outcome = uvloop.run(run)
        finally:
            stack.stop_redis()
    if arguments.json:
        print(json.dumps(outcome))
        return 0
    print("route                       cpu_us   p50_ms   p99_ms")
    for row in outcome["rows"]:
        print("{route:26} {cpu_us:>7} {p50_ms:>8} {p99_ms:>8}".format(**row))
    print({name: value for name, value in outcome.items() if name != "rows"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
