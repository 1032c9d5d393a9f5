"""How many bytes a user, an item and a profile are: in a worker, in the changelogs and in Redis; and what profiles take
of a worker that owns some of the partitions, beside one that owns all.

    freshet bench sizes --data DIR [--json]

MovieLens 100K through the steps of the workers in one process, without Kafka; what is written of a user is then put
into a Valkey of the bench's own, which says how much memory its keys take. Figures are sizes, so a busy machine changes
none of them. Needs the data set: exit code 2 without it.
"""

import argparse
import json
import sys
import time
import tracemalloc
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import msgspec
import redis
from aiokafka.structs import ConsumerRecord

from agents.followers.profiles import Profiles
from agents.lists.list_maker import ListMaker
from agents.metrics.worker_metrics import column_bytes
from offline.datasets.dataset import DatasetError
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from ops.local_stack.ports import free_port
from ops.local_stack.redis_server import RedisServer
from serving.keys import Keys
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import parse_interaction
from streams.contract.user_records import user_partition

LIST_SIZE, LISTED, PROFILES = 100, 300, 20_000
PARTITIONS, OWNED = 4, 2
PROFILE = {
    **{"country": "DE", "language": "de", "timezone": "Europe/Berlin", "favorite_genres": ["Drama", "Comedy"]},
    **{"disliked_genres": ["Horror"], "seed_items": ["i1", "i2", "i3"], "maturity_max": "16", "kids": False},
}
EXIT_USAGE = 2


def measure(data: Path) -> dict[str, Any]:
    """Bytes; `item_model_bytes` is all of a worker's columns."""
    path, films = ProductionPath(), MovieLens100K.find(data)
    path.describe((row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in films.items())
    rows: dict[bytes, int] = {}
    events = 0
    for row in films.events():
        event = parse_interaction(encode(row), row.timestamp)
        path.learn(event)
        events += 1
    for plane in path._users:
        rows |= {key: len(key) + len(value) for key, value in plane.changes() if value is not None}
    path.publish(event.timestamp_ms)
    users = [user for plane in path._users for user in plane.users()]
    found = {
        "events": events,
        "users": len(users),
        "items": len(path.model),
        "row_bytes_a_user": round(sum(rows.values()) / len(users)),
        "item_model_bytes": column_bytes(path.model),
    }
    found |= profile_figures()
    return found | _in_redis(path, users[:LISTED], event.timestamp_ms)


def _in_redis(path: ProductionPath, users: list[str], now_ms: int) -> dict[str, Any]:
    """What the lists and features of some users are there, in bytes of values and of memory."""
    follower = SimpleNamespace(
        model=path.model, ranker=path.ranker, catalogue_version=1, changed_since=lambda _since: None
    )
    maker: Any = ListMaker(follower, Keys("t", "v"), "v", LIST_SIZE, 1_000)  # type: ignore[arg-type]
    known = [(user, None) for user_id in users if (user := path.user(user_id)) is not None]
    made = [pair for listed in maker.values_of(known, 0, now_ms) for pair in listed.values]
    with TemporaryDirectory() as folder:
        server = RedisServer(Path(folder), free_port())
        server.start()
        try:
            with redis.Redis(port=server.port) as client:
                before = client.info("memory")["used_memory_dataset"]
                for key, value in made:
                    client.set(key, value, ex=3600)
                memory = client.info("memory")["used_memory_dataset"] - before
        finally:
            server.stop()
    return {
        "redis_value_bytes_a_user": round(sum(len(value) for _, value in made) / len(known)),
        "redis_memory_bytes_a_user": round(memory / len(known)),
        "redis_keys_a_user": round(len(made) / len(known), 1),
    }


def profile_figures() -> dict[str, Any]:
    """What a worker takes that owns `OWNED` of `PARTITIONS` partitions, and its share of what one with all of them
    does: bytes held, and the processor's time for taking the records."""
    records: list[list[ConsumerRecord]] = [[] for _ in range(PARTITIONS)]
    value = msgspec.json.encode(PROFILE)
    for number in range(PROFILES):
        user_id = f"user-{number:010d}"
        partition = user_partition(user_id, PARTITIONS)
        said = value + b" " * (number % 2)
        records[partition].append(
            ConsumerRecord("users.profiles", partition, number, 0, 0, user_id.encode(), said, None, 0, 0, ())
        )
    every, some = list(chain(*records)), list(chain(*records[:OWNED]))
    bytes_of_all, bytes_of_some = _taken_bytes(every), _taken_bytes(some)
    cpu_shares = sorted(_taken_cpu_s(some) / _taken_cpu_s(every) for _ in range(5))
    return {
        "profile_bytes": round(bytes_of_all / PROFILES),
        "owned_profiles_bytes_share": round(bytes_of_some / bytes_of_all, 3),
        "owned_profiles_cpu_share": round(cpu_shares[2], 3),
    }


def _taken_bytes(records: list[ConsumerRecord]) -> int:
    tracemalloc.start()
    profiles = Profiles(PARTITIONS)
    for record in records:
        profiles.apply(record)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken


def _taken_cpu_s(records: list[ConsumerRecord]) -> float:
    profiles, began_s = Profiles(PARTITIONS), time.process_time()
    for record in records:
        profiles.apply(record)
    return time.process_time() - began_s


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of MovieLens 100K")
    parser.add_argument("--json", action="store_true", help="as one line of JSON")
    given = parser.parse_args()
    try:
        found = measure(given.data)
    except DatasetError as missing:
        sys.stderr.write(f"{missing}\n")
        sys.exit(EXIT_USAGE)
    print(json.dumps(found) if given.json else "\n".join(f"{name:28} {value:>14,}" for name, value in found.items()))


if __name__ == "__main__":
    main()
