"""The servers that are compared, each a process tree of its own whose CPU time is read."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from endpoint_http import INTERESTS, POPULAR
from redis.asyncio import Redis

from ops.local_stack.ports import free_port
from serving import audience
from serving.eligibility import ALWAYS_MS, facts_of
from serving.item_card import ItemCard
from serving.joined_list import decode
from serving.keys import Keys
from serving.list_format import Explanation, Items, ListStamp, scored
from serving.redis_writer import ListWriter
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from streams.contract.served import ALGORITHMS

HERE = Path(__file__).parent
USERS = 5_000
ITEMS = 100
NAMESPACE = "bench"
STARTED_S = 30
TTL_S = 24 * 3600
GENRES = ("Drama", "War", "Comedy", "Crime", "Horror", "Romance", "Western")
KEYS = Keys(NAMESPACE, "v1")
_HOP = ("connection", "date", "server")
_TOTAL = re.compile(r"^freshet_endpoint_(\w+)_total ([0-9.e+]+)$", re.MULTILINE)


class Server:
    """One HTTP server on a free port, started with its command and stopped with its children."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], folder: Path, workers: int
    ) -> None:
        self.name = name
        self.workers = workers
        self.port = free_port()
        self._log = (folder / f"{name}-{self.port}.log").open("wb")
        self._process = psutil.Popen(
            [part.replace("{port}", str(self.port)) for part in command],
            env={**os.environ, **{k: v.replace("{port}", str(self.port)) for k, v in environment.items()}},
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait_ready(self, path: str) -> tuple[list[tuple[str, str]], bytes]:
        """The headers of the first good answer, without those of the connection and the server, and its body."""
        deadline_s = time.monotonic() + STARTED_S
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=1) as answer:
                own = [(name, value) for name, value in answer.headers.items() if name not in _HOP]
                return own, answer.read()
            if time.monotonic() > deadline_s or self._process.poll() is not None:
                raise RuntimeError(f"{self.name} did not start; see {self._log.name}")
            time.sleep(0.05)

    def cpu_s(self) -> float:
        """User and system time of the tree so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._tree())

    def rss_bytes(self) -> int:
        """Resident memory of the tree."""
        return sum(process.memory_info().rss for process in self._tree())

    def worker_pids(self) -> list[int]:
        """The processes that answer, below the supervisor."""
        pids = []
        for child in self._process.children():
            with suppress(psutil.NoSuchProcess):
                if "resource_tracker" not in " ".join(child.cmdline()):
                    pids.append(child.pid)
        return pids

    def kill_worker(self) -> set[int]:
        """Kills one worker process hard; who worked before."""
        before = self.worker_pids()
        os.kill(before[-1], signal.SIGKILL)
        return set(before)

    def counters(self) -> dict[str, float]:
        """Totals without labels from /metrics, by name without prefix and suffix: all workers together."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return {name: float(value) for name, value in _TOTAL.findall(answer.read().decode())}

    def _tree(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def stop(self) -> None:
        """Ends the tree."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()


def ours(redis_url: str, folder: Path, workers: int = 1, **more: str) -> Server:
    """`freshet serve`, security off unless `more` says so; nothing published (the ratio is about reading)."""
    environment = {
        "FRESHET_NAMESPACE": NAMESPACE,
        "FRESHET_REDIS_URL": redis_url,
        "FRESHET_ENDPOINT_PORT": "{port}",
        "FRESHET_ENDPOINT_WORKERS": str(workers),
        "FRESHET_ENDPOINT_PUBLISH_SHARE": "0",
        "FRESHET_STATE_DIR": str(folder),
        **more,
    }
    name = "freshet, security on" if "FRESHET_ENDPOINT_SECURITY" in more else "freshet"
    return Server(name, [sys.executable, "-m", "ops.cli", "serve"], environment, folder, workers)


def naive(redis_url: str, folder: Path) -> Server:
    """FastAPI, pydantic and redis.asyncio on uvicorn, unchanged."""
    command = [sys.executable, "-m", "uvicorn", "naive_service:app", "--app-dir", str(HERE / "baselines")]
    command += ["--port", "{port}", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return Server("naive", command, {"REDIS_URL": redis_url}, folder, 1)


def static(headers: list[tuple[str, str]], body: bytes, folder: Path) -> Server:
    """One fixed answer from granian: the bytes of one of ours, headers included."""
    (folder / "body.json").write_bytes(body)
    (folder / "headers.json").write_text(json.dumps(headers))
    files = {"STATIC_BODY": str(folder / "body.json"), "STATIC_HEADERS": str(folder / "headers.json")}
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--loop", "uvloop", "--http", "1", "--no-ws"]
    command += ["--port", "{port}", "--log-level", "warning", "--working-dir", str(HERE), "static_endpoint:app"]
    return Server("static", command, files, folder, 1)


def _audience(n: int) -> bytes:
    """What a user may see who has met a hundred items."""
    return audience.encode(f"u{n}", 16, "DE", b"", (), (10, os.urandom(128)), until_ms=ALWAYS_MS)


async def fill_elsewhere(redis_url: str, users: int) -> None:
    """`fill` with our lists in a process of its own, so that a load generator in this one keeps its pace."""
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, redis_url, str(users))
    if await process.wait():
        raise RuntimeError("the lists could not be written")


async def fill(redis_url: str, users: int = USERS, *, both: bool = False) -> int:
    """Lists of ITEMS items each, and a popular list; bytes of one. With `both` the same for the naive service."""
    writer = ListWriter.connect(redis_url, KEYS, timeout_s=30)
    now_ms = time.time_ns() // 1_000_000
    own = ListStamp("v1", "personal", 0, now_ms, now_ms + TTL_S * 1000)
    cards = {_key(interest, n): _card(interest, n) for interest in range(INTERESTS) for n in range(ITEMS)}
    await writer.change_cards(PartitionOwner(0, term=1), cards)
    for first in range(0, users, 500):
        ids = range(first, min(first + 500, users))
        values = {n: own.personal(f"u{n}", n, _items(n)) for n in ids}
        groups = [
            ((KEYS.user_list(f"u{n}"), value), (KEYS.audience(f"u{n}"), _audience(n))) for n, value in values.items()
        ]
        await writer.write_together(groups, TTL_S)
        if both:
            async with Redis.from_url(redis_url) as client:
                await client.mset({f"naive:u{n}:homepage": _plain(value, cards) for n, value in values.items()})
    popular = ListStamp("v1", "popular", 0, now_ms, now_ms + TTL_S * 1000).shared(_items(POPULAR))
    await writer.write_shared(KEYS.popular(), popular, TTL_S)
    await writer.close()
    return len(own.personal(f"u{users}", users, _items(users)))


def _key(interest: int, n: int) -> int:
    return item_hash(f"i{interest}-{n}")


def _card(interest: int, n: int) -> ItemCard:
    genres = [GENRES[n % 7], GENRES[interest % 5]]
    title = f"The Long Title of Film Number {n} ({1950 + interest % 75})"
    return ItemCard.of(f"i{interest}-{n}", title, facts_of((0, 7, 12)[n % 3], genres))


def _items(user: int) -> Items:
    """The items of the user's interest in an order of their own, each because of one of seven that they watched."""
    interest = user % INTERESTS
    order = [(user * 7 + 37 * n) % ITEMS for n in range(ITEMS)]
    keys = np.array([_key(interest, n) for n in order], "<u8")
    steps = np.array([10_000 - 50 * n for n in range(ITEMS)], "<u2")
    watched = [_key((user * 31 + n) % INTERESTS, n) for n in range(7)]
    reasons = [
        Explanation("Because you watched ", "because_you_watched", ALGORITHMS[n % 3], watched[n]) for n in range(7)
    ]
    said = [reasons[n % 7] for n in range(ITEMS)]
    return scored(keys.tobytes(), steps.tobytes(), said, lambda one: one)


def _plain(value: bytes, cards: Mapping[int, ItemCard]) -> str:
    body = decode(value, cards)
    names = ("user_id", "source", "model_version", "generated_at", "expires_at", "recommendations")
    return json.dumps({"context": "homepage", **{name: body[name] for name in names}})


if __name__ == "__main__":
    asyncio.run(fill(sys.argv[1], int(sys.argv[2])))
