"""Which events are evaluated, and the bytes of what came out."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking.outcomes import (
    OUTCOME,
    PRODUCTION_LAG_MS,
    Outcome,
    UnknownFormat,
    decode,
    encode,
    group_of,
    in_sample,
    is_evaluated,
)
from streams.contract.events import EventType, Interaction


def event(item: str, at_ms: int) -> Interaction:
    return Interaction("e", EventType.VIEW, "abc0", item, at_ms)


def test_the_sample_follows_from_the_id_and_smaller_ones_are_part_of_larger_ones() -> None:
    ids = [f"event-{number}" for number in range(20_000)]
    small, large = ({name for name in ids if in_sample(name, share)} for share in (0.01, 0.1))
    assert small < large
    assert len(small) == pytest.approx(200, rel=0.25)
    assert len(large) == pytest.approx(2_000, rel=0.1)


def test_what_follows_within_the_lag_of_a_list_is_not_evaluated(world: SmallWorld) -> None:
    user = world.user("abc0")
    last_ms = user.row.last_event_ms
    assert not is_evaluated(event("y", last_ms + PRODUCTION_LAG_MS - 1), user)
    assert not is_evaluated(event("y", last_ms - 60_000), user)
    assert is_evaluated(event("y", last_ms + PRODUCTION_LAG_MS), user)
    assert not is_evaluated(event("a", last_ms + PRODUCTION_LAG_MS), user)  # met before
    assert is_evaluated(event("y", NOW_MS), None)


def test_outcomes_come_back_as_they_were_written() -> None:
    written = [Outcome(7, NOW_MS, -1, 3, group_of("u")), Outcome(2**40, NOW_MS + 1, NOW_MS, -1, 1023)]
    found = decode(encode(written))
    assert found.dtype == OUTCOME
    assert [tuple(row) for row in found.tolist()] == [
        (o.offset, o.event_ms, o.feature_cutoff_ms, o.place, o.group) for o in written
    ]
    with pytest.raises(UnknownFormat):
        decode(b"\x02" + encode(written)[1:])
    assert np.all(decode(encode([])) == np.zeros(0, OUTCOME))
