"""Lists of what is used now, place by place: countries, regions, genres. A turn over all of them takes half a minute.

Every worker follows the whole item model, so any of them could write any place; a place is written by the owner of the
item partition that its name falls into, which spreads the work like the items.
"""

from collections import deque
from dataclasses import dataclass

from agents.list_maker import ListMaker
from ranking.shared_lists import new_releases, popular_in, popular_of_genre, trending
from serving.keys import GENRE_ROW, GLOBAL_REGION, LIST_TTL_S, NEW_ROW, REGIONS, TRENDING_TTL_S, WINDOWS, Keys
from serving.redis_writer import ListWriter
from tables.item_deltas import item_partition
from tables.regions import REGION_OF

TRENDING_SIZE = 50
WINDOW_HOURS = {"24h": 24, "7d": 168}
#: A round takes a second and what it writes: a turn stays below a minute.
ROUNDS_A_TURN = 30
#: Genres beyond these, by number of items, have no list: a catalogue may use genres as free tags.
MAX_GENRES = 200


@dataclass(frozen=True, slots=True)
class Place:
    """A country or region, or a genre everywhere."""

    region: str
    genre: str = ""


EVERYWHERE = Place(GLOBAL_REGION)


class PlaceLists:
    """Writes the lists of places: all of EVERYWHERE in each round, of the others a share."""

    def __init__(self, maker: ListMaker, writer: ListWriter, keys: Keys, partitions: int) -> None:
        self._maker = maker
        self._writer = writer
        self._keys = keys
        self._partitions = partitions
        self._left: deque[Place] = deque()
        self._share = 0

    async def write_next(self, owned: set[int], now_ms: int) -> None:
        """One round: the places of owned item partitions whose turn it is."""
        if self._owner(EVERYWHERE) in owned:
            await self._write(EVERYWHERE, now_ms)
        if not self._left:
            self._left = deque(self._places(now_ms))
            self._share = -(-len(self._left) // ROUNDS_A_TURN)
        for _ in range(min(self._share, len(self._left))):
            place = self._left.popleft()
            if self._owner(place) in owned:
                await self._write(place, now_ms)

    def _places(self, now_ms: int) -> list[Place]:
        """What there are lists for now: countries with events, their regions, the largest genres."""
        model = self._maker.model
        countries = model.countries(now_ms)
        regions = sorted({REGION_OF[country] for country in countries if country in REGION_OF})
        genres = model.catalog.largest_genres(MAX_GENRES)
        return [Place(name) for name in countries + regions] + [Place(GLOBAL_REGION, genre) for genre in genres]

    def _owner(self, place: Place) -> int:
        return item_partition(f"{place.region}:{place.genre}", self._partitions)

    async def _write(self, place: Place, now_ms: int) -> None:
        for window in WINDOWS:
            await self._write_trending(place, window, now_ms)
            if not place.genre:
                await self._write_searches(place.region, window, now_ms)
        if place.region != GLOBAL_REGION and place.region not in REGIONS:
            await self._write_popular(place.region, now_ms)
        await self._write_row(place, now_ms)

    async def _write_trending(self, place: Place, window: str, now_ms: int) -> None:
        model, region = self._maker.model, None if place.region == GLOBAL_REGION else place.region
        listed = trending(model, region, WINDOW_HOURS[window], now_ms, TRENDING_SIZE, place.genre or None)
        key = self._keys.trending_list(place.region, window, place.genre)
        await self._writer.write_shared(key, self._maker.shared_value(listed, now_ms), TRENDING_TTL_S)
        if not place.genre:
            names = [model.ids[index] for index in listed.item_index.tolist()]
            scores = dict(zip(names, listed.score.tolist(), strict=True))
            await self._writer.write_zset(self._keys.trending(place.region, window), scores, TRENDING_TTL_S)

    async def _write_searches(self, region: str, window: str, now_ms: int) -> None:
        model = self._maker.model
        countries = model.countries_for(None if region == GLOBAL_REGION else region, now_ms)
        found = model.searches.trending(WINDOW_HOURS[window], now_ms, TRENDING_SIZE, countries)
        await self._writer.write_zset(self._keys.search_trending(region, window), dict(found), TRENDING_TTL_S)

    async def _write_row(self, place: Place, now_ms: int) -> None:
        """The homepage row of a place: what is popular in a genre, what is new in a country or everywhere."""
        model = self._maker.model
        if place.genre:
            listed = popular_of_genre(model, place.genre, now_ms, TRENDING_SIZE)
            key = self._keys.row(GENRE_ROW, place.genre)
        elif place.region not in REGIONS:
            country = None if place.region == GLOBAL_REGION else place.region
            listed = new_releases(model, country, now_ms, TRENDING_SIZE)
            key = self._keys.row(NEW_ROW, place.region)
        else:
            return
        await self._writer.write_shared(key, self._maker.shared_value(listed, now_ms), LIST_TTL_S)

    async def _write_popular(self, country: str, now_ms: int) -> None:
        listed = popular_in(self._maker.model, country, now_ms, self._maker.list_size)
        value = self._maker.shared_value(listed, now_ms)
        await self._writer.write_shared(self._keys.popular(segment=country), value, LIST_TTL_S)
