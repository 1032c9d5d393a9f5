"""What this process has counted, and /metrics for all processes of one endpoint together.

prometheus_client's own multi-process mode writes a memory map on every increment (1–4 µs). Counting here is a list and
a bisection (0.4 µs); each process puts its totals into a file every second, and whoever is asked adds the files up.
Files of processes that have ended stay, so that no counter goes back when a worker is replaced.
"""

from __future__ import annotations

import os
import secrets
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_PREFIX = "freshet_endpoint_"
_HELP = {
    "answers": "Answers by where the list came from.",
    "redis_trips": "How often the circuit breaker to Redis opened.",
    "redis_connects": "Connections made to Redis.",
    "redis_unavailable": "Reads that Redis did not answer in time.",
    "unreadable_lists": "Stored values that are no list, or somebody else's.",
    "published": "Request and served records handed to Kafka.",
    "publish_dropped": "Request and served records dropped because Kafka was away or slow.",
    "log_dropped": "Log lines dropped because standard output took none.",
    "restarts": "How often a background task failed and was begun again.",
}


class Metrics:
    """Counts requests by route and status and their durations by route; other totals are read from their owners."""

    def __init__(self, folder: Path | None) -> None:
        self.answers: Counter[str] = Counter()
        self.restarts: Counter[str] = Counter()
        self.totals: dict[str, int] = {}
        self._counts: dict[tuple[str, int], list[float]] = {}  # per bucket, then the sum of the durations
        self._folder = folder
        # Not the process id alone: another endpoint in another container may share the folder, and ids come again.
        name = f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._file = folder / name if folder is not None else None

    def observe(self, route: str, status: int, duration_s: float) -> None:
        """One finished request."""
        counts = self._counts.get((route, status))
        if counts is None:
            counts = self._counts[route, status] = [0.0] * (len(BUCKETS_S) + 2)
        counts[bisect_left(BUCKETS_S, duration_s)] += 1
        counts[-1] += duration_s

    def snapshot(self) -> dict[str, Any]:
        """Everything counted so far, fit for JSON."""
        counts = {f"{route} {status}": counts for (route, status), counts in self._counts.items()}
        return {"counts": counts, "answers": self.answers, "restarts": self.restarts, "totals": self.totals}

    def save(self) -> None:
        """Puts the totals where the other processes find them."""
        if self._file is not None:
            fresh = self._file.with_suffix(".new")
            fresh.write_bytes(orjson.dumps(self.snapshot()))
            fresh.replace(self._file)

    def page(self) -> bytes:
        """The Prometheus text page of all processes."""
        from prometheus_client import generate_latest
        from prometheus_client.registry import CollectorRegistry

        registry = CollectorRegistry()
        registry.register(_Sums([self.snapshot(), *self._others()]))
        return generate_latest(registry)

    def _others(self) -> list[dict[str, Any]]:
        files = self._folder.glob("*.json") if self._folder is not None else []
        return [orjson.loads(file.read_bytes()) for file in files if file != self._file]


class _Sums:
    """A prometheus_client collector over the snapshots of all processes."""

    def __init__(self, snapshots: list[dict[str, Any]]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Any]:
        """Yields metric families."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            _PREFIX + "requests", "Requests by route and status.", labels=["route", "status"]
        )
        for route, by_status in (counted := self._counts()).items():
            for status, counts in by_status.items():
                requests.add_metric([route, status], sum(counts[:-1]))
        yield requests
        answers = CounterMetricFamily(_PREFIX + "answers", _HELP["answers"], labels=["source"])
        for source, count in self._sum("answers").items():
            answers.add_metric([source], count)
        yield answers
        restarts = CounterMetricFamily(_PREFIX + "task_restarts", _HELP["restarts"], labels=["task"])
        for task, count in self._sum("restarts").items():
            restarts.add_metric([task], count)
        yield restarts
        for name, count in self._sum("totals").items():
            yield CounterMetricFamily(_PREFIX + name, _HELP[name], value=count)
        durations = HistogramMetricFamily(
            _PREFIX + "request_seconds", "Time to the answer, by route.", labels=["route"]
        )
        for route, by_status in counted.items():
            counts = _added(by_status.values())
            durations.add_metric([route], list(_cumulated(counts[:-1])), counts[-1])
        yield durations

    def _sum(self, name: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for snapshot in self._snapshots:
            total.update(snapshot.get(name, {}))  # a process of a former release, replaced since, wrote fewer
        return total

    def _counts(self) -> dict[str, dict[str, list[float]]]:
        """Route and status to what all processes counted of them."""
        total: dict[str, dict[str, list[float]]] = {}
        for snapshot in self._snapshots:
            for key, counts in snapshot["counts"].items():
                route, _, status = key.rpartition(" ")
                by_status = total.setdefault(route, {})
                by_status[status] = _added([by_status[status], counts]) if status in by_status else counts
        return total


def _added(counts: Iterable[list[float]]) -> list[float]:
    return [sum(column) for column in zip(*counts, strict=True)]


def _cumulated(counts: list[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), counts, strict=True):
        total += count
        yield bound, total
