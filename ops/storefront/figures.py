"""What the operators' panel shows, read once a second from where it is counted anyway."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families

from agents.versions.registry import read_registry
from ops.demo.freshness import FreshnessProbe
from ops.demo.lag import Positions, read_positions
from ops.demo.namespace import Namespace
from ops.group_progress import GroupProgress
from ops.processes.supervisor import ProcessSupervisor
from streams.kafka.errors import KafkaError as OurKafkaError
from streams.kafka.topics import Topics

_EVERY_S = 1.0
_WINDOW = 5
_TIMEOUT_S = 2.0


class Figures:
    """Looks for as long as it runs; `latest` is what was seen last, and `changed` is called after each look."""

    def __init__(
        self,
        namespace: Namespace,
        progress: GroupProgress,
        supervisor: ProcessSupervisor,
        probe: FreshnessProbe,
        collect_port: int,
        worker_ports: list[int],
    ) -> None:
        self.latest: dict[str, Any] = {}
        self.notices: deque[str] = deque(maxlen=8)
        self._topics: Topics = namespace.topics
        self._kafka = namespace.settings.kafka
        self._progress, self._supervisor, self._probe = progress, supervisor, probe
        self._collect_port, self._worker_ports = collect_port, worker_ports
        self._ends: deque[tuple[float, int]] = deque(maxlen=_WINDOW)
        self._listeners: set[Callable[[], None]] = set()

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Calls `changed` after each look; what it returns ends that."""
        self._listeners.add(changed)
        return lambda: self._listeners.discard(changed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.latest = await self._look()
            for changed in list(self._listeners):
                changed()
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> dict[str, Any]:
        positions = await self._positions()
        counts = await asyncio.gather(*(asyncio.to_thread(totals, port) for port in self._worker_ports))
        tried = sum(of.get("freshet_next_items_total", 0.0) for of in counts)
        hits = sum(of.get("freshet_next_items_in_top_10_total", 0.0) for of in counts)
        collected = await asyncio.to_thread(totals, self._collect_port)
        freshness = self._probe.percentiles
        return {
            "events_per_s": self._rate(positions),
            "in_log": sum(positions.ends.values()) if positions else None,
            "folded": positions.folded if positions else None,
            "lag": positions.lag if positions else None,
            "collected": collected.get("freshet_collect_acknowledged_total", 0.0),
            "freshness_p50_ms": round(freshness.p50) if freshness else None,
            "freshness_p99_ms": round(freshness.p99) if freshness else None,
            "hr_at_10": round(hits / tried, 3) if tried else None,
            "judged": int(tried),
            "serves": await self._weights(),
            "workers": {name: pid for name, pid in self._supervisor.pids.items() if "worker" in name},
            "restarts": self._supervisor.restarts,
            "notices": list(self.notices),
        }

    async def _positions(self) -> Positions | None:
        try:
            return await read_positions(self._progress, self._topics)
        except KafkaError:
            return None  # shown as unknown; asked again in a second

    async def _weights(self) -> dict[str, int]:
        try:
            current = (await read_registry(self._kafka, self._topics)).current
        except OurKafkaError:
            return {}
        return dict(current.weights) if current is not None else {}

    def _rate(self, positions: Positions | None) -> float | None:
        if positions is None:
            return None
        self._ends.append((time.monotonic(), sum(positions.ends.values())))
        (first_s, first), (last_s, last) = self._ends[0], self._ends[-1]
        return round((last - first) / (last_s - first_s), 1) if last_s > first_s else 0.0


def totals(port: int) -> dict[str, float]:
    """Counts without labels on the metrics page of a process; none while it starts, and when it was killed while it
    answered: they come back."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
    except (OSError, HTTPException, ValueError):
        return {}
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}
