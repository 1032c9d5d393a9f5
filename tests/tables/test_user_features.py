"""Features equal their formulas, recomputed from the raw events."""

from collections import Counter
from datetime import timedelta, timezone
from math import exp

import pytest
from features_now import features_of
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.event_weights import is_finished_watch, weight_of
from streams.contract.events import EventType, Interaction
from tables.engagement_state import WATCHES
from tables.item_model import ItemModel
from tables.user_features import UserFeatures
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
GENRES = {"a": ("Drama",), "b": ("Drama", "Comedy"), "c": ("Horror",), "d": ()}


def model() -> ItemModel:
    built = ItemModel()
    for item_id, genres in GENRES.items():
        built.apply_catalog(item_id, CatalogItem(item_id, genres=genres))
    return built


def of(events: list[Interaction], now_ms: int = NOW_MS, **more: object) -> UserFeatures:
    plane = UserPlane(0, 1, {}, FoldLimits())
    for offset, event in enumerate(events):
        plane.fold(event, b"u", offset, max(NOW_MS, event.timestamp_ms))
    plane.changes()
    user = UserPlane(0, 1, plane._store, FoldLimits()).view("u")  # through the rows
    assert user is not None
    return features_of(user, more.get("profile"), model(), now_ms, more.get("zone"))  # type: ignore[arg-type]


def event(
    number: int, item: str = "a", kind: EventType = EventType.VIEW, at_ms: int = NOW_MS, **more: object
) -> Interaction:
    return Interaction(f"e{number}", kind, "u", item, at_ms, **more)  # type: ignore[arg-type]


def test_genre_preferences_are_the_moving_average_and_sum_to_one() -> None:
    sequence = [event(0, "a"), event(1, "b"), event(2, "d"), event(3, "c")]
    average = Counter[str]()
    for item in "abc":  # "d" has no genres
        average = Counter({genre: 0.9 * share for genre, share in average.items()})
        for genre in GENRES[item]:
            average[genre] += 0.1 / len(GENRES[item])
    total = sum(average.values())
    found = of(sequence).genre_preferences
    assert found == pytest.approx({genre: share / total for genre, share in average.items()})
    assert sum(found.values()) == pytest.approx(1.0)
    assert next(iter(found)) == "Drama"


def test_disliked_genres_come_from_the_profile_and_from_dislikes() -> None:
    sequence = [event(0, "a"), event(1, "c", EventType.DISLIKE)]
    profile = UserProfile("u", disliked_genres=("Western",))
    assert of(sequence, profile=profile).disliked_genres == ["Horror", "Western"]


def test_watching_is_summed_up() -> None:
    sequence = [
        event(0, "a", EventType.WATCH_START),
        event(1, "a", EventType.WATCH_PROGRESS, completion_pct=92.0),
        event(2, "a", EventType.WATCH_PROGRESS, completion_pct=96.0),
        event(3, "a", EventType.WATCH_END, completion_pct=100.0, watch_duration_s=100.0),
        event(4, "b", EventType.WATCH_PROGRESS, completion_pct=10.0),
        event(5, "b", EventType.WATCH_END, completion_pct=12.0, watch_duration_s=20.0),
        event(6, "a", EventType.WATCH_START),
        event(7, "c", EventType.VIEW),
    ]
    found = of(sequence)
    assert found.average_watch_s == 60.0
    assert found.completion_rate == pytest.approx(1 / 3)  # a, b, and a again
    assert found.watches_7d == 3


def test_watches_of_seven_days_leave_with_their_day() -> None:
    sequence = [
        event(number, f"i{number}", EventType.WATCH_START, NOW_MS - (8 - number) * DAY_MS) for number in range(9)
    ]
    assert of(sequence).watches_7d == 7
    assert of(sequence, now_ms=NOW_MS + 3 * DAY_MS).watches_7d == 4
    assert of(sequence, now_ms=NOW_MS + 30 * DAY_MS).watches_7d == 0


def test_ratings_devices_and_places() -> None:
    sequence = [
        event(0, "a", EventType.RATING, rating=5.0, device_type="tv", country="NL"),
        event(1, "b", EventType.RATING, rating=2.0, device_type="phone", language="nl"),
        event(2, "c", device_type="tv"),
    ]
    found = of(sequence, profile=UserProfile("u", country="DE", language="de"))
    assert (found.ratings, found.average_rating) == (2, 3.5)
    assert found.devices == ["tv", "phone"]
    assert (found.country, found.language) == ("NL", "nl")


def test_preferred_hours_are_in_the_zone_of_the_user() -> None:
    midnight = NOW_MS // DAY_MS * DAY_MS
    hours = [20, 20, 20, 21, 21, 5]
    sequence = [
        event(number, f"i{number}", at_ms=midnight - DAY_MS + hour * HOUR_MS) for number, hour in enumerate(hours)
    ]
    assert of(sequence).preferred_hours == [20, 21, 5]
    assert of(sequence, zone=timezone(timedelta(hours=5, minutes=30))).preferred_hours == [1, 2, 10]


def test_the_current_session_and_the_bot_flag_are_those_of_now() -> None:
    burst = [event(number, f"i{number}", at_ms=NOW_MS + number) for number in range(101)]
    found = of(burst, now_ms=NOW_MS + 1_000)
    assert (found.is_bot, found.in_session, found.session_length_s) == (True, True, 0.1)
    later = of(burst, now_ms=NOW_MS + HOUR_MS)
    assert (later.is_bot, later.in_session) == (False, False)


def test_a_user_who_only_searched_has_features() -> None:
    found = of([event(0, "", EventType.SEARCH, query="x")])
    assert (found.last_items, found.genre_preferences, found.completion_rate) == ([], {}, None)
    assert (found.engagement_score, found.preferred_hours) == (0.0, [])


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(list(EventType)),
            st.sampled_from("abcd"),
            st.integers(0, 40),
            st.sampled_from([None, 50.0, 95.0]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_engagement_equals_brute_force_in_any_order(sent: list[tuple[EventType, str, int, float | None]]) -> None:
    sequence = [
        event(number, item, kind, NOW_MS - days * DAY_MS, rating=4.0, completion_pct=pct)
        for number, (kind, item, days, pct) in enumerate(sent)
    ]
    weight = sum(max(0, weight_of(one)) * exp(-0.05 * (NOW_MS - one.timestamp_ms) / DAY_MS) for one in sequence)
    found = of(sequence)
    assert found.engagement_score == pytest.approx(1 - exp(-weight / 20))
    assert found.completion_rate is None or 0.0 <= found.completion_rate <= 1.0
    assert found.watches_7d <= sum(one.event_type in WATCHES for one in sequence)
    assert found.recent_items == found.last_items[:5]
    if not any(is_finished_watch(one) for one in sequence):
        assert not found.completion_rate
