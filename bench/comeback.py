"""How long until every reader has the right list again, and what that costs: after a bulk load, after Redis lost one
list in a hundred, one kind of key, everything.

    PYTHONPATH=tests/support python bench/comeback.py [--users N] [--items N] [--events N] [--json]

Needs a running Kafka and Redis (`freshet up`); works in a namespace and a database of its own, with one real worker and
one real endpoint. A history of `events` each is published before the worker starts. Right is, after the load: the last
time that any list was made again; after a loss: a list as of the same offset, for readers as the endpoint answers them.
"""

import argparse
import asyncio
import json
import logging
import secrets
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import redis
from harness.cluster import Cluster, StackConfig
from harness.endpoint import endpoint_of
from harness.polling import eventually
from harness.traffic import event_record

from agents.lists.list_basis import LATER_MS
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import load_settings
from serving.joined_list import decode
from serving.list_format import read_prefix
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace

DATABASE = 11
#: Settings of a worker that tests have otherwise.
DEFAULTS = {
    variable(name): Settings.model_fields[name].default
    for name in ("batch_max_records", "commit_interval_s", "commit_max_records", "overload_after_s", "list_size")
}
GENRES = 10
PATIENCE_S = 570.0
READ_EVERY_S = 0.05


class AsInstalled(StackConfig):
    """With the settings that a worker has where nobody says otherwise: tests have small batches, and are in no hurry to
    call a slow machine overloaded."""

    def environment(self, version: str) -> dict[str, str]:
        own = {name: str(value) for name, value in DEFAULTS.items()}
        return super().environment(version) | own


