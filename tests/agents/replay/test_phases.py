"""The state machine that brings a version to the head of its log: what holds whatever happens, in any order."""

from collections.abc import Mapping
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from agents.replay.phases import (
    Folded,
    ItemsLearned,
    Looked,
    Observation,
    Passes,
    Phase,
    ReplayConditions,
    ReplayState,
    Waits,
    advance,
    owns_behind,
    slowest_ms,
)
from offline.versions.gate import GateLimits
from streams.kafka.caught_up import CAUGHT_UP_MS, FALLEN_BEHIND_MS, LogEnds
from streams.kafka.partition_times import PartitionTime

PARTITIONS = 3
ALL = frozenset(range(PARTITIONS))

NUMBERS = st.integers(0, PARTITIONS - 1)
SOME = st.frozensets(NUMBERS)
TIMES = st.dictionaries(NUMBERS, st.builds(PartitionTime, st.integers(0, 1_000), st.integers(0, 1_000)))
WAITED_MS = st.integers(0, 3 * FALLEN_BEHIND_MS) | st.sampled_from([FALLEN_BEHIND_MS, FALLEN_BEHIND_MS + 1])
SEEN = st.one_of(
    st.none(),
    st.builds(Looked, TIMES, SOME, SOME | st.just(ALL)),
    st.builds(Folded, NUMBERS, WAITED_MS),
    st.just(ItemsLearned()),
    st.builds(Waits, NUMBERS, st.integers(0, 1_000)),
    st.builds(Passes, NUMBERS),
)
NOW = st.builds(ReplayConditions, st.sampled_from([False, False, False, True]), SOME, SOME | st.just(frozenset()))
STORIES = st.lists(st.tuples(NOW, SEEN), max_size=25)


def told(
    story: list[tuple[ReplayConditions, Observation | None]],
) -> list[tuple[ReplayState, ReplayConditions, ReplayState]]:
    """Each step: the state before, what held, the state after."""
    state, steps = ReplayState.start(PARTITIONS), []
    for now, seen in story:
        before, state = state, advance(state, now, seen)
        steps.append((before, now, state))
    return steps


@given(STORIES)
def test_it_is_never_live_while_a_partition_of_its_own_is_beyond_the_bound(
    story: list[tuple[ReplayConditions, Observation | None]],
) -> None:
    beyond: set[int] = set(ALL)  # by what was seen last of each, told again without the machine
    for (now, seen), (_, _, after) in zip(story, told(story), strict=True):
        if isinstance(seen, Looked):
            beyond -= seen.caught_up
        elif isinstance(seen, Folded) and seen.waited_ms > FALLEN_BEHIND_MS:
            beyond.add(seen.partition)
        elif isinstance(seen, Folded) and now.serves:
            beyond.discard(seen.partition)
        if after.phase is Phase.LIVE and not now.serves:
            assert not (beyond & now.owned) - now.paused


@given(STORIES)
def test_it_leaves_live_by_one_rule_and_comes_to_it_by_two(
    story: list[tuple[ReplayConditions, Observation | None]],
) -> None:
    for (_, seen), (before, now, after) in zip(story, told(story), strict=True):
        left, came = before.phase, after.phase
        if left is came:
            continue
        if left is Phase.LIVE:
            assert came is Phase.CATCHING_UP or isinstance(seen, Looked)
            assert not now.serves
            assert owns_behind(before, now) or owns_behind(after, now)
        elif came is Phase.LIVE:
            assert now.serves or (left is Phase.SETTLING and isinstance(seen, ItemsLearned))
        elif came is Phase.SETTLING:
            assert isinstance(seen, Looked)
            assert seen.caught_up | now.paused >= ALL
        else:
            assert owns_behind(after, now) or isinstance(seen, Looked)


@given(STORIES, NOW)
def test_circumstances_alone_decide_once(
    story: list[tuple[ReplayConditions, Observation | None]], now: ReplayConditions
) -> None:
    state = told(story)[-1][2] if story else ReplayState.start(PARTITIONS)
    once = advance(state, now)
    assert advance(once, now) == once
    assert (once.behind, once.times, once.waiting) == (state.behind, state.times, state.waiting), "only the phase"


