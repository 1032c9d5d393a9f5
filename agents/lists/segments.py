"""Lists of what is used now, place by place: countries, regions, genres. A turn over all of them takes half a minute.

Every worker follows the whole item model, so any of them could write any place; a place is written by the owner of the
item partition that its name falls into, which spreads the work like the items.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from agents.lists.list_maker import ListMaker
from agents.lists.maturity_lists import MaturityLists
from ranking.shared_lists import new_releases, popular_in, popular_of_genre, trending
from serving.first_failure import FirstFailure
from serving.keys import GENRE_ROW, GLOBAL_REGION, HOMEPAGE, LIST_TTL_S, NEW_ROW, REGIONS, TRENDING_TTL_S, WINDOWS, Keys
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from streams.contract.catalog import maturity_age
from tables.item_deltas import item_partition
from tables.regions import REGION_OF

TRENDING_SIZE = 50
WINDOW_HOURS = {"24h": 24, "7d": 168}
#: A round takes a second and what it writes: a turn stays below a minute.
ROUNDS_A_TURN = 30
#: Genres beyond these, by number of items, have no list: a catalogue may use genres as free tags.
MAX_GENRES = 200


@dataclass(frozen=True, slots=True)
class AudienceSegment:
    """A country or region, or a genre everywhere."""

    region: str
    genre: str = ""


EVERYWHERE = AudienceSegment(GLOBAL_REGION)


class SegmentLists:
    """Writes the lists of places: all of EVERYWHERE in each round, of the others a share."""

    def __init__(self, maker: ListMaker, writer: ListWriter, keys: Keys, partitions: int) -> None:
        self._maker = maker
        self._writer = writer
        self._keys = keys
        self._partitions = partitions
        self._for_ages = MaturityLists(maker, writer)
        self._left: deque[AudienceSegment] = deque()
        self._share = 0

    async def write_next(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        """One round: the places of owned item partitions whose turn it is. Raises RedisUnavailable after the last."""
        failure = FirstFailure()
        if owner := owned.get(self._partition(EVERYWHERE)):
            with failure.kept():
                await self._write(EVERYWHERE, owner, now_ms)
        if not self._left:
            self._left = deque(self._segments(now_ms))
            self._share = -(-len(self._left) // ROUNDS_A_TURN)
        for _ in range(min(self._share, len(self._left))):
            place = self._left.popleft()
            if owner := owned.get(self._partition(place)):
                with failure.kept():
                    await self._write(place, owner, now_ms)
        failure.tell()

    def _segments(self, now_ms: int) -> list[AudienceSegment]:
        """What there are lists for now: countries with events, their regions, the largest genres."""
        model = self._maker.model
        countries = model.countries(now_ms)
        regions = sorted({REGION_OF[country] for country in countries if country in REGION_OF})
        genres = model.catalog.largest_genres(MAX_GENRES)
        return [AudienceSegment(name) for name in countries + regions] + [
            AudienceSegment(GLOBAL_REGION, genre) for genre in genres
        ]

    def _partition(self, place: AudienceSegment) -> int:
        return item_partition(f"{place.region}:{place.genre}", self._partitions)

    async def _write(self, place: AudienceSegment, owner: PartitionOwner, now_ms: int) -> None:
        for window in WINDOWS:
            await self._write_trending(place, window, owner, now_ms)
            if not place.genre:
                await self._write_searches(place.region, window, owner, now_ms)
        if place.region != GLOBAL_REGION and place.region not in REGIONS:
            await self._write_popular(place.region, owner, now_ms)
        await self._write_row(place, owner, now_ms)

    async def _write_trending(self, place: AudienceSegment, window: str, owner: PartitionOwner, now_ms: int) -> None:
        model, region = self._maker.model, None if place.region == GLOBAL_REGION else place.region
        make = partial(trending, model, region, WINDOW_HOURS[window], now_ms, TRENDING_SIZE, place.genre or None)
        key = partial(self._keys.trending_list, place.region, window, place.genre)
        await self._for_ages.write(key, make, owner, now_ms, TRENDING_TTL_S)
        if not place.genre:
            # Whoever reads the sorted set knows nothing of its items: it holds what strangers may be shown.
            listed = make(age=maturity_age(model.default_maturity))
            names = [model.ids[index] for index in listed.item_index.tolist()]
            scores = dict(zip(names, listed.score.tolist(), strict=True))
            await self._writer.write_zset(self._keys.trending(place.region, window), scores, TRENDING_TTL_S, owner)

    async def _write_searches(self, region: str, window: str, owner: PartitionOwner, now_ms: int) -> None:
        model = self._maker.model
        countries = model.countries_for(None if region == GLOBAL_REGION else region, now_ms)
        found = model.searches.trending(WINDOW_HOURS[window], now_ms, TRENDING_SIZE, countries)
        await self._writer.write_zset(self._keys.search_trending(region, window), dict(found), TRENDING_TTL_S, owner)

    async def _write_row(self, place: AudienceSegment, owner: PartitionOwner, now_ms: int) -> None:
        """The homepage row of a place: what is popular in a genre, what is new in a country or everywhere."""
        model = self._maker.model
        if place.genre:
            make = partial(popular_of_genre, model, place.genre, now_ms, TRENDING_SIZE)
            key = partial(self._keys.row, GENRE_ROW, place.genre)
        elif place.region not in REGIONS:
            country = None if place.region == GLOBAL_REGION else place.region
            make = partial(new_releases, model, country, now_ms, TRENDING_SIZE)
            key = partial(self._keys.row, NEW_ROW, place.region)
        else:
            return
        await self._for_ages.write(key, make, owner, now_ms, LIST_TTL_S)

    async def _write_popular(self, country: str, owner: PartitionOwner, now_ms: int) -> None:
        make = partial(popular_in, self._maker.model, country, now_ms, self._maker.list_size)
        await self._for_ages.write(partial(self._keys.popular, HOMEPAGE, country), make, owner, now_ms, LIST_TTL_S)
