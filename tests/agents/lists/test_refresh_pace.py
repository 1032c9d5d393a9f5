"""Lists are made again as fast as the process is idle, and never so fast that it is not."""

from agents.lists.rate_budget import RateBudget
from agents.lists.refresh_pace import LEAST_PER_S, RefreshPace

LIST_MS = 1.3


class Process:
    """A second is a step; the walk makes what it may, and other work takes its time."""

    def __init__(self, cpu_share: float) -> None:
        self.cpu_ms = 0.0
        self.now_ms = 1_000_000
        self.remade = RateBudget(LEAST_PER_S)
        self.pace = RefreshPace(self.remade, lambda: self.cpu_ms, cpu_share)
        self.pace.adapt(self.now_ms)
        self.remade.left("0", self.now_ms)

    def second(self, other_ms: float = 0.0, outdated: int = 1_000_000) -> int:
        made = 0
        for _ in range(5):
            self.now_ms += 200
            units = min(self.remade.left("0", self.now_ms), outdated - made)
            self.remade.spend("0", units)
            made += units
            self.cpu_ms += units * LIST_MS + other_ms / 5
            self.pace.adapt(self.now_ms)
        return made


def test_an_idle_process_makes_lists_again_up_to_its_share() -> None:
    process = Process(0.6)
    rates = [process.second() for _ in range(40)][10:]
    assert min(rates) > 2 * LEAST_PER_S
    assert sum(rates) / len(rates) * LIST_MS < 0.7 * 1_000


def test_events_have_the_core_back_within_seconds_and_the_least_goes_on() -> None:
    process = Process(0.6)
    for _ in range(20):
        process.second()
    rates = [process.second(other_ms=700) for _ in range(6)]
    assert rates[3:] == [LEAST_PER_S] * 3
    assert process.second(other_ms=5_000) == LEAST_PER_S


def test_the_pace_does_not_rise_while_nothing_is_outdated() -> None:
    process = Process(0.6)
    for _ in range(30):
        process.second(outdated=20)
    assert process.remade.per_s == LEAST_PER_S


def test_a_share_of_nothing_is_a_constant_pace() -> None:
    process = Process(0.0)
    assert {process.second() for _ in range(20)} == {LEAST_PER_S}


def test_a_clock_that_is_set_back_changes_nothing() -> None:
    process = Process(0.6)
    process.second()
    process.now_ms -= 3_600_000
    before = process.remade.per_s
    process.pace.adapt(process.now_ms)
    assert process.remade.per_s == before
    for _ in range(10):
        process.second()
    assert process.remade.per_s > before
