"""kill -9 at every point where a process waits: before and after each fold, write to Redis, and step of a transaction.

A schedule is a sequence of events of the simulated world; between two events nothing happens. So "killed right before
event N", for every N, is every crash there is. What was on its way to a server is lost or arrives, as the seed decides.
"""

import pytest
from simulation.history import USERS
from simulation.schedule import Plan, Schedule, with_kills, with_sleep
from simulation.steps import KILLER, POISON

pytestmark = pytest.mark.usefixtures("quick")

RECORDS = 6
#: Of the crash points; all but the first are more of the same.
SHARDS = (0, *(pytest.param(shard, marks=pytest.mark.slow) for shard in (1, 2)))


def events_of(plan: Plan) -> int:
    """How many events an undisturbed run has; the last ones are idle ticks."""
    return Schedule("crash points", plan).run().events


@pytest.mark.parametrize("shard", SHARDS)
def test_a_kill_right_before_any_event_changes_nothing(shard: int) -> None:
    plan = Plan(records=RECORDS, workers=1)
    for event in range(1 + shard, events_of(plan), len(SHARDS)):
        ends = Schedule("crash points", with_kills(plan, event)).run().ends
        assert set(ends) <= {"kill -9"}


def test_a_worker_that_sleeps_from_any_event_on_until_it_has_an_next_owner_changes_nothing() -> None:
    plan = Plan(records=RECORDS)
    for event in range(1, events_of(plan), 4):
        ends = Schedule("crash points", with_sleep(plan, event)).run().ends
        assert set(ends) <= {"ProducerFenced"}


def events_until(plan: Plan, name: str, second: float) -> int:
    """The number of the event that happens next after a second of an undisturbed run."""
    schedule, found = Schedule(name, plan), []
    schedule.world.at(second, lambda: found.append(schedule.world.events))
    schedule.run()
    return int(found[0])


@pytest.mark.parametrize("shard", SHARDS)
def test_whoever_slept_over_an_erasure_brings_nothing_back_and_takes_nothing_away(shard: int) -> None:
    """Everybody is erased while the zombie sleeps; some come back before it wakes. See agents/lists/list_rights.py."""
    name, plan = "sleep a", Plan(erasures=tuple((1.3, user) for user in USERS))
    first, last = (events_until(plan, name, second) for second in (0.5, 1.5))
    assert last - first > 200
    for event in range(first + shard, last, 2 * len(SHARDS)):
        ends = Schedule(name, with_sleep(plan, event)).run().ends
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
