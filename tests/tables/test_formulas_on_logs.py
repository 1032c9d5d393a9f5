"""Trends and features equal their formulas, recomputed from the raw log: a simulated week, and MovieLens 100K."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import exp
from pathlib import Path

import pytest
from features_now import features_of
from small_world import SmallWorld

from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.simulator.world import World
from streams.contract.catalog import CatalogItem, parse_catalog_item
from streams.contract.event_weights import is_finished_watch, weight_of
from streams.contract.events import EventType, Interaction, effective_type, parse_interaction
from tables.regions import COUNTRIES_OF, MIN_COUNTRY_EVENTS, REGION_OF

DATA = Path(__file__).parents[3] / "shared" / "data"
START_MS = 1_700_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
HISTORY = 100
COUNTED = {"click", "view", "play", "watch_start", "watch_end", "like", "purchase", "add_to_list"}
POSITIVE = COUNTED | {"watch_progress", "finished", "rating"}
EXPLICIT = {"like", "dislike", "hide", "purchase", "add_to_list", "rating"}
WATCHES = {"play", "watch_start", "watch_progress", "watch_end"}


@dataclass
class Log:
    """Parsed events in order and the catalogue, and the world that folded them."""

    events: list[Interaction]
    items: dict[str, CatalogItem]
    world: SmallWorld
    now_ms: int

    def kept_by_user(self) -> dict[str, list[Interaction]]:
        """Events by user, without those that say nothing of taste."""
        found: dict[str, list[Interaction]] = defaultdict(list)
        for event in self.events:
            if event.event_type.value not in ("impression", "search"):
                found[event.user_id].append(event)
        return found


def folded(events: Iterable[Interaction], items: Iterable[CatalogItem]) -> Log:
    world = SmallWorld()
    known = {item.item_id: item for item in items}
    world.lists(*known.values())
    kept = []
    for number, event in enumerate(events):
        world.folds(event)
        kept.append(event)
        if number % 700 == 0:
            world.publish(event.timestamp_ms)
    now_ms = max(event.timestamp_ms for event in kept)
    world.publish(now_ms)
    return Log(kept, known, world, now_ms)


def simulated_week() -> Log:
    simulated = World(
        3, users=40, items=150, start_ms=START_MS, events_per_s=0.015, malformed_share=0, duplicate_share=0
    )
    values = [encode(row) for row in simulated.catalog()]
    events = []
    for record in simulated.events(until_ms=START_MS + 7 * DAY_MS):
        if record.kind == "item":
            values.append(record.value or b"")
        else:
            events.append(parse_interaction(record.value, record.due_ms))
    return folded(events, catalogue_of(values))


def movielens() -> Log:
    if not (DATA / "ml-100k").exists():
        pytest.skip("needs ../shared/data/ml-100k")
    data = MovieLens100K.find(DATA)
    events = [parse_interaction(encode(row), row.timestamp) for row in list(data.events())[-20_000:]]
    return folded(events, catalogue_of(encode(row) for row in data.items()))


def catalogue_of(values: Iterable[bytes]) -> Iterator[CatalogItem]:
    for value in values:
        item = parse_catalog_item(_id_of(value), value)
        assert item is not None
        yield item


def _id_of(value: bytes) -> bytes:
    return value.partition(b'"item_id":"')[2].partition(b'"')[0]


@pytest.fixture(scope="module", params=[simulated_week, movielens])
def log(request: pytest.FixtureRequest) -> Log:
    made: Log = request.param()
    return made


# -- trends -----------------------------------------------------------------------------------------------------------


def raw_trend(log: Log, window_h: int, countries: frozenset[str] | None) -> dict[str, float]:
    """Item to weight * 0.5^(hours / 12) summed over the counted events of the window, half more for young items."""
    sums: dict[str, float] = defaultdict(float)
    for event in log.events:
        age_h = log.now_ms // HOUR_MS - event.timestamp_ms // HOUR_MS
        inside = age_h < window_h and (countries is None or event.country in countries)
        if inside and effective_type(event).value in COUNTED:
            released_ms = log.items[event.item_id].released_at_ms if event.item_id in log.items else None
            is_young = released_ms is not None and log.now_ms - 30 * DAY_MS < released_ms <= log.now_ms
            sums[event.item_id] += weight_of(event) * 0.5 ** (age_h / 12) * (1.5 if is_young else 1.0)
    highest = max(sums.values(), default=1.0)
    return {item: value / highest for item, value in sums.items()}


def found_trend(log: Log, region: str | None, window_h: int, genre: str | None = None) -> dict[str, float]:
    items, scores = log.world.model.trending(region, window_h, log.now_ms, 10_000, genre)
    return {log.world.model.ids[item]: score for item, score in zip(items.tolist(), scores.tolist(), strict=True)}


@pytest.mark.parametrize("window_h", [24, 168])
def test_trends_of_everywhere_and_of_each_country(log: Log, window_h: int) -> None:
    assert found_trend(log, None, window_h) == pytest.approx(raw_trend(log, window_h, None), rel=1e-5)
    counted = Counter(
        event.country
        for event in log.events
        if event.country
        and log.now_ms // HOUR_MS - event.timestamp_ms // HOUR_MS < 168
        and effective_type(event).value in COUNTED
    )
    assert log.world.model.countries(log.now_ms) == sorted(counted)
    for country, events in counted.items():
        own = events >= MIN_COUNTRY_EVENTS
        countries = frozenset({country}) if own else COUNTRIES_OF[REGION_OF[country]]
        assert found_trend(log, country, window_h) == pytest.approx(raw_trend(log, window_h, countries), rel=1e-5)


@pytest.mark.parametrize("window_h", [24, 168])
def test_trends_of_each_genre(log: Log, window_h: int) -> None:
    everything = raw_trend(log, window_h, None)
    for genre in log.world.model.catalog.largest_genres(50):
        mine = {item: score for item, score in everything.items() if genre in log.items[item].genres}
        highest = max(mine.values(), default=1.0)
        expected = {item: score / highest for item, score in mine.items()}
        assert found_trend(log, None, window_h, genre) == pytest.approx(expected, rel=1e-5)


# -- features ---------------------------------------------------------------------------------------------------------


def raw_history(events: list[Interaction]) -> tuple["OrderedDict[str, str]", int, int, list[int]]:
    """The last items with what all events about them say together, items begun, items watched to their end, days of
    the beginnings."""
    known: OrderedDict[str, list[Interaction]] = OrderedDict()
    begun, finished, days = 0, 0, []
    for event in events:
        before = known.pop(event.item_id, [])
        reports = [e for e in before if e.event_type.value in WATCHES]
        again = [place for place, e in enumerate(reports) if e.event_type.value in ("play", "watch_start")]
        has_ended = any(is_finished_watch(e) for e in reports[again[-1] if again else 0 :])
        starts = event.event_type.value in ("play", "watch_start")
        if event.event_type.value in WATCHES and (not reports or (has_ended and starts)):
            begun += 1
            days.append(event.timestamp_ms // DAY_MS)
        finished += is_finished_watch(event) and not has_ended
        known[event.item_id] = [*before, event]
        if len(known) > HISTORY:
            known.popitem(last=False)
    return OrderedDict((item, said_by(its)) for item, its in known.items()), begun, finished, days


def said_by(events: list[Interaction]) -> str:
    """What all events about an item say: the last explicit one, else that it was finished, else the last one."""
    explicit = [e for e in events if effective_type(e).value in EXPLICIT or e.event_type is EventType.RATING]
    if explicit:
        kind = effective_type(explicit[-1]).value
        return "rating" if kind == "view" else kind
    return "finished" if any(map(is_finished_watch, events)) else events[-1].event_type.value


def raw_genres(log: Log, last: dict[str, str]) -> dict[str, float]:
    """The moving average over liked items, oldest first."""
    average: Counter[str] = Counter()
    liked = [log.items[item].genres for item, kind in last.items() if kind in POSITIVE and log.items[item].genres]
    for genres in liked[-50:]:
        average = Counter({genre: 0.9 * share for genre, share in average.items()})
        for genre in genres:
            average[genre] += 0.1 / len(genres)
    total = sum(average.values())
    return {genre: share / total for genre, share in average.items()}


def raw_dislikes(log: Log, last: dict[str, str]) -> list[str]:
    balance: Counter[str] = Counter()
    for item, kind in last.items():
        for genre in log.items[item].genres:
            balance[genre] += 1 if kind in POSITIVE else -1
    return sorted(genre for genre, score in balance.items() if score < 0)


def test_features_of_every_user(log: Log) -> None:
    for user_id, events in log.kept_by_user().items():
        found = features_of(log.world.user(user_id), None, log.world.model, log.now_ms)
        last, begun, finished, days = raw_history(events)
        assert found.last_items == list(reversed(last))
        assert found.recent_items == found.last_items[:5]
        assert found.genre_preferences == pytest.approx(raw_genres(log, last), rel=1e-6)
        assert found.disliked_genres == raw_dislikes(log, last)
        assert found.completion_rate == (pytest.approx(min(1.0, finished / begun)) if begun else None)
        assert found.watches_7d == sum(day > log.now_ms // DAY_MS - 7 for day in days)
        timed = [e.watch_duration_s for e in events if e.event_type is EventType.WATCH_END and e.watch_duration_s]
        assert found.average_watch_s == (pytest.approx(sum(timed) / len(timed)) if timed else None)
        hours = Counter(event.timestamp_ms // HOUR_MS % 24 for event in events)
        assert found.preferred_hours == sorted(hours, key=lambda hour: (-hours[hour], hour))[:3]
        weights = [max(0, weight_of(e)) * exp(-0.05 * (log.now_ms - e.timestamp_ms) / DAY_MS) for e in events]
        assert found.engagement_score == pytest.approx(1 - exp(-sum(weights) / 20))
        ratings = [event.rating for event in events if event.rating is not None]
        assert found.average_rating == (pytest.approx(sum(ratings) / len(ratings)) if ratings else None)


def test_places_and_sessions_of_every_user(log: Log) -> None:
    everything: dict[str, list[Interaction]] = defaultdict(list)
    for event in log.events:
        everything[event.user_id].append(event)
    for user_id, events in everything.items():
        found = features_of(log.world.user(user_id), None, log.world.model, log.now_ms)
        assert found.last_action_ms == events[-1].timestamp_ms
        countries = [event.country for event in events if event.country]
        assert found.country == (countries[-1] if countries else None)
        session = [events[-1]]
        for event in reversed(events[:-1]):
            together = session[-1].timestamp_ms - event.timestamp_ms <= 30 * 60_000
            if not together or event.session_id != session[-1].session_id:
                break
            session.append(event)
        assert found.session_length_s == (session[0].timestamp_ms - session[-1].timestamp_ms) / 1000
