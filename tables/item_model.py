"""The item model: what every worker knows about all items, followed from `item.model` and `catalog.items`.

Rows of the item plane are kept as numpy columns by item index, so that lists are ranked without touching Python
objects. Whatever depends on the time or the catalogue (decay, priors, availability) is applied here or when ranking.
"""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from streams.contract.catalog import DEFAULT_MATURITY, CatalogItem, Maturity
from streams.contract.units import DAY_MS, HOUR_MS
from tables import associations, item_rows, learned
from tables.associations import Associations
from tables.bucket_columns import BucketColumns
from tables.columns import grown
from tables.forward_decay import fading
from tables.item_catalog import ItemCatalog
from tables.item_facts import ItemFacts
from tables.item_keys import ItemKeys, Keys, Numbers
from tables.item_vectors import ItemVectors
from tables.operator_rules import OperatorRules
from tables.priors import Priors
from tables.regions import COUNTRIES_OF, MIN_COUNTRY_EVENTS, REGION_OF
from tables.search_trends import SearchTrends
from tables.segment_priors import SegmentPriors
from tables.sequence.sequence_columns import SequenceColumns
from tables.sequence.sequence_model import SequenceModel

NORM_SHRINK = 5.0
TREND_HALF_LIFE_DAYS = 14.0
DAY_WINDOW_H = 24
WEEK_WINDOW_H = 7 * 24
WINDOW_HALF_LIFE_H = 12.0
YOUNG_MS = 30 * DAY_MS
YOUNG_BOOST = 1.5
TRENDING_NOW_ITEMS = 50
TRENDING_NOW_KEPT_MS = 60_000
PLACE_KEPT_MS = 60_000
PLACE_KEPT_GROWTH = 1.05

_GROW = 1.5
_DAY_DECAY = 0.5 ** (np.arange(item_rows.KEPT_DAYS) / TREND_HALF_LIFE_DAYS)

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


