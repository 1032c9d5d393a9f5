"""What a replay may know of items, and the points at which it publishes and refits."""

import random
from math import inf
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters
from agents.followers import model_watermark
from agents.followers.model_watermark import FIRST_REFIT_CHECKPOINT, ModelWatermark, RefitCheckpoints
from agents.items import ItemsStep, PublicationLimiter
from agents.training import vector_fits
from agents.training.vector_fits import FIT_EVERY_S, VectorFits
from tables import item_rows
from tables.item_plane import ItemLimits, ItemPlane
from tables.item_rows import ModelWatermarkRow

GROWTH = 2.0
CHECKPOINTS = [FIRST_REFIT_CHECKPOINT * 2**power for power in range(5)]


def row(partition: int, key: bytes, value: bytes = b"") -> ConsumerRecord:
    return ConsumerRecord("item.model", partition, 0, 0, 1, key, value, None, 0, 0, ())


def publication(partition: int, reached_ms: int, learned: int = 0, fitted: int = 0) -> ConsumerRecord:
    value = item_rows.MODEL_WATERMARK_CODEC.encode(
        ModelWatermarkRow(reached_ms=reached_ms, learned=learned, fitted=fitted)
    )
    return row(partition, item_rows.MODEL_WATERMARK, value)


def test_what_knows_of_later_events_waits_and_so_does_what_comes_after_it() -> None:
    applied: list[tuple[int, bytes]] = []
    frontier = 150.0
    follower = ModelWatermark(lambda record: applied.append((record.partition, record.key)), 2, lambda: frontier)
    published = [
        publication(0, 100),
        row(0, b"a"),
        publication(0, 200),
        row(0, b"b"),
        publication(1, 140),
        row(1, b"c"),
    ]
    for record in published:
        follower.take(record)
    assert applied == [(0, b"a"), (1, b"c")]
    assert follower.feature_cutoff_ms == 140
    follower.take(publication(0, 300))
    frontier = 200
    follower.release()
    assert applied[2:] == [(0, b"b")]
    assert follower.feature_cutoff_ms == 200
    follower.take(row(0, b"d"))  # of the epoch that waits
    frontier = inf
    follower.release()
    assert applied[3:] == [(0, b"d")]


def test_no_point_is_passed_until_all_item_partitions_passed_it() -> None:
    refit_checkpoints = RefitCheckpoints(GROWTH, lambda: True)
    follower = ModelWatermark(lambda _: None, 2, lambda: inf)
    follower.take(publication(1, 500, learned=CHECKPOINTS[3]))
    assert follower.passed(refit_checkpoints) == 0
    follower.take(publication(0, 500, learned=CHECKPOINTS[1]))
    assert follower.passed(refit_checkpoints) == 2


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
            PublicationLimiter(lambda: 1_000.0, 1, 10.0),
            RefitCheckpoints(GROWTH, lambda: far),
            lambda: self.now_s,
            DeadLetters("letters"),
        )

    def fold(self, reached_ms: int, learned: int = 0) -> None:
        headers = (model_watermark.header_of(reached_ms),)
        self.step.fold(ConsumerRecord("deltas", 0, 0, 0, 1, b"0", b"%d" % learned, None, 0, 0, headers))

    async def published(self) -> ModelWatermarkRow | None:
        effects = await self.step.effects(1, force=False)
        if effects is None:
            return None
        key, value = effects.changes[0]
        assert key == item_rows.MODEL_WATERMARK, "followers are told before they apply"
        return item_rows.MODEL_WATERMARK_CODEC.decode(value or b"")


async def test_a_replay_publishes_at_points_whatever_the_clock_says() -> None:
    plane = Plane(far=True)
    plane.fold(30, learned=FIRST_REFIT_CHECKPOINT - 2)
    assert (await plane.published()) == ModelWatermarkRow(
        reached_ms=30, learned=FIRST_REFIT_CHECKPOINT - 2
    )  # the first is always due
    plane.fold(99, learned=1)
    assert await plane.published() is None
    plane.fold(60, learned=1)  # of a partition of interactions that is behind
    assert (await plane.published()) == ModelWatermarkRow(reached_ms=99, learned=FIRST_REFIT_CHECKPOINT)
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
    assert (await plane.published()) == ModelWatermarkRow(reached_ms=1_000)


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
        self.refit_checkpoints = RefitCheckpoints(GROWTH, lambda: far)
        self.model_watermark = ModelWatermark(lambda _: None, 2, lambda: -inf if self.fits.due else inf)
        model: Any = Model()
        self.fits = VectorFits(model, lambda: {0}, self.model_watermark, self.refit_checkpoints)


@pytest.mark.parametrize("seed", range(5))
async def test_replays_refit_at_the_same_points_however_fast_epochs_come(fitted: list[int], seed: int) -> None:
    chance, worker = random.Random(seed), Fitting()
    coming = {partition: list(range(0, CHECKPOINTS[-1], 3_000 + 4_000 * partition)) for partition in (0, 1)}
    for _ in range(1_000):
        partition = chance.choice([0, 1])
        if coming[partition]:
            learned = coming[partition].pop(0)
            worker.model_watermark.take(publication(partition, learned, learned))
        if chance.random() < 0.2 or not any(coming.values()):
            await worker.fits.look(0, chance.random())
            worker.fits.take()
            worker.model_watermark.release()
    assert not any(coming.values())
    assert worker.fits.fitted == len(fitted) == 4
    # The partition that learns in larger steps decides for the others; how far they are besides is chance.
    assert all(checkpoint <= known for checkpoint, known in zip(CHECKPOINTS, fitted, strict=False))


async def test_a_new_owner_goes_on_at_the_next_point(fitted: list[int]) -> None:
    worker = Fitting()
    for partition in (0, 1):
        worker.model_watermark.take(publication(partition, 1, CHECKPOINTS[1], fitted=2))
    await worker.fits.look(0, 0.0)
    assert fitted == []
    for partition in (0, 1):
        worker.model_watermark.take(publication(partition, 7, CHECKPOINTS[2], fitted=2))
    await worker.fits.look(0, 0.0)
    assert fitted == [7]


@pytest.mark.usefixtures("fitted")
async def test_a_point_counts_as_fitted_once_all_its_rows_are_taken() -> None:
    worker = Fitting()
    for partition in (0, 1):
        worker.model_watermark.take(publication(partition, 1, CHECKPOINTS[0]))
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
