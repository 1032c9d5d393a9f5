"""When a worker is alive and when it is ready: restoring and rebalancing it is alive and not ready."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from agents.delivery.ownership import Ownership
from agents.metrics.worker_metrics import POLLED_WITHIN_S, WorkerMetrics
from streams.kafka.read_progress import ReadProgress
from streams.kafka.topics import Topics

TP = TopicPartition("user.interactions", 0)


class Worker:
    """The parts that probes ask."""

    def __init__(self) -> None:
        self.task = SimpleNamespace(accepts=True)
        self.ownership = Ownership("nowhere", "group", lambda _: self.task)  # type: ignore[arg-type, return-value]
        self.consumed = ReadProgress()
        parts: Any = SimpleNamespace(topics=Topics(""), ownership=self.ownership, consumed=self.consumed)
        self.probes = WorkerMetrics(parts, lambda: 0)

    def owns(self, *, polled_s_ago: float = 0.0, taken_s_ago: float = 1_000.0) -> None:
        self.ownership._generation = 1
        self.ownership._tasks[TP] = self.task  # type: ignore[assignment]
        self.consumed.polled_s = time.monotonic() - polled_s_ago
        self.ownership.times.ended_s = time.monotonic() - taken_s_ago


def test_who_owns_and_polls_is_alive_and_ready() -> None:
    worker = Worker()
    worker.owns()
    assert (worker.probes.stuck(), worker.probes.unready()) == ("", "")


def test_who_has_joined_no_group_or_owns_nothing_says_so_and_is_alive() -> None:
    worker = Worker()
    assert "not given it partitions" in worker.probes.unready()
    worker.ownership._generation = 1
    assert "owns no partition" in worker.probes.unready()
    assert worker.probes.stuck() == ""


def test_who_restores_for_long_is_alive() -> None:
    worker = Worker()
    worker.owns(polled_s_ago=10 * POLLED_WITHIN_S)
    worker.ownership.times.since_s = time.monotonic() - 500
    assert worker.probes.unready().startswith("restoring partitions for 500.")
    assert worker.probes.stuck() == ""


def test_who_rebalances_is_alive() -> None:
    worker = Worker()
    worker.owns(polled_s_ago=10 * POLLED_WITHIN_S)
    worker.task.accepts = False
    assert worker.probes.unready() == "the group is rebalancing"
    assert worker.probes.stuck() == ""


@pytest.mark.parametrize(("taken_s_ago", "stuck"), [(5 * POLLED_WITHIN_S, True), (1.0, False)])
def test_who_owns_and_does_not_poll_is_not_alive_but_for_a_moment(taken_s_ago: float, stuck: bool) -> None:
    worker = Worker()
    worker.owns(polled_s_ago=2 * POLLED_WITHIN_S, taken_s_ago=taken_s_ago)
    assert bool(worker.probes.stuck()) is stuck