class ItemModel:
    """Columns by item index 0..len-1 (an index never changes its item). An item that others learned of is known by its
    key for the moment until its own rows come: its id is "", and it is on no list. Between two `refresh_priors` calls
    the priors stay as they were; neighbours and counts follow every record at once.

    `neighbours` holds up to 320 items an item that are used together with it, `successors` up to 128 that are used
    right afterwards. `visits` float64[capacity] are faded visits as of the last refresh, `norm` float32[capacity] =
    1 / sqrt(visits + 5). `facts` are figures about items, `searches` what is searched for, `rules` what operators want.
    `default_maturity` holds for users of whom it is not known up to which rating they see items. `sequence` is the
    trained sequence model by item, None = the version has none.
    """

    def __init__(
        self, default_maturity: Maturity = DEFAULT_MATURITY, sequence_model: SequenceModel | None = None
    ) -> None:
        self.keys = ItemKeys()
        self.ids = self.keys.ids
        self.default_maturity = default_maturity
        self.catalog = ItemCatalog()
        self.rules = OperatorRules(self.keys, self.catalog)
        self._associations = Associations()
        self.neighbours, self.successors = self._associations.neighbours, self._associations.successors
        self.vectors = ItemVectors()
        self.sequence = None if sequence_model is None else SequenceColumns(sequence_model)
        self.visits = np.zeros(0, np.float64)
        self._fading = 0.0  # turns forward-decayed sums into what they count as of the last refresh
        self.norm = np.zeros(0, np.float32)
        self.events = np.zeros(0, np.int64)
        self._day_sums = np.zeros(0, np.float64)  # days of an item decayed to its own newest day
        self._newest_days = np.zeros(0, np.int64)
        self._recounted: dict[int, list[int]] = {}  # days of the items whose counts changed since the last refresh
        self._buckets = BucketColumns()
        self.searches = SearchTrends()
        self.facts = ItemFacts()
        self.priors = Priors.empty(0)
        self._trending_now: dict[str | None, tuple[int, str, frozenset[int]]] = {}
        self._counted = 0.0  # events of all items as of the last refresh
        self._places: dict[str, tuple[int, float, SegmentPriors]] = {}  # when and with how many events

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def trained_until_ms(self) -> int:
        """The newest event time that the sequence model was trained with; 0 without one."""
        return 0 if self.sequence is None else self.sequence.model.trained_until_ms

    def index(self, item_id: str) -> int:
        """The index of an item, -1 when the model never heard of it."""
        return self.keys.get(item_id)

    def indices(self, item_ids: Collection[str]) -> Ints:
        """int32[item_ids]: the index of each, as `index` gives it."""
        return self.keys.of(item_ids)

    def title(self, index: int) -> str:
        """The item's title; its id while the catalogue does not know it."""
        return self.catalog.titles[index]

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Follow one record of `item.model`. Raises RowVersionError on a newer format and `KeyTaken`."""
        kind = key[:1]
        if kind == item_rows.BUCKET:
            hour, item_id = item_rows.bucket_of(key)
            self._put_bucket(hour, self._add(item_id), value)
        elif kind == item_rows.COUNTS:
            self._apply_counts(key, value)
        elif kind == item_rows.LEARNED:
            self._learn(value)
        elif kind == item_rows.ASSOCIATIONS:
            self._put_together(self._add(key[1:].decode()), value)
        elif kind == item_rows.VECTOR:
            self.vectors.put(self._add(key[1:].decode()), value)
        elif kind == item_rows.QUERY_BUCKET:
            hour, query = item_rows.bucket_of(key)
            self.searches.put(hour, query, {} if value is None else item_rows.BUCKET_CODEC.decode(value).countries)

    def _put_bucket(self, hour: int, index: int, value: bytes | None) -> None:
        if value is None:
            self._buckets.put(hour, index, {})
        else:
            bucket = item_rows.BUCKET_CODEC.decode(value)
            self._buckets.put(hour, index, bucket.countries, bucket.weights)

    def apply_catalog(self, item_id: str, item: CatalogItem | None) -> None:
        """Follow one record of `catalog.items`; None withdraws the item."""
        index = self._add(item_id)
        self.catalog.put(index, item)
        self.rules.look_at(index)
        self.vectors.touch(index)

    def _add(self, item_id: str) -> int:
        index = self.keys.get(item_id)
        if index < 0:
            index = self.keys.number(item_id)
            self._make_room()
            self.catalog.name(index, item_id)
            self.rules.look_at(index)
        return index

    def _add_keys(self, keys: Keys) -> Numbers:
        """int32[keys]: the indices of items, of which some may not be named yet."""
        indices = self.keys.numbers(keys)
        self._make_room()
        return indices

    def _make_room(self) -> None:
        items = len(self.keys)
        self.catalog.add(items)
        if self.sequence is not None:
            self.sequence.follow(self.keys.keys[:items])
        if items > len(self.norm):
            self._grow(int(items * _GROW) + 64)

    def _grow(self, capacity: int) -> None:
        self._associations.grow(capacity)
        self.rules.grow(capacity)
        self.vectors.grow(capacity)
        self.visits = grown(self.visits, capacity)
        self.norm = grown(self.norm, capacity, NORM_SHRINK**-0.5)
        self.events, self._day_sums = grown(self.events, capacity), grown(self._day_sums, capacity)
        self._newest_days = grown(self._newest_days, capacity)
        self.priors = self.priors.padded(capacity)

    def _learn(self, value: bytes | None) -> None:
        """A record of what items learned; one that is removed is contained in rows."""
        if value is None:
            return
        record = learned.decode(value)
        indices = self._add_keys(record.keys)
        self.vectors.touch(self._associations.learn(record, self.keys.keys, indices, indices))

    def _put_together(self, index: int, value: bytes | None) -> None:
        stored = associations.NOTHING if value is None else associations.decode(value)
        self._associations.put(index, stored, self._add_keys(stored.keys))
        self.vectors.touch(index)

    def _apply_counts(self, key: bytes, value: bytes | None) -> None:
        index = self._add(key[1:].decode())
        row = item_rows.CountsRow() if value is None else item_rows.COUNTS_CODEC.decode(value)
        self.events[index] = row.events
        self._newest_days[index] = row.newest_day
        self._recounted[index] = row.days
        self.facts.put_counts(index, row)

    def _sum_days(self) -> None:
        """Brings the sums of days up to date for the items whose counts changed."""
        for index, days in self._recounted.items():
            self._day_sums[index] = _DAY_DECAY[: len(days)] @ days if days else 0.0
        self._recounted.clear()

    def refresh_vectors(self) -> None:
        """Blend fitted vectors with what is known since; see ItemVectors."""
        self.vectors.refresh(len(self), self.catalog, self.neighbours, self.visits)

    def refresh_priors(self, now_ms: int) -> None:
        """Compute what all lists share, as of `now_ms`: popularity, trends, their mix, and the orders by them."""
        capacity = len(self.norm)
        self._fading = fading(now_ms)
        self.visits = self._associations.visits * self._fading
        self.norm = ((self.visits + NORM_SHRINK) ** -0.5).astype(np.float32)
        self._sum_days()
        ages_days = np.maximum(0, now_ms // DAY_MS - self._newest_days)
        trend_28d = self._day_sums * 0.5 ** (ages_days / TREND_HALF_LIFE_DAYS)
        now_hour = now_ms // HOUR_MS
        self._counted = float(self.events.sum())
        self.priors = Priors.compute(
            self.events.astype(np.float64),
            trend_28d,
            self._buckets.decayed(now_hour, DAY_WINDOW_H, WINDOW_HALF_LIFE_H, capacity),
            self._buckets.decayed(now_hour, WEEK_WINDOW_H, WINDOW_HALF_LIFE_H, capacity),
            self.catalog.released_at_ms[: len(self)],
        )

    def trending(
        self,
        region: str | None,
        window_h: int,
        now_ms: int,
        size: int,
        category: str | None = None,
        age: int | None = None,
    ) -> tuple[Ints, Floats]:
        """Up to `size` recommendable items by the weights of events of the last `window_h` hours, halved every 12
        hours: indices and scores relative to the first, in (0, 1], not increasing.

        `region` is a country, a region name of tables/regions.py, or None = everywhere; a country with fewer than 100
        events in the last 7 days is given the trend of its region. `category` is a genre, `age` up to which age items
        are listed (None = any). Items released within 30 days count 1.5 times.
        """
        now_hour = now_ms // HOUR_MS
        countries = self.countries_for(region, now_ms)
        sums = self._buckets.decayed(now_hour, window_h, WINDOW_HALF_LIFE_H, len(self.norm), countries)
        released_at_ms = self.catalog.released_at_ms[: len(self)]
        young = (released_at_ms > now_ms - YOUNG_MS) & (released_at_ms <= now_ms)
        sums[: len(self)][young] *= YOUNG_BOOST
        if category is not None:
            sums *= self.catalog.of_genre(category, len(sums))
        return self._top(sums, now_ms, size, region if region in REGION_OF else None, age)

    def trending_now(self, country: str | None, now_ms: int) -> tuple[str, frozenset[int]]:
        """The first 50 items of the 24-hour trend that people of a country (None = not known) are shown, up to a minute
        old, and whose trend it is: the country, its region, or "" = everywhere."""
        known = self._trending_now.get(country)
        if known is None or not 0 <= now_ms - known[0] < TRENDING_NOW_KEPT_MS:
            items, _ = self.trending(country, DAY_WINDOW_H, now_ms, TRENDING_NOW_ITEMS)
            known = self._trending_now[country] = (
                now_ms,
                self.trend_segment(country, now_ms),
                frozenset(items.tolist()),
            )
        return known[1:]

    def segment_priors(self, country: str | None, now_ms: int) -> SegmentPriors:
        """What ranks items for the people of a country (None = not known), or of its region while it has few events; up
        to a minute old, unless there are a twentieth more events since."""
        if country not in REGION_OF:
            return SegmentPriors.everywhere(self.priors)
        known = self._places.get(country)
        if known is not None:
            at_ms, counted, place = known
            # The columns too: they grow between two `refresh_priors`, and whoever ranks takes any item from them.
            same_items = len(place.popular_order) == len(self.priors.popular_order) and len(place.prior) == len(
                self.norm
            )
            if same_items and 0 <= now_ms - at_ms < PLACE_KEPT_MS and self._counted <= PLACE_KEPT_GROWTH * counted:
                return place
        countries, hour, capacity = self.countries_for(country, now_ms), now_ms // HOUR_MS, len(self.norm)
        week = self._buckets.counted(hour, WEEK_WINDOW_H, capacity, countries)
        place = SegmentPriors.compute(
            self.priors,
            self._buckets.decayed(hour, DAY_WINDOW_H, WINDOW_HALF_LIFE_H, capacity, countries),
            self._buckets.decayed(hour, WEEK_WINDOW_H, WINDOW_HALF_LIFE_H, capacity, countries),
            week,
            min(1.0, float(week.sum()) / MIN_COUNTRY_EVENTS),
        )
        self._places[country] = now_ms, self._counted, place
        return place

    def trend_segment(self, region: str | None, now_ms: int) -> str:
        """Whose trend a country or region (None = everywhere) is shown: "DE", "Europe", "" = everywhere."""
        if region is None:
            return ""
        if region in REGION_OF and self.countries_for(region, now_ms) != frozenset({region}):
            region = REGION_OF[region]
        return region.replace("-", " ").title() if region in COUNTRIES_OF else region

    def countries(self, now_ms: int) -> list[str]:
        """Known countries with events in the last 7 days, sorted."""
        return [country for country in self._buckets.countries(now_ms // HOUR_MS, WEEK_WINDOW_H) if country]

    def countries_for(self, region: str | None, now_ms: int) -> frozenset[str] | None:
        """The countries whose events make the trend of a country or region; None = all, and those not known."""
        if region is None:
            return None
        now_hour = now_ms // HOUR_MS
        if region in COUNTRIES_OF:
            return COUNTRIES_OF[region]
        own = frozenset({region})
        enough = self._buckets.total(now_hour, WEEK_WINDOW_H, own) >= MIN_COUNTRY_EVENTS
        return own if enough or region not in REGION_OF else COUNTRIES_OF[REGION_OF[region]]

    def popular(self, now_ms: int, size: int, age: int | None = None) -> tuple[Ints, Floats]:
        """Up to `size` recommendable items by prior, as `trending` gives them."""
        order = self.priors.popular_order
        best = order[self.catalog.available(order, now_ms, age=age)][:size]
        return best, _relative(self.priors.prior[best].astype(np.float64))

    def popular_in(self, country: str, now_ms: int, size: int, age: int | None = None) -> tuple[Ints, Floats]:
        """Up to `size` recommendable items for a country, as `trending` gives them: half what is popular everywhere,
        half the share of the last 7 days' events there, or in its region while they are few."""
        countries = self.countries_for(country, now_ms)
        week = self._buckets.counted(now_ms // HOUR_MS, WEEK_WINDOW_H, len(self.norm), countries)
        highest = week.max(initial=0.0)
        own = week / highest if highest > 0 else week
        return self._top(own + self.priors.prior, now_ms, size, country, age)

    def week_events(self, now_ms: int) -> NDArray[np.float64]:
        """float64[capacity]: the counted events of each item in the last 7 days."""
        return self._buckets.counted(now_ms // HOUR_MS, WEEK_WINDOW_H, len(self.norm), None)

    def learned(self, index: int) -> float:
        """Grows with every visit that taught what an item goes with; a number to compare with itself."""
        return float(self._associations.visits[index])

    def used_together(self, index: int) -> NDArray[np.float32]:
        """float32[items]: how much every item is used together with one item, for how often it is used; 0 = never."""
        weights, items = self.neighbours.weights[index], self.neighbours.items[index]
        filled = weights > 0
        scores = np.zeros(len(self), np.float32)
        scores[items[filled]] = weights[filled] * self._fading * self.norm[items[filled]]
        return scores

    def _top(
        self, scores: NDArray[np.float64], now_ms: int, size: int, country: str | None = None, age: int | None = None
    ) -> tuple[Ints, Floats]:
        candidates = np.flatnonzero(scores > 0)
        candidates = candidates[self.catalog.available(candidates, now_ms, country, age)]
        order = np.argsort(-scores[candidates], kind="stable")[:size]
        best = candidates[order].astype(np.int32)
        return best, _relative(scores[best])


def _relative(scores: NDArray[np.float64]) -> Floats:
    """Scores, best first, relative to the first."""
    highest = scores[0] if len(scores) else 0.0
    return (scores / highest if highest > 0 else np.zeros(len(scores))).astype(np.float32)
