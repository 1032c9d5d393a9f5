"""What a replay may know of items, and the points at which it publishes and refits."""

import random
from math import inf
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents import epochs, vector_fits
from agents.dead_letters import DeadLetters
from agents.epochs import FIRST_POINT, Epochs, Points
from agents.items import ItemsStep, PublishPacer
from agents.vector_fits import FIT_EVERY_S, VectorFits
from tables import item_rows
from tables.item_plane import ItemLimits, ItemPlane
from tables.item_rows import EpochRow

GROWTH = 2.0
POINTS = [FIRST_POINT * 2**power for power in range(5)]


def row(partition: int, key: bytes, value: bytes = b"") -> ConsumerRecord:
    return ConsumerRecord("item.model", partition, 0, 0, 1, key, value, None, 0, 0, ())


def epoch(partition: int, reached_ms: int, learned: int = 0, fitted: int = 0) -> ConsumerRecord:
    value = item_rows.EPOCH_CODEC.encode(EpochRow(reached_ms=reached_ms, learned=learned, fitted=fitted))
    return row(partition, item_rows.EPOCH, value)


def test_what_knows_of_later_events_waits_and_so_does_what_comes_after_it() -> None:
    applied: list[tuple[int, bytes]] = []
    frontier = 150.0
    follower = Epochs(lambda record: applied.append((record.partition, record.key)), 2, lambda: frontier)
    published = [epoch(0, 100), row(0, b"a"), epoch(0, 200), row(0, b"b"), epoch(1, 140), row(1, b"c")]
    for record in published:
        follower.take(record)
    assert applied == [(0, b"a"), (1, b"c")]
    assert follower.knew_ms == 140
    follower.take(epoch(0, 300))
    frontier = 200
    follower.release()
    assert applied[2:] == [(0, b"b")]
    assert follower.knew_ms == 200
    follower.take(row(0, b"d"))  # of the epoch that waits
    frontier = inf
    follower.release()
    assert applied[3:] == [(0, b"d")]


def test_no_point_is_passed_until_all_item_partitions_passed_it() -> None:
    points = Points(GROWTH, lambda: True)
    follower = Epochs(lambda _: None, 2, lambda: inf)
    follower.take(epoch(1, 500, learned=POINTS[3]))
    assert follower.passed(points) == 0
    follower.take(epoch(0, 500, learned=POINTS[1]))
    assert follower.passed(points) == 2


class Counting(ItemPlane):
    """Learns as many entries from a record as it says."""

    def apply(self, value: bytes) -> int:
        return int(value)

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        return [(b"c", b"")]


class Plane:
    """An item partition that publishes when its step says so."""

    def __init__(self, far: bool) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.now_s = 0.0
        self.step = ItemsStep(
            lambda: Counting(0, self.rows, ItemLimits()),
            self.rows,
            PublishPacer(lambda: 1_000.0, 1),
            Points(GROWTH, lambda: far),
            lambda: self.now_s,
            DeadLetters("letters"),
        )

    def fold(self, reached_ms: int, learned: int = 0) -> None:
        headers = (epochs.header_of(reached_ms),)
        self.step.fold(ConsumerRecord("deltas", 0, 0, 0, 1, b"0", b"%d" % learned, None, 0, 0, headers))

    async def published(self) -> EpochRow | None:
        effects = await self.step.effects(1, force=False)
        if effects is None:
            return None
        key, value = effects.changes[0]
        assert key == item_rows.EPOCH, "followers are told before they apply"
        return item_rows.EPOCH_CODEC.decode(value or b"")


async def test_a_replay_publishes_at_points_whatever_the_clock_says() -> None:
    plane = Plane(far=True)
    plane.fold(30, learned=FIRST_POINT - 2)
    assert (await plane.published()) == EpochRow(reached_ms=30, learned=FIRST_POINT - 2)  # the first is always due
    plane.fold(99, learned=1)
    assert await plane.published() is None
    plane.fold(60, learned=1)  # of a partition of interactions that is behind
    assert (await plane.published()) == EpochRow(reached_ms=99, learned=FIRST_POINT)
    plane.step.reset()
    plane.fold(199, learned=5)
    assert await plane.published() is None, "a restart does not forget how far it was"


