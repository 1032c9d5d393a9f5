"""The model check: real delivery code, simulated servers, thousands of schedules of faults; each must end exact.

FRESHET_MODEL_SEEDS=20000 pytest -s tests/laws/test_model.py     more schedules, from seed 0
FRESHET_MODEL_SEEDS=4711:4712 pytest tests/laws/test_model.py    one seed again
"""

import gc
import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from simulation.schedule import FAULTS, Plan, Schedule, plan_of, run_seed
from simulation.steps import KILLER, POISON

SEEDS = os.environ.get("FRESHET_MODEL_SEEDS", "600")
CHUNKS = 6
KINDS_OF_END = {"kill -9", "RecordsMissing", "ProducerFenced", "RequestFailed", "Poisoned", "MemoryError"}


def seeds() -> range:
    first, _, end = SEEDS.rpartition(":")
    return range(int(first or 0), int(end))


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    """A schedule leaves cycles behind and logs what it suffers: both cost as much as the schedule itself."""
    gc.disable()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_schedule_ends_exact(chunk: int) -> None:
    begin = time.process_time()
    ends: Counter[str] = Counter()
    chosen = seeds()[chunk::CHUNKS]
    for number, seed in enumerate(chosen):
        try:
            ends += run_seed(seed).ends
        except Exception as error:
            plan = plan_of(random.Random(f"plan {seed}"))
            again = f"FRESHET_MODEL_SEEDS={seed}:{seed + 1} pytest tests/laws/test_model.py"
            raise AssertionError(f"seed {seed}: {error}\n{plan}\nagain: {again}") from error
        if number % 50 == 0:
            gc.collect()
    if chosen:
        rate = len(chosen) / (time.process_time() - begin) * 60
        print(f"{len(chosen)} schedules, {rate:.0f} a minute of CPU time; ends: {dict(ends)}")
    assert len(chosen) < 100 or set(ends) == KINDS_OF_END, f"only these ends occurred: {set(ends)}"


def test_a_seed_is_a_schedule_that_can_be_run_again() -> None:
    assert run_seed(7) == run_seed(7)


def test_an_undisturbed_worker_never_ends() -> None:
    for seed in range(5):
        assert not Schedule(f"undisturbed {seed}", Plan(workers=1)).run().ends


@pytest.mark.parametrize("kind", sorted(set(FAULTS)))
def test_each_fault_alone_and_in_a_row(kind: str) -> None:
    for seed in range(4):
        faults = tuple((0.2 + 0.25 * number, kind) for number in range(seed + 1))
        Schedule(f"{kind} {seed}", Plan(faults=faults)).run()


@pytest.mark.parametrize(("poison", "most"), [(POISON, 3), (KILLER, 5)])
def test_a_record_that_ends_processes_becomes_one_dead_letter_soon(poison: bytes, most: int) -> None:
    ended = [Schedule(f"poison {seed}", Plan(poison=poison)).run().ends for seed in range(40)]
    counts = {ends["Poisoned"] + ends["MemoryError"] for ends in ended}  # and not those whom a takeover fenced
    assert 1 < max(counts) <= most, "see agents/delivery/quarantine.py"
