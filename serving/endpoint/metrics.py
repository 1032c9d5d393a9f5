"""What this process has counted, and /metrics for all processes of one endpoint together.

prometheus_client's own multi-process mode writes a memory map on every increment (1–4 µs). Counting here is a list and
a bisection (0.4 µs); each process puts its totals into a file every second, and whoever is asked adds the files up.
Files of processes that have ended stay, so that no counter goes back when a worker is replaced; of what a process is
just now only those count that still write.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import orjson

from serving.endpoint.shown import ShownAnswer
from streams.metrics import DURATION_BOUNDS_S, Distribution, ExportedMetric, MetricKind, MetricsText, Reading

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
#: A process that has not put its totals down for so long has ended, or is as good as that.
WRITES_WITHIN_S = 10.0
#: Different values of a label that come from outside; further ones are one together.
MOST_VALUES = 100
_OTHERS = b"other"
_VERSION, _EXPERIMENT, _VARIANT = b'"model_version":"', b'"experiment_id":"', b'"variant":"'


def _counter(name: str, meaning: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(f"freshet_endpoint_{name}", MetricKind.COUNTER, meaning, labels)


def _gauge(name: str, meaning: str) -> ExportedMetric:
    return ExportedMetric(f"freshet_endpoint_{name}", MetricKind.GAUGE, meaning)


REQUESTS: Final = _counter("requests", "Requests by route and status.", "route", "status")
DURATIONS: Final = ExportedMetric(
    "freshet_endpoint_request_seconds", MetricKind.HISTOGRAM, "Time to the answer, by route.", ("route",)
)
ANSWERS: Final = _counter("answers", "Answers by route and where the list came from.", "route", "source")
FALLBACKS: Final = _counter(
    "fallbacks",
    "Answers that were not what was asked for: no list of the reader's own, what is popular instead of similar, trends "
    "of everywhere instead of the region, nothing to continue for somebody unknown.",
    "route",
)
VERSIONS: Final = _counter("version_answers", "Answers by the version that made the list.", "version")
EXPOSED: Final = _counter(
    "experiment_answers", "Answers under an experiment's variants; of several, names joined by commas.",
    "experiment", "variant",
)  # fmt: skip
RESTARTS: Final = _counter("task_restarts", "How often a background task failed and was begun again.", "task")
TOTALS: Final = {
    "redis_trips": _counter("redis_trips", "How often the circuit breaker to Redis opened."),
    "redis_connects": _counter("redis_connects", "Connections made to Redis."),
    "redis_unavailable": _counter("redis_unavailable", "Reads that Redis did not answer in time."),
    "unreadable_lists": _counter("unreadable_lists", "Stored values that are no list, or somebody else's."),
    "missing_cards": _counter("missing_cards", "Listed items not shown because nobody knows what they are."),
    "published": _counter("published", "Request and served records handed to Kafka."),
    "publish_dropped": _counter("publish_dropped", "Request and served records dropped: Kafka was away or slow."),
    "log_dropped": _counter("log_dropped", "Log lines dropped because standard output took none."),
    "searches_refused": _counter("searches_refused", "Searches refused because too many of them waited."),
}
PROCESSES: Final = _gauge("processes", "Processes that share the endpoint's port.")
CONNECTED: Final = _gauge("redis_connected_processes", "Those whose circuit to Redis is closed.")
REDIS: Final = ExportedMetric(
    "freshet_endpoint_redis_seconds", MetricKind.HISTOGRAM, "Round trips to Redis: one PING a second of each process."
)

METRICS: Final = (
    *(REQUESTS, DURATIONS, ANSWERS, FALLBACKS, VERSIONS, EXPOSED, RESTARTS),
    *(*TOTALS.values(), PROCESSES, CONNECTED, REDIS),
)


Names = TypeVar("Names", bound=tuple[bytes, ...])


class Metrics:
    """Counts requests by route and status and their durations by route; other totals are read from their owners."""

    def __init__(self, folder: Path | None) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.fallbacks: Counter[str] = Counter()
        self.versions: Counter[tuple[bytes]] = Counter()
        self.exposed: Counter[tuple[bytes, bytes]] = Counter()
        self.restarts: Counter[str] = Counter()
        self.totals: dict[str, int] = {}
        self.redis_s = Distribution(DURATION_BOUNDS_S)
        self.is_connected = False
        self._durations: dict[tuple[str, int], Distribution] = {}
        self._folder = folder
        # Not the process id alone: another endpoint in another container may share the folder, and ids come again.
        name = f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._file = folder / name if folder is not None else None

    def observe(self, route: str, status: int, duration_s: float) -> None:
        """One finished request."""
        durations = self._durations.get((route, status))
        if durations is None:
            durations = self._durations[route, status] = Distribution(BUCKETS_S)
        durations.observe(duration_s)

    def tell(self, shown: ShownAnswer) -> None:
        """One answer with a list; about a microsecond."""
        head = shown.head
        self.answers[shown.surface, shown.source] += 1
        if shown.is_fallback:
            self.fallbacks[shown.surface.value] += 1
        _count(self.versions, (_text_in(head, _VERSION),))
        if _EXPERIMENT in head:
            _count(self.exposed, (_text_in(head, _EXPERIMENT), _text_in(head, _VARIANT)))

    def snapshot(self) -> dict[str, Any]:
        """Everything counted so far, fit for JSON."""
        return {
            "counts": {f"{route} {status}": _as_list(of) for (route, status), of in self._durations.items()},
            "answers": {f"{route} {source}": count for (route, source), count in self.answers.items()},
            "fallbacks": self.fallbacks,
            "versions": _named(self.versions),
            "exposed": _named(self.exposed),
            "restarts": self.restarts,
            "totals": self.totals,
            "redis_s": _as_list(self.redis_s),
            "connected": self.is_connected,
            "at_s": time.time(),
        }

    def save(self) -> None:
        """Puts the totals where the other processes find them."""
        if self._file is not None:
            fresh = self._file.with_suffix(".new")
            fresh.write_bytes(orjson.dumps(self.snapshot()))
            fresh.replace(self._file)

    def page(self) -> bytes:
        """The Prometheus text page of all processes."""
        return MetricsText(_Sums([self.snapshot(), *self._others()]).readings()).text()

    def _others(self) -> list[dict[str, Any]]:
        files = self._folder.glob("*.json") if self._folder is not None else []
        return [orjson.loads(file.read_bytes()) for file in files if file != self._file]


class _Sums:
    """What the snapshots of all processes say together."""

    def __init__(self, snapshots: list[dict[str, Any]]) -> None:
        self._snapshots = snapshots

    def readings(self) -> Iterator[Reading]:
        """Every metric."""
        by_status = self._durations()
        yield REQUESTS, {tuple(key.rpartition(" ")[::2]): float(sum(of.counts)) for key, of in by_status.items()}
        by_route: dict[str, Distribution] = {}
        for key, durations in by_status.items():
            _add(by_route.setdefault(key.rpartition(" ")[0], Distribution(BUCKETS_S)), _as_list(durations))
        yield DURATIONS.by(by_route)
        yield ANSWERS, {_two(key): float(count) for key, count in self._sum("answers").items()}
        yield FALLBACKS.by(self._sum("fallbacks"))
        yield VERSIONS.by(self._sum("versions"))
        yield EXPOSED, {_two(key): float(count) for key, count in self._sum("exposed").items()}
        yield RESTARTS.by(self._sum("restarts"))
        totals = self._sum("totals")
        for name, metric in TOTALS.items():
            yield metric.of(float(totals[name]))
        present = [one for one in self._snapshots if abs(time.time() - one.get("at_s", 0.0)) <= WRITES_WITHIN_S]
        yield PROCESSES.of(float(len(present)))
        yield CONNECTED.of(float(sum(one["connected"] for one in present)))
        redis_s = Distribution(DURATION_BOUNDS_S)
        for snapshot in self._snapshots:
            if "redis_s" in snapshot:
                _add(redis_s, snapshot["redis_s"])
        yield REDIS.of(redis_s)

    def _sum(self, name: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for snapshot in self._snapshots:
            total.update(snapshot.get(name, {}))  # a process of a former release, replaced since, wrote fewer
        return total

    def _durations(self) -> dict[str, Distribution]:
        """Route and status to what all processes counted of them."""
        total: dict[str, Distribution] = {}
        for snapshot in self._snapshots:
            for key, counts in snapshot["counts"].items():
                _add(total.setdefault(key, Distribution(BUCKETS_S)), counts)
        return total


def _count(counts: Counter[Names], names: Names) -> None:
    if names in counts or len(counts) < MOST_VALUES:
        counts[names] += 1
    else:
        counts[cast(Names, (_OTHERS,) * len(names))] += 1


def _text_in(head: bytes, member: bytes) -> bytes:
    """The text of a member whose value has no quotes in it; b"" without the member.

    >>> _text_in(b'{"model_version":"v1","variant":""', b'"model_version":"')
    b'v1'
    """
    start = head.find(member)
    if start < 0:
        return b""
    start += len(member)
    return head[start : head.find(b'"', start)]


def _named(counts: Counter[Names]) -> dict[str, int]:
    return {b" ".join(names).decode(errors="replace"): count for names, count in counts.items()}


def _two(key: str) -> tuple[str, str]:
    first, _, second = key.partition(" ")
    return first, second


def _as_list(durations: Distribution) -> list[float]:
    """Per bucket, then the sum."""
    return [*durations.counts, durations.total]


def _add(total: Distribution, counts: Iterable[float]) -> None:
    *buckets, sum_s = counts
    total.counts = [own + int(more) for own, more in zip(total.counts, buckets, strict=True)]
    total.total += sum_s