async def test_a_live_version_publishes_by_the_clock() -> None:
    plane = Plane(far=False)
    plane.fold(30)
    await plane.published()
    plane.fold(1_000)
    assert await plane.published() is None
    plane.now_s = 1_000.0
    assert (await plane.published()) == EpochRow(reached_ms=1_000)


class Model:
    """As much of an item model as a fit looks at."""

    class Visits:
        def __gt__(self, other: int) -> Any:
            return self

        def sum(self) -> int:
            return vector_fits.FIRST_FIT_ITEMS

    visits = Visits()

    def refresh_priors(self, now_ms: int) -> None: ...

    def __len__(self) -> int:
        return 1


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The times as of which vectors were fitted."""
    times: list[int] = []

    def fit(_: Model, as_of_ms: int) -> list[tuple[bytes, bytes]]:
        times.append(as_of_ms)
        return [(b"e", b"%d" % as_of_ms)]

    monkeypatch.setattr(vector_fits, "fitted_rows", fit)
    return times


class Fitting:
    """A worker that follows two item partitions and fits."""

    def __init__(self, far: bool = True) -> None:
        self.points = Points(GROWTH, lambda: far)
        self.epochs = Epochs(lambda _: None, 2, lambda: -inf if self.fits.due else inf)
        model: Any = Model()
        self.fits = VectorFits(model, lambda: {0}, self.epochs, self.points)


@pytest.mark.parametrize("seed", range(5))
async def test_replays_refit_at_the_same_points_however_fast_epochs_come(fitted: list[int], seed: int) -> None:
    chance, worker = random.Random(seed), Fitting()
    coming = {partition: list(range(0, POINTS[-1], 3_000 + 4_000 * partition)) for partition in (0, 1)}
    for _ in range(1_000):
        partition = chance.choice([0, 1])
        if coming[partition]:
            learned = coming[partition].pop(0)
            worker.epochs.take(epoch(partition, learned, learned))
        if chance.random() < 0.2 or not any(coming.values()):
            await worker.fits.look(0, chance.random())
            worker.fits.take()
            worker.epochs.release()
    assert not any(coming.values())
    assert worker.fits.fitted == len(fitted) == 4
    # The partition that learns in larger steps decides for the others; how far they are besides is chance.
    assert all(point <= known for point, known in zip(POINTS, fitted, strict=False))


async def test_a_new_owner_goes_on_at_the_next_point(fitted: list[int]) -> None:
    worker = Fitting()
    for partition in (0, 1):
        worker.epochs.take(epoch(partition, 1, POINTS[1], fitted=2))
    await worker.fits.look(0, 0.0)
    assert fitted == []
    for partition in (0, 1):
        worker.epochs.take(epoch(partition, 7, POINTS[2], fitted=2))
    await worker.fits.look(0, 0.0)
    assert fitted == [7]


@pytest.mark.usefixtures("fitted")
async def test_a_point_counts_as_fitted_once_all_its_rows_are_taken() -> None:
    worker = Fitting()
    for partition in (0, 1):
        worker.epochs.take(epoch(partition, 1, POINTS[0]))
    await worker.fits.look(0, 0.0)
    assert worker.fits.fitted == 0
    worker.fits.take()
    assert worker.fits.fitted == 1


async def test_a_live_version_fits_by_the_clock(fitted: list[int]) -> None:
    worker = Fitting(far=False)
    await worker.fits.look(7, 0.0)
    await worker.fits.look(8, FIT_EVERY_S - 1)
    await worker.fits.look(9, FIT_EVERY_S)
    assert fitted == [7, 9]