@given(STORIES)
def test_every_story_ends_well(story: list[tuple[ReplayConditions, Observation | None]]) -> None:
    """Whatever happened, a look that finds everything caught up, and then items that learned, bring it to the head."""
    state, now = told(story)[-1][2] if story else ReplayState.start(PARTITIONS), ReplayConditions(owned=ALL)
    state = advance(state, now, Looked({}, ALL, ALL))
    assert state.phase in (Phase.SETTLING, Phase.LIVE)
    assert advance(state, now, ItemsLearned()).phase is Phase.LIVE


@given(
    next_ms=st.dictionaries(NUMBERS, st.integers(0, 1_000), min_size=1),
    folded_ms=st.dictionaries(NUMBERS, st.integers(0, 1_000)),
    skew_ms=st.integers(0, 100),
    owned=SOME,
    paused=SOME,
)
def test_alignment_never_blocks_all_partitions(
    next_ms: Mapping[int, int],
    folded_ms: Mapping[int, int],
    skew_ms: int,
    owned: frozenset[int],
    paused: frozenset[int],
) -> None:
    """Of those with a record left that nobody paused, once each has said what it waits with, own or not."""
    times = {number: PartitionTime(folded_ms.get(number, 0), next_ms.get(number, 0)) for number in ALL}
    own = {number: time for number, time in times.items() if number in owned}
    others = {number: time for number, time in times.items() if number not in owned}
    now = ReplayConditions(owned=owned, paused=paused)
    state = advance(ReplayState.start(PARTITIONS), now, Looked(others, ALL - next_ms.keys(), frozenset()))
    left = [number for number in next_ms if number not in paused]
    may = [n for n in left if next_ms[n] <= slowest_ms(state, now, own, frozenset({n})) + skew_ms]
    assert may or not left
    assert slowest_ms(state, now, own) == min((times[number].ms for number in left), default=inf)


class Log:
    """One partition that is appended to and read, by a clock in ms; each record is an append time."""

    def __init__(self) -> None:
        self.records: list[int] = []
        self.folded = 0

    def oldest_waited_ms(self, now_ms: int) -> int:
        left = self.records[self.folded :]
        return now_ms - left[0] if left else 0


@given(
    st.lists(
        st.tuples(st.integers(1, 4_000), NUMBERS, st.integers(0, 9), NUMBERS, st.integers(0, 12), st.booleans()),
        max_size=40,
    )
)
def test_whoever_settles_has_nothing_left_that_is_older_than_the_bound(
    steps: list[tuple[int, int, int, int, int, bool]],
) -> None:
    """With logs, clocks and offsets instead of what somebody says of them."""
    logs, ends, now_ms = [Log() for _ in ALL], LogEnds(), 0
    state, now = ReplayState.start(PARTITIONS), ReplayConditions(owned=ALL)
    for passed_ms, writes, appended, reads, folded, looks in steps:
        now_ms += passed_ms
        logs[writes].records += [now_ms] * appended
        logs[reads].folded = min(len(logs[reads].records), logs[reads].folded + folded)
        if not looks:
            continue
        tps = {number: number for number in ALL}
        ends.note({tp: len(logs[tp].records) for tp in tps}, now_ms / 1000)  # type: ignore[misc]
        positions = {tp: logs[tp].folded for tp in tps}
        exhausted = frozenset(tp for tp in tps if logs[tp].folded == len(logs[tp].records))
        caught_up = ends.caught_up(positions, exhausted, now_ms / 1000)  # type: ignore[arg-type]
        state = advance(state, now, Looked({}, exhausted, frozenset(caught_up)))  # type: ignore[arg-type]
        waited_ms = max(log.oldest_waited_ms(now_ms) for log in logs)
        if state.phase is Phase.SETTLING:
            assert waited_ms <= CAUGHT_UP_MS
        if exhausted == ALL:
            assert state.phase is Phase.SETTLING


def test_the_gate_asks_for_what_workers_and_replays_call_caught_up() -> None:
    assert GateLimits().behind_ms == CAUGHT_UP_MS < FALLEN_BEHIND_MS
