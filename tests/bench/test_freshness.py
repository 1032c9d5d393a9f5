"""What the freshness bench publishes, and what it makes of what it measured."""

import json
import subprocess
import sys
import time
from itertools import groupby, islice
from pathlib import Path

import pytest
from freshness import Report
from freshness_beside_sinks import ALONE, AWAY, of_pairs
from freshness_traffic import BURSTS_AT_A_TIME, BURSTY, UNIFORM, BenchTraffic
from process_cpu import CpuClock

from streams.contract.events import parse_interaction
from streams.kafka.topics import Topics


def row(workers: int, users: str, rate: int, p99_ms: float, cores: float = 1.0) -> dict[str, object]:
    return {"workers": workers, "users": users, "rate": rate, "p99_ms": p99_ms, "cpu_cores_of_all": cores}


@pytest.mark.parametrize(("saturation", "expected"), [(2_000.0, 8.0), (1_000.0, 3.0)])
def test_figures_are_of_the_most_workers_and_the_lesser_load(
    saturation: float, expected: float, tmp_path: Path
) -> None:
    report = Report(tmp_path / "out.json", floors_ms={1: 50.0, 2: 100.0}, saturations={1: 500.0, 2: saturation})
    report.add(row(1, UNIFORM, 300, 150.0, cores=0.4))
    for users, worse in ((UNIFORM, 0), (BURSTY, 100)):
        report.add(row(2, users, 300, 150.0, cores=0.7 + worse))
        report.add(row(2, users, 700, 200.0 + worse))
        report.add(row(2, users, 1_000, 700.0 + worse))
    figures = report.as_dict()
    assert (figures["floor_p50_ms"], figures["cpu_cores_at_300"]) == (100.0, 0.7)
    assert (figures["p99_over_floor"], figures["saturation_events_per_s"]) == (expected, saturation)


def test_pairs_are_compared_by_their_medians() -> None:
    """One row that met a busy machine does not decide."""
    rows = [
        {"beside": kind, "p50_ms": p50_ms, "p99_ms": 2 * p50_ms}
        for kind, figures in ((ALONE, (50, 40, 900)), (AWAY, (60, 800, 55)))
        for p50_ms in figures
    ]
    found = of_pairs(rows)
    assert found["p50_ms"] == {ALONE: 50, AWAY: 60, "ratio": 1.2}
    assert found["p99_ms"] == {ALONE: 100, AWAY: 120, "ratio": 1.2}


def test_every_row_is_in_the_file_as_soon_as_it_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    report = Report(out)
    for number in (1, 2):
        report.add(row(1, UNIFORM, number, 1.0))
        assert len(json.loads(out.read_text())["rows"]) == number
    figures = json.loads(out.read_text())
    assert figures["p99_over_floor"] is figures["floor_p50_ms"] is figures["cpu_cores_at_300"] is None


def test_traffic_is_valid_seeded_and_differs_in_who_acts() -> None:
    def events(kind: str, count: int) -> list[tuple[str, str | None]]:
        records = islice(BenchTraffic(Topics("t"), users=500, items=50).events(kind), count)
        found = [parse_interaction(record.value, 4_000_000_000_000) for record in records]
        assert len({event.event_id for event in found}) == count
        return [(event.user_id, event.item_id) for event in found]

    assert events(UNIFORM, 400) == events(UNIFORM, 400)
    assert len({user for user, _ in events(UNIFORM, 100)}) > 80
    bursts = [user for user, _ in events(BURSTY, 2_000)]
    assert len(set(bursts[:40])) <= BURSTS_AT_A_TIME
    assert 80 <= len(set(bursts)) <= 120
    assert max(len(list(group)) for _, group in groupby(bursts)) < 20  # several act at a time


def test_what_this_process_started_is_not_counted_as_its_own() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys\nwhile 1: pass"]) as busy:
        clock = CpuClock({"busy": [busy.pid]}, "own")
        while (passed_s := clock.passed_s())["busy"] < 0.3:
            time.sleep(0.02)
        busy.kill()
    assert set(passed_s) == {"busy", "own"}
    assert passed_s["own"] < passed_s["busy"]
