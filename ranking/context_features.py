"""Where and when lists are decided: what the crossed features depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import country_of, language_of
from ranking.interests import Asked, Interests
from ranking.kernels.interests import genre_shares
from ranking.kernels.relative import covered_shares
from ranking.ragged import Ragged
from streams.contract.catalog import UserProfile
from streams.contract.time_zones import zone_of
from tables.item_model import ItemModel
from tables.segment_priors import SegmentPriors

GENRE_ITEMS = 20
_SATURDAY = 5
_NIGHT = frozenset((22, 23, 0, 1, 2, 3, 4, 5))
_HANDHELD = frozenset(("mobile", "phone", "tablet", "ios", "android"))

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ContextFeatures:
    """By user: the number of their `languages` int64[users] (-2 = not known), whether it `is_handheld`, `is_weekend`
    and `is_night` bool[users] where they are, the `genres` float32[users, 64 words] share of each genre number among
    their recent items, and `places` int64[users]: which of the `countries` (None = not known) and of `segment_priors`,
    what ranks items there, is theirs."""

    now_ms: int
    languages: NDArray[np.int64]
    is_handheld: Mask
    is_weekend: Mask
    is_night: Mask
    genres: Floats
    countries: list[str | None]
    segment_priors: list[SegmentPriors]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, asked: Sequence[Asked], interests: Interests, model: ItemModel, now_ms: int) -> "ContextFeatures":
        """The context at `now_ms`; what was last seen of a user counts before the profile. Where the profile names no
        time zone, or none that there is, it is UTC."""
        numbers, places = model.catalog.language_ids, dict[str | None, int]()
        devices = [user.row.device_type.lower() if user is not None else "" for user, _ in asked]
        hours = [_local_hour(profile, now_ms) for _, profile in asked]
        own = [places.setdefault(country_of(one) or None, len(places)) for one in asked]
        return cls(
            now_ms,
            np.array([numbers.get(language_of(one) or "", -2) for one in asked], np.int64),
            np.array([device in _HANDHELD for device in devices]),
            np.array([weekday >= _SATURDAY for weekday, _ in hours]),
            np.array([hour in _NIGHT for _, hour in hours]),
            _genre_shares(asked, interests, model),
            list(places),
            [model.segment_priors(country, now_ms) for country in places],
            np.array(own, np.int64),
        )

    def genre_shares(self, items: Ragged, model: ItemModel) -> Floats:
        """float32[items]: how much of their user's recent taste an item's genres cover."""
        covered = np.empty(len(items.values), np.float32)
        covered_shares(*items, model.catalog.genre_columns.bits, self.genres, covered)
        return covered

    def language_match(self, items: Ragged, model: ItemModel) -> Mask:
        """bool[items]: in their user's language; False where either is unknown."""
        match: Mask = model.catalog.language[items.values] == self.of_each(self.languages, items)
        return match

    def of_each(self, column: NDArray[np.generic], items: Ragged) -> NDArray[np.generic]:
        """A column by user as one by item."""
        return np.repeat(column, np.diff(items.offsets))

    def prior(self, items: Ragged) -> Floats:
        """float32[items]: the prior where their user is."""
        return self._here([segment_priors.prior for segment_priors in self.segment_priors], items)

    def trend_24h(self, items: Ragged) -> Floats:
        """float32[items]: the trend of the day where their user is."""
        return self._here([segment_priors.trend_24h for segment_priors in self.segment_priors], items)

    def _here(self, columns: list[Floats], items: Ragged) -> Floats:
        if len(columns) == 1:
            return columns[0].take(items.values)
        found = np.empty(len(items.values), np.float32)
        bounds = items.offsets.tolist()
        for first, end, place in zip(bounds, bounds[1:], self.places.tolist(), strict=False):
            columns[place].take(items.values[first:end], out=found[first:end], mode="clip")
        return found


def _local_hour(profile: UserProfile | None, now_ms: int) -> tuple[int, int]:
    zone = zone_of(profile.timezone if profile else None) or UTC
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    return local.weekday(), local.hour


def _genre_shares(asked: Sequence[Asked], interests: Interests, model: ItemModel) -> Floats:
    catalog = model.catalog
    bits = catalog.genre_columns.bits
    shares = np.zeros((len(asked), 64 * bits.shape[1]), np.float32)
    genre_shares(*interests.recent, interests.weights, GENRE_ITEMS, bits, shares)
    for place, (_, profile) in enumerate(asked):
        if profile is not None and profile.favorite_genres and not shares[place].any():
            genres = [catalog.genre_ids[name] for name in profile.favorite_genres if name in catalog.genre_ids]
            shares[place, genres] = 1 / max(len(set(genres)), 1)
    return shares
