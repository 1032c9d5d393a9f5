"""Freshness: what counts as reflected, and the figures made of it."""

import asyncio
from typing import Any

import pytest
from harness.patience import within

from ops.demo import freshness
from ops.demo.freshness import FreshnessProbe, percentile, reflects
from serving.keys import Keys
from serving.list_format import Explanation, ListStamp, scored
from serving.redis_clients import OneRedis

KEYS = Keys("demo")
STAMP = ListStamp("v1", "personal", partition=2, generated_at_ms=1_000, expires_at_ms=2_000)


def list_at(offset: int, items: int = 100) -> bytes:
    said = Explanation("Popular", "popular", "popular")
    return STAMP.personal("u1", offset, scored(bytes(8 * items), bytes(2 * items), [said] * items, lambda one: one))


class FakeRedis:
    """Values by key, read in pipelines of GETRANGE."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def pipeline(self, transaction: bool) -> "FakeRedis":
        assert not transaction
        self._asked: list[bytes] = []
        return self

    async def __aenter__(self) -> "FakeRedis":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def getrange(self, key: str, start: int, end: int) -> None:
        self._asked.append(self.values.get(key, b"")[start : end + 1])

    async def execute(self) -> list[bytes]:
        return self._asked


@pytest.mark.parametrize(
    ("value", "partition", "offset", "expected"),
    [
        (list_at(7), 2, 7, True),
        (list_at(8), 2, 7, True),
        (list_at(6), 2, 7, False),
        (list_at(7), 1, 7, False),
        (b"", 2, 7, False),
    ],
)
def test_a_list_reflects_an_event_of_its_partition_up_to_its_offset(
    value: bytes, partition: int, offset: int, expected: bool
) -> None:
    assert reflects(value, partition, offset) is expected


def test_percentiles_are_nearest_ranks() -> None:
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0
    assert percentile([float(n) for n in range(1, 201)], 50) == 100.0
    assert percentile([float(n) for n in range(1, 201)], 99) == 198.0


async def test_an_event_is_followed_until_the_list_has_it() -> None:
    redis: Any = FakeRedis()
    probe = FreshnessProbe(OneRedis(redis), KEYS)
    running = asyncio.create_task(probe.run())
    assert probe.percentiles is None

    redis.values[KEYS.user_list("u1")] = list_at(6, items=500)  # longer than what is read of it
    probe.offer("u1", 2, 7)
    await asyncio.sleep(5 * freshness.POLL_S)
    assert probe.percentiles is None
    redis.values[KEYS.user_list("u1")] = list_at(9, items=500)
    await within(10, probe.first_list.wait())

    assert probe.percentiles is not None
    assert probe.percentiles.p50 > 0
    running.cancel()


async def test_a_list_that_never_comes_counts_as_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "OVERDUE_S", 0.02)
    redis: Any = FakeRedis()
    probe = FreshnessProbe(OneRedis(redis), KEYS)
    running = asyncio.create_task(probe.run())

    probe.offer("u1", 2, 7)
    async with asyncio.timeout(10):
        while probe.overdue == 0:  # noqa: ASYNC110  the probe tells nobody, on purpose
            await asyncio.sleep(0.001)

    assert probe.percentiles is not None
    assert probe.percentiles.p50 >= 20
    assert not probe.first_list.is_set()
    running.cancel()


async def test_only_a_few_events_are_followed_at_a_time() -> None:
    redis: Any = FakeRedis()
    probe = FreshnessProbe(OneRedis(redis), KEYS)
    redis.values[KEYS.user_list("u1")] = list_at(1_000)
    for offset in range(2 * freshness.MAX_OPEN):
        probe.offer("u1", 2, offset)
    running = asyncio.create_task(probe.run())
    await within(10, probe.first_list.wait())
    assert probe.samples == freshness.MAX_OPEN
    running.cancel()
