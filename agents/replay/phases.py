"""How a version catches up with the log, as seen from one worker: (state, observation) -> state. Pure.

    CATCHING_UP  its partitions wait for each other in event time; no lists are written
    SETTLING     all are caught up; what was folded on the way is learned by items, and lists wait for that
    LIVE         nothing waits

A version that serves anybody is LIVE, however far behind. Any other becomes SETTLING by a look at all partitions that
finds them caught up, and then LIVE once items learned. It goes back to CATCHING_UP for one reason: the worker owns a
partition that is behind, because a record was met that waited for too long, or because nobody ever saw it caught up. A
partition that an operator paused neither holds others back nor is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf

from streams.kafka.caught_up import FALLEN_BEHIND_MS
from streams.kafka.partition_times import PartitionTime

Times = Mapping[int, PartitionTime]


class Phase(Enum):
    """See above."""

    CATCHING_UP = "catching_up"
    SETTLING = "settling"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class ReplayConditions:
    """What holds now, whatever happened before: whether anybody is served by the version, which partitions this worker
    owns, and which ones an operator paused."""

    serves: bool = False
    owned: frozenset[int] = frozenset()
    paused: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Looked:
    """The group's offsets were read: how far each partition is, those without a record left, those caught up."""

    times: Times
    exhausted: frozenset[int]
    caught_up: frozenset[int]


@dataclass(frozen=True, slots=True)
class Folded:
    """This worker folded records of a partition; the newest had waited for so long since it was appended."""

    partition: int
    waited_ms: int


@dataclass(frozen=True, slots=True)
class ItemsLearned:
    """Items learned what was folded until all were caught up, and this process has read it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The next record of a partition is too far ahead of the others; its time."""

    partition: int
    next_ms: int


@dataclass(frozen=True, slots=True)
class Passes:
    """A partition waits for nobody."""

    partition: int


Observation = Looked | Folded | ItemsLearned | Waits | Passes


@dataclass(frozen=True, slots=True)
class ReplayState:
    """What is known. `behind`: partitions that were not seen caught up since they were behind; `times` and `exhausted`
    as of the last look; `waiting`: own partitions that wait for others, and the times of their next records."""

    partitions: frozenset[int]
    behind: frozenset[int]
    phase: Phase = Phase.CATCHING_UP
    times: Times = field(default_factory=dict)
    exhausted: frozenset[int] = frozenset()
    waiting: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def start(cls, partitions: int) -> "ReplayState":
        """Nothing is known of any partition."""
        return cls(frozenset(range(partitions)), frozenset(range(partitions)))


def advance(state: ReplayState, now: ReplayConditions, seen: Observation | None = None) -> ReplayState:
    """The next state; without an observation, what `now` alone makes of it."""
    state = replace(state, phase=_phase(state, now, None))
    if seen is None:
        return state
    state = _noted(state, now, seen)
    return replace(state, phase=_phase(state, now, seen))


def _phase(state: ReplayState, now: ReplayConditions, seen: Observation | None) -> Phase:
    if now.serves:
        return Phase.LIVE
    if owns_behind(state, now):
        return Phase.CATCHING_UP
    match state.phase, seen:
        case ((Phase.CATCHING_UP | Phase.SETTLING), Looked()):
            return Phase.SETTLING if state.partitions <= seen.caught_up | now.paused else Phase.CATCHING_UP
        case Phase.SETTLING, ItemsLearned():
            return Phase.LIVE
    return state.phase


def _noted(state: ReplayState, now: ReplayConditions, seen: Observation) -> ReplayState:
    match seen:
        case Looked():
            behind = state.behind - seen.caught_up
            return replace(state, behind=behind, times=seen.times, exhausted=seen.exhausted)
        case Folded() if seen.waited_ms > FALLEN_BEHIND_MS:
            return replace(state, behind=state.behind | {seen.partition})
        case Folded() if now.serves:  # nobody looks at offsets then, and it may serve nobody one day
            return replace(state, behind=state.behind - {seen.partition})
        case Waits():
            return replace(state, waiting={**state.waiting, seen.partition: seen.next_ms})
        case Passes() if seen.partition in state.waiting:
            left = {number: ms for number, ms in state.waiting.items() if number != seen.partition}
            return replace(state, waiting=left)
    return state


def owns_behind(state: ReplayState, now: ReplayConditions) -> bool:
    """Whether one of the worker's own partitions is behind, as far as that is asked."""
    return not now.serves and bool((state.behind & now.owned) - now.paused)


def slowest_ms(state: ReplayState, now: ReplayConditions, own: Times, besides: frozenset[int] = frozenset()) -> float:
    """The time of the slowest partition with records left, `besides` some; infinite when there is none. `own` are the
    times of the worker's partitions as of their last commits."""
    asked, times = state.partitions - state.exhausted - now.paused - besides, {**state.times, **own}
    return min((times.get(number, PartitionTime()).ms for number in asked), default=inf)