class Bench:
    """One cluster, and what is asked of it."""

    def __init__(self, cluster: Cluster, users: int, items: int, events: int) -> None:
        self._cluster = cluster
        self._users = [f"u{number}" for number in range(users)]
        self._items, self._events = items, events
        self._lists = [cluster.keys.user_list(user) for user in self._users]

    def history(self) -> Iterator[OutgoingRecord]:
        """A catalogue, and users who like items of one genre mostly."""
        topics = self._cluster.topics
        for item in range(self._items):
            entry = {"item_id": f"i{item}", "title": f"Title {item}", "genres": [f"g{item % GENRES}"]}
            yield OutgoingRecord(topics.catalog, f"i{item}".encode(), orjson.dumps(entry))
        for number in range(self._events):
            for place, user in enumerate(self._users):
                own = place % GENRES + GENRES * (number * 7 + place // GENRES)
                item = (own if number % 2 else 7 * place + 11 * number) % self._items
                yield event_record(topics.interactions, user, f"i{item}", event_type="like")

    def worker(self) -> dict[str, Any]:
        """The worker's heartbeat; empty before the first."""
        for key in self._cluster.redis.scan_iter(match=f"{self._cluster.keys.prefix}worker:*", count=1000):
            if value := self._cluster.redis.get(key):
                return dict(orjson.loads(value))
        return {}

    def made_ms(self) -> list[int]:
        """When each list was made; 0 = not there."""
        pipeline = self._cluster.redis.pipeline(transaction=False)
        for key in self._lists:
            pipeline.get(key)
        return [read_prefix(value).generated_at_ms if value else 0 for value in pipeline.execute()]

    def personal_share(self) -> float:
        """Of a sample's items, the share that is listed for something of the user's own."""
        values = [
            value for key in self._lists[:: max(1, len(self._lists) // 200)] if (value := self._cluster.redis.get(key))
        ]
        codes = [item["reason_code"] for value in values for item in decode(value, {})["recommendations"]]
        return codes.count("because_you_watched") / max(1, len(codes))

    async def load(self) -> dict[str, float]:
        """From the worker's start to lists that stay as they are."""
        cluster = self._cluster
        await cluster.publish(self.history())
        started = time.monotonic()
        cluster.start_worker("worker")
        await cluster.wait_until_caught_up()
        folded_s, at_ms = time.monotonic() - started, time.time_ns() // 1_000_000

        async def personal() -> bool:
            return min(self.made_ms()) > 0 and self.personal_share() > 0.8

        await eventually("personal lists", personal, PATIENCE_S)
        personal_s = time.monotonic() - started - folded_s

        async def stay() -> bool:
            return time.time_ns() // 1_000_000 - max(self.made_ms()) > LATER_MS + 5_000

        await eventually("lists that stay", stay, PATIENCE_S)
        worker = self.worker()
        return {
            "from_start_to_folded_s": round(folded_s, 1),
            "from_folded_to_personal_s": round(personal_s, 1),
            "from_folded_to_last_list_s": round(max(0, max(self.made_ms()) - at_ms) / 1000, 1),
            "lists_made_again_per_user": round(worker["lists_outdated"] / len(self._users), 2),
            "lists_written_per_user": round(worker["lists_written"] / len(self._users), 2),
        }

    async def lost(self, keys: list[Any]) -> dict[str, float]:
        """Until all of them are there again, nobody reading."""
        before, started = self.worker(), time.monotonic()
        for start in range(0, len(keys), 10_000):
            self._cluster.redis.delete(*keys[start : start + 10_000])

        async def back() -> bool:
            return self._cluster.redis.exists(*keys) == len(keys)

        await eventually("what was lost", back, PATIENCE_S)
        return {"keys": len(keys), "until_all_are_back_s": round(time.monotonic() - started, 2)} | await self._cost(
            before
        )

    async def _cost(self, before: dict[str, Any]) -> dict[str, float]:
        after = self.worker()
        while not after or (before and after["at_ms"] <= before["at_ms"] + 2_000):
            await asyncio.sleep(0.2)
            after = self.worker()
        if not before:
            return {}
        written = after["lists_written"] - before["lists_written"]
        return {"lists_written": written, "worker_cpu_ms": after["cpu_ms"] - before["cpu_ms"]}

    async def readers(self, client: httpx.AsyncClient, share: int) -> dict[str, float]:
        """One user in `share` loses the list, and reads again and again until it is back."""
        chosen = self._users[::share]
        self._cluster.redis.delete(*[key for user in chosen for key in self._cluster.keys.of_user(user)])
        waited = await asyncio.gather(*[self._reads(client, user) for user in chosen])
        return {
            "readers": len(chosen),
            "until_personal_median_s": round(statistics.median(waited), 2),
            "until_personal_most_s": round(max(waited), 2),
        }

    async def _reads(self, client: httpx.AsyncClient, user: str) -> float:
        started = time.monotonic()
        while True:
            answer = await client.get("/api/v1/recommendations", params={"user_id": user, "limit": 20})
            if answer.json()["source"] == "personal":
                return time.monotonic() - started
            await asyncio.sleep(READ_EVERY_S)

    async def idle(self, seconds: float = 20.0) -> dict[str, float]:
        """What the walks cost while nothing happens."""
        before = self.worker()
        await asyncio.sleep(seconds)
        after = self.worker()
        passed_ms = after["at_ms"] - before["at_ms"]
        return {"worker_cpu_share": round((after["cpu_ms"] - before["cpu_ms"]) / passed_ms, 4)}

    def kinds(self) -> dict[str, list[bytes]]:
        """All keys of users and items by their kind."""
        found: dict[str, list[bytes]] = {}
        for key in self._cluster.redis.scan_iter(match=f"{self._cluster.keys.prefix}*", count=1000):
            name = key.decode().removeprefix(self._cluster.keys.prefix)
            if "{" in name:
                kind = name.partition(":")[0]
                found.setdefault("post_play" if name.endswith(":post_play") else kind, []).append(key)
        return found


async def measure(users: int, items: int, events: int) -> dict[str, Any]:
    """All of it, once."""
    settings = load_settings()
    namespace, database = f"bench-{secrets.token_hex(4)}", f"{settings.redis_url.rpartition('/')[0]}/{DATABASE}"
    with tempfile.TemporaryDirectory() as folder:
        place = AsInstalled(settings.kafka, database, namespace, Path(folder))
        try:
            async with Cluster(place, "v1") as cluster:
                bench = Bench(cluster, users, items, events)
                found: dict[str, Any] = {"users": users, "items": items, "events": users * events}
                found["bulk load"] = await bench.load()
                found["idle"] = await bench.idle()
                async with endpoint_of(cluster) as client:
                    found["1 % of the users, who read"] = await bench.readers(client, 100)
                    found["10 % of the users, who read"] = await bench.readers(client, 10)
                kinds = bench.kinds()
                found["1 % of all keys"] = await bench.lost(
                    [key for of_kind in kinds.values() for key in of_kind][::100]
                )
                for kind, keys in sorted(kinds.items()):
                    found[f"every {kind}"] = await bench.lost(keys)
                everything = list(cluster.redis.scan_iter(match=f"{cluster.keys.prefix}*", count=1000))
                found["everything"] = await bench.lost([key for key in everything if b":worker:" not in key])
                return found
        finally:
            delete_namespace(settings.kafka, namespace)
            with redis.Redis.from_url(database) as client:
                client.flushdb()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--events", type=int, default=25, help="of each user")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    found = asyncio.run(measure(arguments.users, arguments.items, arguments.events))
    for name, figures in found.items():
        print(f"{name}: {figures}")
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
