"""What is not regular in the simulated world: moving tastes, fashions, bots and wrong clocks; each with its truth."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest

from offline.simulator.changes import FASHION_MS
from offline.simulator.clocks import Clocks
from offline.simulator.records import SimulatedRecord
from offline.simulator.vocabulary import COUNTRIES
from offline.simulator.world import World
from streams.contract.events import FUTURE_TOLERANCE_MS, Reason, parse_interaction
from streams.contract.units import DAY_MS

START_MS = 1_700_000_000_000
MINUTE_MS = 60_000
CLOCKS = Clocks(late_share=0.1, ahead_share=0.1, future_share=0.05, too_old_share=0.05)


def world(**options: Any) -> World:
    return World(7, users=60, items=120, start_ms=START_MS, **options)


def events_of(made: World, count: int) -> list[SimulatedRecord]:
    return [record for record in made.events(count) if record.kind != "item"]


def test_everything_at_once_is_the_same_again() -> None:
    options = {"clocks": CLOCKS, "bots": 2, "drift_per_day": 0.5, "fashion": 0.5}
    assert list(world(**options).events(1500)) == list(world(**options).events(1500))


def test_wrong_clocks_shift_times_and_nothing_else() -> None:
    clean = {"malformed_share": 0, "duplicate_share": 0}
    right = {record.ground_truth: record for record in events_of(world(**clean), 1000)}
    wrong = [record for record in events_of(world(**clean, clocks=CLOCKS), 1000) if record.ground_truth is not None]
    for record in wrong:
        twin = right[record.ground_truth]
        assert record.due_ms == twin.due_ms
        assert without_time(record) == without_time(twin)
    assert {record.kind for record in wrong} == {"event", "late", "ahead"}


def without_time(record: SimulatedRecord) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(record.value or b"")
    return event | {"timestamp": None}


def test_times_are_as_wrong_as_their_kind_says() -> None:
    made = world(clocks=CLOCKS)
    shifts_ms: defaultdict[str, list[int]] = defaultdict(list)
    for record in events_of(made, 3000):
        if record.kind in ("event", "late", "ahead", "future", "too_old"):
            shifts_ms[record.kind].append(orjson.loads(record.value or b"")["timestamp"] - record.due_ms)

    assert set(shifts_ms["event"]) == {0}
    assert -360 * MINUTE_MS <= min(shifts_ms["late"]) < -120 * MINUTE_MS
    assert -10 * MINUTE_MS < max(shifts_ms["late"]) <= -MINUTE_MS
    assert 0 < min(shifts_ms["ahead"]) <= max(shifts_ms["ahead"]) < FUTURE_TOLERANCE_MS
    assert min(shifts_ms["future"]) > 364 * DAY_MS
    assert max(shifts_ms["too_old"]) <= -120 * DAY_MS
    expected = made.expected
    assert (expected.late, expected.ahead) == (len(shifts_ms["late"]), len(shifts_ms["ahead"]))
    assert expected.dead_letters[Reason.TOO_OLD] == len(shifts_ms["too_old"])
    assert expected.dead_letters[Reason.TIMESTAMP_IN_FUTURE] >= len(shifts_ms["future"])


def test_what_is_too_old_follows_an_event_of_the_same_partition() -> None:
    folded: set[bytes] = set()
    for record in events_of(world(clocks=CLOCKS, wrong_partition_share=0.3, partitions=3), 2000):
        if record.kind == "too_old":
            assert record.key in folded
        elif record.expected_reason is None:
            folded.add(record.key)


def busiest_minutes(records: list[SimulatedRecord]) -> dict[str, int]:
    """The most events that each user has in a sliding minute."""
    times_ms: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        times_ms[record.key.decode()].append(record.due_ms)
    return {
        user_id: max(sum(end - MINUTE_MS < other <= end for other in times) for end in times)
        for user_id, times in times_ms.items()
    }


def test_only_bots_are_faster_than_a_hundred_a_minute_and_the_truth_names_them() -> None:
    made = world(bots=2, events_per_s=20.0, malformed_share=0, duplicate_share=0)
    records = events_of(made, 4000)

    assert made.bot_ids == ["u61", "u62"]
    assert {user_id for user_id, most in busiest_minutes(records).items() if most > 100} == {"u61", "u62"}
    by_bots = [record for record in records if record.ground_truth is not None and record.ground_truth.is_bot]
    assert {record.key.decode() for record in by_bots} == set(made.bot_ids)
    assert made.expected.by_bots == len(by_bots) == sum(record.key.decode() in made.bot_ids for record in records)
    assert all(earlier.due_ms <= later.due_ms for earlier, later in pairwise(records))
    assert len({record.ground_truth.item_id for record in by_bots if record.ground_truth}) <= 6


def test_bots_change_nothing_about_people() -> None:
    quiet, botted = (events_of(world(bots=bots, malformed_share=0, duplicate_share=0), 1500) for bots in (0, 3))
    people = [record for record in botted if record.ground_truth is not None and not record.ground_truth.is_bot]
    assert 300 < len(people) < 1500
    assert people == quiet[: len(people)]


def test_preferences_turn_by_the_given_angle_a_day() -> None:
    made = world(drift_per_day=0.3)
    for person in made.people[:10]:
        later = made.changes.person_at(person, START_MS + 2 * DAY_MS)
        assert float(later.place @ person.place) == pytest.approx(np.cos(0.6))
        assert float(np.linalg.norm(later.place)) == pytest.approx(1.0)
    assert world().changes.person_at(made.people[0], START_MS + DAY_MS) is made.people[0]


def test_the_truth_about_an_event_is_that_of_its_day() -> None:
    made = world(drift_per_day=0.5, events_per_s=0.01, new_items_per_1000=0)
    people = {person.user_id: person for person in made.people}
    items = {item.row.item_id: item for item in made.items}
    now, then = [], []
    for record in events_of(made, 4000)[-500:]:
        if record.ground_truth is not None and record.ground_truth.item_id:
            now.append(record.ground_truth.affinity)
            then.append(
                made.preferences.affinity(people[record.ground_truth.user_id], items[record.ground_truth.item_id])
            )
    assert np.mean(now) > np.mean(then) + 0.1, "people follow the taste they have, not the one they had"


def test_countries_look_at_what_is_in_fashion_there() -> None:
    made = world(fashion=2.0, new_items_per_1000=0)
    genres = {row.item_id: row.genres for row in made.catalog()}
    fitting: Counter[bool] = Counter()
    for record in events_of(made, 6000):
        event = orjson.loads(record.value or b"{}") if record.kind == "event" else {}
        if event.get("event_type") == "impression":
            fitting[made.changes.in_fashion(event["country"], record.due_ms) in genres[event["item_id"]]] += 1
    usual = np.mean([made.changes.in_fashion("DE", START_MS) in names for names in genres.values()])
    assert fitting[True] / fitting.total() > 1.5 * usual


def test_fashions_differ_between_countries_and_pass() -> None:
    changes = world(fashion=1.0).changes
    now = [changes.in_fashion(country, START_MS) for country, *_ in COUNTRIES]
    later = [changes.in_fashion(country, START_MS + FASHION_MS) for country, *_ in COUNTRIES]
    assert len(set(now)) > 1
    assert now != later
    assert now == [changes.in_fashion(country, START_MS + FASHION_MS - 1) for country, *_ in COUNTRIES]


def test_people_use_a_second_device_now_and_then() -> None:
    devices: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in events_of(world(malformed_share=0), 4000):
        if record.kind == "event":
            event = parse_interaction(record.value, record.due_ms)
            devices[event.user_id][str(event.device_type)] += 1
    assert max(len(used) for used in devices.values()) == 2
    assert sum(len(used) == 2 for used in devices.values()) > len(devices) / 4


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [({"late_share": 1.1}, "late_share must be 0 to 1"), ({"late_share": 0.6, "ahead_share": 0.6}, "together")],
)
def test_shares_that_make_no_sense(shares: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Clocks(**shares)


def test_changes_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="drift_per_day must be 0 or more"):
        world(drift_per_day=-1)
