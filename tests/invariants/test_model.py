"""The model check: real delivery code, simulated servers, thousands of schedules of faults; each must end exact.

FRESHET_MODEL_SEEDS=20000 pytest -s tests/invariants/test_model.py     more schedules, from seed 0
FRESHET_MODEL_SEEDS=4711:4712 pytest tests/invariants/test_model.py    one seed again
"""

import gc
import os
import random
import time
from collections import Counter

import pytest
from simulation.history import USERS
from simulation.schedule import FAULTS, Plan, Schedule, plan_of, run_seed
from simulation.steps import KILLER, POISON
from simulation.truncation import run_cut_off

pytestmark = pytest.mark.usefixtures("quick")

SEEDS = os.environ.get("FRESHET_MODEL_SEEDS", "600")
CHUNKS = 6
#: Of these: 200 schedules. The others are more of the same.
QUICK = 2
CUT_OFFS = int(os.environ.get("FRESHET_MODEL_CUT_OFFS", "60"))
KINDS_OF_END = {"kill -9", "RecordsMissing", "ProducerFenced", "RequestFailed", "Poisoned", "MemoryError"}


def seeds() -> range:
    first, _, end = SEEDS.rpartition(":")
    return range(int(first or 0), int(end))


@pytest.mark.parametrize(
    "chunk", [*range(QUICK), *(pytest.param(n, marks=pytest.mark.slow) for n in range(QUICK, CHUNKS))]
)
def test_every_schedule_ends_exact(chunk: int) -> None:
    begin = time.process_time()
    ends: Counter[str] = Counter()
    chosen = seeds()[chunk::CHUNKS]
    for number, seed in enumerate(chosen):
        try:
            ends += run_seed(seed).ends
        except Exception as error:
            plan = plan_of(random.Random(f"plan {seed}"))
            again = f"FRESHET_MODEL_SEEDS={seed}:{seed + 1} pytest tests/invariants/test_model.py"
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


def test_who_is_erased_is_gone_whoever_sleeps() -> None:
    """A zombie's late writes and removals, wipes and failovers included: see agents/lists/list_rights.py."""
    for seed in range(120):
        draw = random.Random(f"erasures {seed}")
        faults = tuple((draw.uniform(0.1, 1.2), draw.choice(("freeze", "freeze", "failover", "wipe"))) for _ in "123")
        erasures = tuple((draw.uniform(0.2, 1.2), draw.choice(USERS)) for _ in "12")
        Schedule(f"erasures {seed}", Plan(faults=faults, erasures=erasures)).run()


def test_the_ranker_learns_each_example_once() -> None:
    for seed in range(40):
        draw = random.Random(f"examples {seed}")
        faults = tuple(
            (draw.uniform(0.1, 1.3), draw.choice(("kill", "freeze", "storm", "request fails"))) for _ in "123"
        )
        Schedule(f"examples {seed}", Plan(records=6, examples=10, faults=faults)).run()


def test_a_log_that_loses_its_end_is_named_and_nothing_is_left_out() -> None:
    """An unclean election amid other faults: see simulation/truncation.py."""
    found = []
    for seed in range(CUT_OFFS):
        try:
            found.append(run_cut_off(seed))
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    named = sum(schedule.named > 0 for schedule in found)
    harmless = sum(schedule.kept < schedule.lost and not schedule.named for schedule in found)
    assert min(named, harmless) > CUT_OFFS // 20, (named, harmless)


@pytest.mark.parametrize(("poison", "most"), [(POISON, 3), (KILLER, 5)])
def test_a_record_that_ends_processes_becomes_one_dead_letter_soon(poison: bytes, most: int) -> None:
    ended = [Schedule(f"poison {seed}", Plan(poison=poison)).run().ends for seed in range(40)]
    counts = {ends["Poisoned"] + ends["MemoryError"] for ends in ended}  # and not those whom a takeover fenced
    assert 1 < max(counts) <= most, "see agents/delivery/crash_marks.py"
