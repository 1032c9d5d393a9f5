"""Data sets and the simulator look the same to whoever publishes."""

import json
from pathlib import Path
from typing import Any

import pytest

from offline.datasets.movielens_100k import MovieLens100K
from offline.pacing import paced
from offline.simulator.world import World
from offline.traffic import DatasetTraffic, SimulatedTraffic, TimedRecord, Traffic
from streams.contract.events import parse_interaction
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics

NOW_MS = 1_700_000_000_000
TOPICS = Topics("ns")


@pytest.fixture
def dataset(tmp_path: Path) -> MovieLens100K:
    (tmp_path / "u.data").write_text("".join(f"{n % 3}\t{n}\t4\t{880_000_000 + n}\n" for n in range(1, 11)))
    (tmp_path / "u.genre").write_text("unknown|0\n")
    (tmp_path / "u.item").write_text("1|One (1990)|||x|0\n")
    (tmp_path / "u.user").write_text("1|24|M|x|y\n")
    return MovieLens100K(tmp_path)


def events(traffic: Traffic) -> list[dict[str, Any]]:
    return [json.loads(timed.record.value or b"") for timed in traffic.events()]


def test_the_last_event_is_now_and_distances_stay(dataset: MovieLens100K) -> None:
    timed = list(DatasetTraffic(dataset, TOPICS, NOW_MS).events())
    assert [due_ms for _, due_ms in timed] == [NOW_MS - 1000 * n for n in reversed(range(10))]
    assert [record.key for record, _ in timed] == [str(n % 3).encode() for n in range(1, 11)]
    for record, due_ms in timed:
        assert record.topic == "ns.user.interactions"
        assert parse_interaction(record.value, NOW_MS).timestamp_ms == due_ms


def test_first_and_last_end_now_too(dataset: MovieLens100K) -> None:
    first = events(DatasetTraffic(dataset, TOPICS, NOW_MS, first=3))
    last = events(DatasetTraffic(dataset, TOPICS, NOW_MS, last=3))
    assert [event["event_id"] for event in first] == ["ml-100k:1", "ml-100k:2", "ml-100k:3"]
    assert [event["event_id"] for event in last] == ["ml-100k:8", "ml-100k:9", "ml-100k:10"]
    assert first[-1]["timestamp"] == last[-1]["timestamp"] == NOW_MS
    assert len(events(DatasetTraffic(dataset, TOPICS, NOW_MS, last=99))) == 10
    assert events(DatasetTraffic(dataset, TOPICS, NOW_MS, first=0)) == []
    with pytest.raises(ValueError, match="not both"):
        DatasetTraffic(dataset, TOPICS, NOW_MS, first=1, last=1)


def test_catalogue_and_profiles_of_a_data_set(dataset: MovieLens100K) -> None:
    traffic = DatasetTraffic(dataset, TOPICS, NOW_MS)
    assert [(record.topic, record.key) for record in traffic.catalog()] == [("ns.catalog.items", b"1")]
    assert [(record.topic, record.key) for record in traffic.profiles()] == [("ns.users.profiles", b"1")]


def test_a_world_publishes_its_records_where_they_belong() -> None:
    world = World(1, 20, 30, start_ms=NOW_MS, partitions=3, wrong_partition_share=0.1, new_items_per_1000=30)
    traffic = SimulatedTraffic(world, TOPICS, count=500)
    assert len(list(traffic.catalog())) == 30
    assert {record.topic for record in traffic.profiles()} == {"ns.users.profiles"}
    records = [timed.record for timed in traffic.events()]
    interactions = [record for record in records if record.topic == "ns.user.interactions"]
    assert len(interactions) == world.expected.published == 500
    assert len(records) - 500 == world.expected.new_items > 0
    assert {record.topic for record in records} == {"ns.user.interactions", "ns.catalog.items"}
    assert {record.partition for record in interactions} == {None, 0, 1, 2}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize(("speed", "expected_s"), [(1.0, [0, 2, 2, 3]), (0.5, [0, 4, 4, 6]), (None, [0, 0, 0, 0])])
async def test_pace(monkeypatch: pytest.MonkeyPatch, speed: float | None, expected_s: list[float]) -> None:
    clock = Clock()
    monkeypatch.setattr("offline.pacing.time", clock)
    monkeypatch.setattr("offline.pacing.asyncio", clock)
    record = OutgoingRecord("t", None, b"")
    timed = [TimedRecord(record, NOW_MS + ms) for ms in (0, 2000, 2000, 3000)]
    assert [clock.now_s - 50 async for _ in paced(timed, speed)] == expected_s
