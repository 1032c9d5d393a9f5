"""Countries, regions and genres get their lists in turn, each within half a minute, each from one worker."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from listed_by_model import listed
from small_world import NOW_MS, SmallWorld, owners

from agents.lists.list_maker import ListMaker
from agents.lists.segments import ROUNDS_A_TURN, SegmentLists
from serving.keys import TRENDING_TTL_S, Keys
from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType, Interaction
from tables.regions import MIN_COUNTRY_EVENTS

KEYS = Keys("t", "v1")
PARTITIONS = 4
ALL = owners(range(PARTITIONS))


class Writer:
    """What was written last, and how often."""

    def __init__(self, world: SmallWorld) -> None:
        self._world = world
        self.lists: dict[str, bytes] = {}
        self.zsets: dict[str, dict[str, float]] = {}
        self.times: Counter[str] = Counter()

    async def write_shared(self, key: str, value: bytes, ttl_s: int, owner: PartitionOwner) -> None:
        self.lists[key] = value
        self.times[key] += 1

    async def write_zset(self, key: str, scores: dict[str, float], ttl_s: int, owner: PartitionOwner) -> None:
        assert ttl_s == TRENDING_TTL_S
        self.zsets[key] = scores
        self.times[key] += 1

    def items(self, key: str) -> list[str]:
        return [item["item_id"] for item in self.listed(key)["recommendations"]]

    def listed(self, key: str) -> dict[str, Any]:
        return listed(self.lists[key], self._world.model)


@pytest.fixture
def world() -> SmallWorld:
    world = SmallWorld()
    world.lists(CatalogItem("dutch", genres=("Drama",)), CatalogItem("german", genres=("War",)))
    number = 0
    for country, item, events in (("NL", "dutch", MIN_COUNTRY_EVENTS), ("DE", "german", 3), ("BR", "german", 1)):
        for _ in range(events):
            user = f"u{number}"
            world.folds(Interaction(f"e{number}", EventType.VIEW, user, item, NOW_MS, country=country))
            world.folds(Interaction(f"s{number}", EventType.SEARCH, user, "", NOW_MS, query=f"{item} films"))
            number += 1
    world.publish()
    return world


def places_of(world: SmallWorld, writer: Writer) -> SegmentLists:
    follower = SimpleNamespace(model=world.model, catalogue_version=0)
    maker = ListMaker(follower, KEYS, "v1", 10, 1_000)  # type: ignore[arg-type]
    return SegmentLists(maker, writer, KEYS, PARTITIONS)  # type: ignore[arg-type]


async def test_a_turn_writes_every_country_region_and_genre(world: SmallWorld) -> None:
    writer = Writer(world)
    places = places_of(world, writer)
    for _ in range(ROUNDS_A_TURN):
        await places.write_next(ALL, NOW_MS)
    for window in ("24h", "7d"):
        assert writer.items(KEYS.trending_list("*", window)) == ["dutch", "german"]
        assert writer.items(KEYS.trending_list("NL", window)) == ["dutch"]
        assert writer.items(KEYS.trending_list("DE", window)) == ["dutch", "german"]  # few events: all of Europe
        assert writer.items(KEYS.trending_list("south-america", window)) == ["german"]
        assert writer.items(KEYS.trending_list("*", window, "War")) == ["german"]
        assert writer.zsets[KEYS.trending("DE", window)] == pytest.approx({"dutch": 1.0, "german": 0.03})
        assert writer.zsets[KEYS.search_trending("*", window)] == pytest.approx(
            {"dutch films": 1, "german films": 0.04}
        )
        assert writer.zsets[KEYS.search_trending("NL", window)] == {"dutch films": 1.0}
        assert writer.zsets[KEYS.search_trending("BR", window)] == {}  # one search may be about a person
    popular = writer.listed(KEYS.popular(segment="BR"))
    assert popular["source"] == "segment"
    assert popular["recommendations"][0]["item_id"] == "german"  # though more people like the other elsewhere
    assert KEYS.popular(segment="europe") not in writer.lists


async def test_a_turn_writes_the_rows_of_homepages(world: SmallWorld) -> None:
    world.lists(CatalogItem("dutch", genres=("Drama",), released_at_ms=NOW_MS, regions=("NL",)))
    world.publish()
    writer = Writer(world)
    places = places_of(world, writer)
    for _ in range(ROUNDS_A_TURN):
        await places.write_next(ALL, NOW_MS)
    assert writer.items(KEYS.row("new", "NL")) == ["dutch"]
    assert writer.items(KEYS.row("new", "DE")) == writer.items(KEYS.row("new", "*")) == []
    assert writer.items(KEYS.row("genre", "War")) == ["german"]
    trend = writer.listed(KEYS.trending_list("DE", "24h"))
    assert trend["recommendations"][0]["reason"] == "Trending now in Europe"


async def test_one_worker_writes_a_place_however_partitions_are_shared(world: SmallWorld) -> None:
    writer = Writer(world)
    workers = [(places_of(world, writer), owners(owned)) for owned in ([0, 3], [1], [2])]
    turn = 3 + 2 + 2  # countries, regions, genres: fewer than the rounds of the longest turn
    for _ in range(2 * turn):
        for places, owned in workers:
            await places.write_next(owned, NOW_MS)
    everywhere = [key for key in writer.times if (":*:" in key and key.count(":") == 4) or key.endswith(":*")]
    assert {writer.times.pop(key) for key in everywhere} == {2 * turn}
    assert set(writer.times.values()) == {2}
    assert len(writer.times) == (3 * 8 + 2 * 6 + 2 * 3)  # countries, regions, genres


async def test_a_round_writes_a_share_of_the_places_only(world: SmallWorld) -> None:
    for number in range(2 * ROUNDS_A_TURN):
        world.lists(CatalogItem(f"i{number}", genres=(f"g{number}",)))
    writer = Writer(world)
    places = places_of(world, writer)
    for round_number in range(1, 4):
        await places.write_next(ALL, NOW_MS)
        others = [
            key
            for key in writer.lists
            if "popular" not in key and "row" not in key and ":*:24h" not in key and ":*:7d" not in key
        ]
        genres = [key for key in writer.lists if ":*:24h:" in key]
        assert len(others) / 2 + len(genres) == 3 * round_number  # 3 countries, 2 regions, 62 genres in 30 rounds


async def test_the_sorted_sets_hold_what_strangers_may_be_shown() -> None:
    world = SmallWorld()
    writer = Writer(world)
    world.lists(CatalogItem("adult", maturity="18"), CatalogItem("teen", maturity="16"), CatalogItem("unrated"))
    world.lists(CatalogItem("german", maturity="all", regions=("DE",)))
    for number, item in enumerate(("adult", "teen", "unrated", "german") * MIN_COUNTRY_EVENTS):
        world.folds(Interaction(f"e{number}", EventType.VIEW, f"u{number}", item, NOW_MS, country="DE"))
    world.publish()
    places = places_of(world, writer)
    for _ in range(ROUNDS_A_TURN):
        await places.write_next(ALL, NOW_MS)
    assert set(writer.zsets[KEYS.trending("*", "24h")]) == {"teen", "unrated"}
    assert set(writer.zsets[KEYS.trending("DE", "24h")]) == {"teen", "unrated", "german"}
    assert "adult" in writer.items(KEYS.trending_list("DE", "24h"))
