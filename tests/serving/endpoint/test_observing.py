"""What is counted and logged is what happened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serving.endpoint import line_log
from serving.endpoint.config import EndpointConfig
from serving.endpoint.line_log import LineLog
from serving.endpoint.metrics import Metrics
from serving.endpoint.publisher import AnswerPublisher
from serving.endpoint.sampled_log import SampledLog
from serving.endpoint.shown import ShownAnswer


def test_durations_are_a_prometheus_histogram() -> None:
    metrics = Metrics(None)
    for duration_s in (0.0001, 0.003, 0.003, 7.0):
        metrics.observe("similar", 200, duration_s)
    page = metrics.page().decode()
    name = "freshet_endpoint_request_seconds"
    for bound, count in (("0.0005", 1), ("0.0025", 1), ("0.005", 3), ("1.0", 3), ("+Inf", 4)):
        assert f'{name}_bucket{{le="{bound}",route="similar"}} {count}.0' in page
    assert f'{name}_count{{route="similar"}} 4.0' in page
    assert f'{name}_sum{{route="similar"}} 7.0061' in page


def test_failures_are_always_logged_and_the_rest_by_share(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(LineLog, "add", lambda _, line: lines.append(line))
    log = SampledLog(LineLog(), 0.25)
    for _ in range(2_000):
        log.add("similar", 200, 10, 0.001)
    assert 300 < len(lines) < 700
    lines.clear()
    for _ in range(20):
        log.add("similar", 503, 10, 0.001)
    assert [line["status"] for line in lines] == [503] * 20


def test_a_full_log_drops_and_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_log, "MAX_LINES", 2)
    log = LineLog()
    for number in range(5):
        log.add({"n": number})
    assert log.dropped == 3


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 2_000, 2_000), (0.25, 300, 700)])
def test_a_share_of_the_answers_is_published(config: EndpointConfig, share: float, low: int, high: int) -> None:
    publisher = AnswerPublisher(replace(config, kafka_bootstrap="127.0.0.1:1", publish_share=share))
    for number in range(2_000):
        publisher.add(ShownAnswer(number, {"user_id": "u"}, "personal", b"{", b""))
    assert low <= len(publisher._queue) <= high
    assert publisher.dropped == 0
