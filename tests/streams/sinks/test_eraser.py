"""When an erasure that was carried out is looked at again."""

import asyncio
import time

import pytest
from harness.polling import eventually

from streams.kafka.topics import Topics
from streams.sinks import eraser as of_eraser
from streams.sinks.config import SinkConfig
from streams.sinks.eraser import Eraser
from streams.sinks.metrics import SinkMetrics
from streams.sinks.sink import Erasure
from streams.sinks.store_calls import StoreCalls

ERASURE = Erasure("user.erasure:0:7", ("u",), "user.interactions", 0, 9, 1)


class Store:
    """Counts what it is asked to erase; `back` rows are there."""

    name = "clickhouse"

    def __init__(self) -> None:
        self.back = self.erased = 0

    def erase(self, erasure: Erasure) -> None:
        self.back, self.erased = 0, self.erased + 1

    def count(self, erasure: Erasure) -> int:
        return self.back


@pytest.fixture
def store() -> Store:
    return Store()


def eraser_of(store: Store) -> Eraser:
    metrics = SinkMetrics(store.name)
    return Eraser(SinkConfig("", Topics()), store, StoreCalls(store, metrics), metrics)  # type: ignore[arg-type]


async def is_due(eraser: Eraser) -> bool:
    return eraser.has_to_look


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_rows_that_came_back_go_at_the_next_look(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_eraser, "AGAIN_S", (0.2, 0.4))
    eraser = eraser_of(store)
    await eraser.erase(ERASURE, now_ms())
    assert not eraser.has_to_look
    for looks in (1, 2):
        store.back = looks
        await eventually("it is to be looked at again", lambda: is_due(eraser))
        await eraser.look()
        assert (store.back, store.erased) == (0, 1 + looks)
    assert not eraser._again


@pytest.mark.parametrize(("age_s", "looks"), [(0, 2), (61, 1), (901, 0)])
def test_whoever_takes_a_partition_over_looks_as_often_as_is_left(store: Store, age_s: int, looks: int) -> None:
    async def looks_left() -> int:
        eraser = eraser_of(store)
        eraser.look_again(ERASURE, now_ms() - age_s * 1000)
        left = len(eraser._again)
        eraser.let_go()
        assert not eraser.has_to_look
        return left

    assert asyncio.run(looks_left()) == looks
