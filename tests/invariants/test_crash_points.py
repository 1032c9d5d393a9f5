"""kill -9 at every point where a process waits: before and after each fold, write to Redis, and step of a transaction.

A schedule is a sequence of events of the simulated world; between two events nothing happens. So "killed right before
event N", for every N, is every crash there is. What was on its way to a server is lost or arrives, as the seed decides.
"""

import gc
import logging
from collections.abc import Iterator

import pytest
from simulation.schedule import Plan, Schedule, with_kills, with_sleep
from simulation.steps import KILLER, POISON

RECORDS = 6
SHARDS = 3


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    gc.disable()
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


def events_of(plan: Plan) -> int:
    """How many events an undisturbed run has; the last ones are idle ticks."""
    return Schedule("crash points", plan).run().events


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_kill_right_before_any_event_changes_nothing(shard: int) -> None:
    plan = Plan(records=RECORDS, workers=1)
    for event in range(1 + shard, events_of(plan), SHARDS):
        ends = Schedule("crash points", with_kills(plan, event)).run().ends
        assert set(ends) <= {"kill -9"}


def test_a_worker_that_sleeps_from_any_event_on_until_it_has_an_heir_changes_nothing() -> None:
    plan = Plan(records=RECORDS)
    for event in range(1, events_of(plan), 4):
        ends = Schedule("crash points", with_sleep(plan, event)).run().ends
        assert set(ends) <= {"ProducerFenced"}


def test_two_kills_in_close_succession_change_nothing() -> None:
    plan = Plan(records=RECORDS, workers=1)
    for event in range(20, events_of(plan), 9):
        Schedule("crash points", with_kills(plan, event, event + 45)).run()


@pytest.mark.parametrize("poison", [POISON, KILLER])
def test_a_kill_while_a_poisonous_record_is_singled_out_changes_nothing(poison: bytes) -> None:
    plan = Plan(records=RECORDS, workers=1, poison=poison)
    for event in range(20, events_of(plan), 13):
        Schedule("crash points", with_kills(plan, event)).run()
