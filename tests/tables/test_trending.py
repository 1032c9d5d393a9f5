"""Trending and facts equal a recomputation from the raw events, on real ratings and on a simulated week."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from streams.contract.catalog import CatalogItem
from streams.contract.event_weights import weight_of
from streams.contract.events import EventType, Interaction, effective_type
from streams.contract.units import DAY_MS, HOUR_MS
from tables.engagement import COUNTED
from tables.regions import MIN_COUNTRY_EVENTS
from tables.search_query import normal_query
from tables.search_trends import MIN_SEARCHES, SearchTrends

RATINGS = Path(__file__).parents[3] / "shared" / "data" / "ml-100k" / "u.data"
COUNTRIES = ("NL", "DE", "BR", None)


def brute_force(events: list[Interaction], window_h: int, now_ms: int, countries: set[str] | None) -> dict[str, float]:
    """Sum of weight * 0.5^(hours / 12) over the counted events of the window, by item."""
    sums: dict[str, float] = defaultdict(float)
    now_hour = now_ms // HOUR_MS
    for event in events:
        age_h = now_hour - event.timestamp_ms // HOUR_MS
        if age_h < window_h and effective_type(event) in COUNTED and (countries is None or event.country in countries):
            sums[event.item_id] += weight_of(event) * 0.5 ** (max(0, age_h) / 12)
    return sums


def assert_same(world: SmallWorld, found: tuple[np.ndarray, np.ndarray], expected: dict[str, float]) -> None:
    items, scores = found
    highest = max(expected.values(), default=1.0)
    got = {world.model.ids[index]: float(score) for index, score in zip(items, scores, strict=True)}
    assert got == pytest.approx({item: value / highest for item, value in expected.items()}, rel=1e-5)


def on_time(events: list[Interaction]) -> list[Interaction]:
    """Those not more than 5 minutes behind the newest before them."""
    kept, newest_ms = [], 0
    for event in events:
        if event.timestamp_ms >= newest_ms - 5 * 60_000:
            kept.append(event)
        newest_ms = max(newest_ms, event.timestamp_ms)
    return kept


def simulated_week(seed: int = 7) -> tuple[SmallWorld, list[Interaction]]:
    """Six thousand events of fifty users over nine days, each user in one country; every fifth event comes late, by
    minutes or hours."""
    random = np.random.default_rng(seed)
    world = SmallWorld()
    events = []
    times = np.sort(NOW_MS - random.integers(0, 9 * DAY_MS, 6_000))
    for number, arrival_ms in enumerate(times.tolist()):
        at_ms = arrival_ms - (int(random.exponential(2 * HOUR_MS)) if random.random() < 0.2 else 0)
        user = int(random.integers(50))
        event = Interaction(
            f"e{number}",
            list(EventType)[int(random.integers(15))],
            f"u{user}",
            f"i{int(random.zipf(1.3)) % 40}",
            at_ms,
            completion_pct=float(random.integers(0, 1001)) / 10,
            rating=float(random.integers(1, 11)) / 2,
            country=COUNTRIES[user % 4],
            query=f"Query  {int(random.zipf(1.5)) % 20}",
        )
        events.append(event)
        world.folds(event)
        if number % 500 == 0:
            world.publish(arrival_ms)
    world.publish()
    return world, events


@pytest.fixture(scope="module")
def week() -> tuple[SmallWorld, list[Interaction]]:
    return simulated_week()


@pytest.mark.parametrize("window_h", [24, 168])
@pytest.mark.parametrize(
    ("region", "countries"),
    [(None, None), ("NL", {"NL"}), ("europe", {"NL", "DE"}), ("BR", {"BR"}), ("FR", {"NL", "DE"})],
)
def test_a_simulated_week_equals_brute_force(
    week: tuple[SmallWorld, list[Interaction]], window_h: int, region: str | None, countries: set[str] | None
) -> None:
    world, events = week
    assert len(on_time(events)) < 0.9 * len(events)
    expected = brute_force(on_time(events), window_h, NOW_MS, countries)
    assert_same(world, world.model.trending(region, window_h, NOW_MS, 1_000), expected)


def test_searches_of_a_week_equal_brute_force(week: tuple[SmallWorld, list[Interaction]]) -> None:
    world, events = week
    timely = set(map(id, on_time(events)))
    searches = [e for e in events if e.event_type is EventType.SEARCH and id(e) in timely]
    inside = [e for e in searches if NOW_MS // HOUR_MS - e.timestamp_ms // HOUR_MS < 168]
    counts = Counter(normal_query(e.query) for e in inside)
    sums: dict[str, float] = defaultdict(float)
    for e in inside:
        if counts[normal_query(e.query)] >= MIN_SEARCHES:
            sums[normal_query(e.query)] += 0.5 ** ((NOW_MS // HOUR_MS - e.timestamp_ms // HOUR_MS) / 12)
    highest = max(sums.values())
    found = world.model.searches.trending(168, NOW_MS, 100)
    assert dict(found) == pytest.approx({query: value / highest for query, value in sums.items()})
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_facts_of_a_week_equal_brute_force(week: tuple[SmallWorld, list[Interaction]]) -> None:
    world, events = week
    for index, item_id in enumerate(world.model.ids):
        mine = [e for e in events if e.item_id == item_id]
        ratings = [e.rating for e in mine if e.event_type is EventType.RATING and e.rating]
        ends = [e.completion_pct for e in mine if e.event_type is EventType.WATCH_END and e.completion_pct is not None]
        positive = [
            e for e in mine if e.event_type in COUNTED or (e.event_type is EventType.RATING and (e.rating or 0) >= 3)
        ]
        facts = world.model.facts.of(index)
        assert facts.events == len(positive)
        assert facts.watches == sum(e.event_type is EventType.WATCH_START for e in mine)
        assert facts.viewers == len({e.user_id for e in positive}) <= facts.events
        assert facts.average_rating == (pytest.approx(sum(ratings) / len(ratings)) if ratings else None)
        assert facts.average_completion_pct == (pytest.approx(sum(ends) / len(ends)) if ends else None)


@pytest.mark.skipif(not RATINGS.exists(), reason="needs ../shared/data/ml-100k")
def test_real_ratings_equal_brute_force() -> None:
    rows = sorted((line.split("\t") for line in RATINGS.read_text().splitlines()), key=lambda row: int(row[3]))[
        -20_000:
    ]
    world = SmallWorld()
    events = []
    for number, (user, item, rating, seconds) in enumerate(rows):
        event = Interaction(f"e{number}", EventType.RATING, user, item, int(seconds) * 1000, rating=float(rating))
        world.folds(event)
        events.append(event)
    now_ms = int(rows[-1][3]) * 1000
    world.publish(now_ms)
    for window_h in (24, 168):
        found = world.model.trending(None, window_h, now_ms, 10_000)
        assert_same(world, found, brute_force(events, window_h, now_ms, None))


def test_young_items_count_half_more() -> None:
    world = SmallWorld()
    world.lists(
        CatalogItem("young", released_at_ms=NOW_MS - 29 * DAY_MS),
        CatalogItem("old", released_at_ms=NOW_MS - 31 * DAY_MS),
    )
    world.sends("u", ["young", "old"])
    world.publish()
    assert_same(world, world.model.trending(None, 24, NOW_MS, 10), {"young": 1.5, "old": 1.0})


def test_a_category_lists_its_genre_only() -> None:
    world = SmallWorld()
    world.lists(CatalogItem("a", genres=("Drama", "War")), CatalogItem("b", genres=("Comedy",)))
    world.sends("u", ["a", "b", "c"])
    world.publish()
    assert_same(world, world.model.trending(None, 24, NOW_MS, 10, "War"), {"a": 1.0})
    assert_same(world, world.model.trending(None, 24, NOW_MS, 10, "no such genre"), {})


def test_a_country_with_enough_events_has_a_trend_of_its_own() -> None:
    world = SmallWorld()
    number = 0
    for country, item, events in (("NL", "dutch", MIN_COUNTRY_EVENTS), ("DE", "german", MIN_COUNTRY_EVENTS - 1)):
        for _ in range(events):
            world.folds(Interaction(f"e{number}", EventType.VIEW, f"u{number}", item, NOW_MS, country=country))
            number += 1
    world.publish()
    assert_same(world, world.model.trending("NL", 24, NOW_MS, 10), {"dutch": 100.0})
    assert_same(world, world.model.trending("DE", 24, NOW_MS, 10), {"dutch": 100.0, "german": 99.0})


def test_queries_whose_buckets_expired_leave_room_for_others() -> None:
    trends = SearchTrends()
    for hour in range(1_000):
        trends.put(hour, f"query {hour}", {"NL": 5})
        trends.put(hour - 3, f"query {hour - 3}", {})
        trends.put(hour, "never counted", {})
    assert len(trends) == 3
    assert len(trends._queries) <= 4
    assert [query for query, _ in trends.trending(24, 999 * HOUR_MS, 10)] == ["query 999", "query 998", "query 997"]


def test_what_is_popular_in_a_country_is_half_what_is_popular_everywhere() -> None:
    world = SmallWorld()
    number = 0
    for country, item, events in (("NL", "a", 100), ("NL", "b", 50), ("US", "b", 300), ("US", "c", 100)):
        for _ in range(events):
            world.folds(Interaction(f"e{number}", EventType.VIEW, f"u{number}", item, NOW_MS, country=country))
            number += 1
    world.lists(*(CatalogItem(name) for name in "ab"), CatalogItem("c", regions=("US",)))
    world.publish()
    items, scores = world.model.popular_in("NL", NOW_MS, 10)
    expected = {"b": 1.0 + 50 / 100, "a": 100 / 350 + 1.0}
    assert [world.model.ids[index] for index in items] == ["b", "a"]
    assert scores.tolist() == pytest.approx([1.0, expected["a"] / expected["b"]], rel=1e-5)
    assert world.model.countries(NOW_MS) == ["NL", "US"]
    assert world.model.countries(NOW_MS + 8 * DAY_MS) == []
