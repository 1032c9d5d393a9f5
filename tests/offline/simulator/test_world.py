"""The simulated world is the same for the same seed, and says the truth about itself."""

import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets.rows import encode
from offline.simulator.clocks import Clocks
from offline.simulator.records import SimulatedRecord
from offline.simulator.world import World
from streams.contract.catalog import parse_catalog_item, parse_profile
from streams.contract.events import EventType, InvalidEvent, Reason, parse_interaction
from streams.contract.partitioning import partition_of

START_MS = 1_700_000_000_000
PARTITIONS = 4
#: The default retention, and the greatest lateness that can be allowed.
RETENTION_AND_LATENESS_MS = 91 * 24 * 60 * 60 * 1000


def world(seed: int = 7, **options: Any) -> World:
    given_options = {"malformed_share": 0.05, "duplicate_share": 0.05, "wrong_partition_share": 0.02} | options
    return World(seed, users=60, items=120, start_ms=START_MS, partitions=PARTITIONS, **given_options)


DIGESTS = """
import hashlib
from offline.datasets.rows import encode
from offline.simulator.world import World
for seed in (7, 7, 8):
    world = World(seed, 60, 120, start_ms=1_700_000_000_000, malformed_share=0.05, duplicate_share=0.05)
    rows = [encode(row) for row in (*world.catalog(), *world.profiles())]
    print(hashlib.sha256(repr((rows, list(world.events(2000)))).encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
        ).stdout.split()
        for hash_seed in ("1", "99")
    ]
    assert outputs[0] == outputs[1]
    first, again, other = outputs[0]
    assert first == again != other


@given(
    seed=st.integers(0, 2**32),
    shares=st.fixed_dictionaries(
        {
            name: st.sampled_from([0.0, 0.05, 0.5])
            for name in ("malformed_share", "duplicate_share", "wrong_partition_share")
        }
    ),
    clocks=st.builds(Clocks, *[st.sampled_from([0.0, 0.1, 0.5])] * 4),
    bots=st.sampled_from([0, 3]),
)
@settings(max_examples=15, deadline=None)
def test_a_replay_of_the_records_counts_what_was_expected(
    seed: int, shares: dict[str, float], clocks: Clocks, bots: int
) -> None:
    made = world(seed, **shares, clocks=clocks, bots=bots)
    fold = TinyFold()
    records = list(made.events(400))
    for record in records:
        fold.take(record)
    expected = made.expected.as_dict()
    assert fold.counts == {name: expected[name] for name in fold.counts}
    assert fold.reasons == made.expected.dead_letters
    assert expected["published"] == len([record for record in records if record.kind != "item"]) == 400
    assert expected["published"] == expected["folded"] + expected["duplicates"] + expected["dead_letters"]


class TinyFold:
    """What a worker does to a record, without anything that makes it fast or safe."""

    def __init__(self) -> None:
        self.counts = {"folded": 0, "duplicates": 0, "dead_letters": 0, "users": 0, "new_items": 0}
        self.reasons: Counter[Reason] = Counter()
        self._seen: set[tuple[str, str]] = set()
        self._users: set[str] = set()
        self._newest_ms: dict[int, int] = {}

    def take(self, record: SimulatedRecord) -> None:
        if record.kind == "item":
            assert parse_catalog_item(record.key, record.value)
            self.counts["new_items"] += 1
            return
        reason = self._refusal(record)
        assert reason == record.expected_reason
        if reason is not None:
            self.counts["dead_letters"] += 1
            self.reasons[reason] += 1

    def _refusal(self, record: SimulatedRecord) -> Reason | None:
        home = partition_of(record.key, PARTITIONS)
        try:
            event = parse_interaction(record.value, record.due_ms)
        except InvalidEvent as refusal:
            return refusal.reason
        if record.partition is not None and record.partition != home:
            return Reason.WRONG_PARTITION
        assert record.key == event.user_id.encode()
        newest_ms = self._newest_ms.get(home, 0)
        if event.timestamp_ms < newest_ms - RETENTION_AND_LATENESS_MS:
            return Reason.TOO_OLD
        self._newest_ms[home] = max(newest_ms, event.timestamp_ms)
        name = (event.user_id, event.event_id)
        assert (record.kind == "duplicate") == (name in self._seen)
        self.counts["duplicates" if name in self._seen else "folded"] += 1
        self._seen.add(name)
        self._users.add(event.user_id)
        self.counts["users"] = len(self._users)
        return None


def test_malformed_changes_no_valid_event() -> None:
    clean = list(world(malformed_share=0, duplicate_share=0, wrong_partition_share=0).events(500))
    dirty = [record for record in world().events(700) if record.kind in ("event", "wrong_partition", "item")]
    assert [record.value for record in dirty[:500]] == [record.value for record in clean[: len(dirty[:500])]]


def test_time_goes_on_at_the_rate_and_never_back() -> None:
    records = list(world(events_per_s=50.0).events(3000))
    assert all(earlier.due_ms <= later.due_ms for earlier, later in pairwise(records))
    assert records[-1].due_ms - START_MS == pytest.approx(3000 / 50 * 1000 / 1.1, rel=0.1)
    for record in records:
        if record.kind == "event":
            assert parse_interaction(record.value, record.due_ms).timestamp_ms == record.due_ms


def test_going_on_is_the_same_as_going_through() -> None:
    stepwise, at_once = world(), world()
    parts = [*stepwise.events(100), *stepwise.events(until_ms=START_MS + 10_000), *stepwise.events(100)]
    assert parts == list(at_once.events(stepwise.expected.published))
    assert stepwise.expected == at_once.expected


def test_until_is_exclusive() -> None:
    made = world()
    assert all(record.due_ms < START_MS + 2000 for record in made.events(until_ms=START_MS + 2000))
    assert next(made.events(1)).due_ms >= START_MS + 2000


def test_people_do_everything_there_is_a_type_for() -> None:
    seen = Counter(
        parse_interaction(record.value, record.due_ms).event_type
        for record in world().events(12_000)
        if record.kind == "event"
    )
    assert set(seen) == set(EventType)


def test_preferences_show_in_what_users_do() -> None:
    affinities: dict[EventType, list[float]] = {}
    for record in world(malformed_share=0).events(8000):
        if record.kind == "event" and record.ground_truth is not None:
            kind = parse_interaction(record.value, record.due_ms).event_type
            affinities.setdefault(kind, []).append(record.ground_truth.affinity)
    mean = {kind: sum(values) / len(values) for kind, values in affinities.items()}
    assert mean[EventType.HIDE] < mean[EventType.SKIP] < mean[EventType.CLICK] < mean[EventType.LIKE]


def test_truth_names_the_event() -> None:
    for record in world().events(300):
        if record.ground_truth is None:
            assert record.kind in ("malformed", "item")
            continue
        event = parse_interaction(record.value, record.due_ms)
        assert (event.event_id, event.user_id, event.item_id) == record.ground_truth[:3]
        assert 0 <= record.ground_truth.affinity <= 1


def test_nobody_meets_an_item_before_it_is_released() -> None:
    made = world(new_items_per_1000=20)
    known = {row.item_id for row in made.catalog()}
    for record in made.events(3000):
        if record.kind == "item":
            known.add(record.key.decode())
        elif record.ground_truth is not None and record.ground_truth.item_id:
            assert record.ground_truth.item_id in known
    assert made.expected.new_items > 20
    assert len(known) == 120 + made.expected.new_items


def test_catalogue_and_profiles_are_valid_and_titles_differ() -> None:
    made = World(1, users=50, items=1200, start_ms=START_MS)
    items = list(made.catalog())
    for row in items:
        assert parse_catalog_item(row.item_id.encode(), encode(row)) is not None
    assert len({row.title for row in items}) == 1200
    for profile in made.profiles():
        assert parse_profile(profile.user_id.encode(), encode(profile)) is not None


@pytest.mark.parametrize(("users", "items"), [(1, 1), (2, 1), (1, 50)])
def test_the_smallest_worlds(users: int, items: int) -> None:
    made = World(3, users, items, start_ms=START_MS)
    assert len([record for record in made.events(200) if record.kind != "item"]) == 200


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="at least 2 partitions"):
        World(1, 5, 5, start_ms=START_MS, wrong_partition_share=0.1)
    with pytest.raises(ValueError, match="malformed_share must be 0 to 1"):
        world(malformed_share=1.5)
