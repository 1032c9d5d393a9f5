"""What one refresh of a user writes: list, continue watching and features, all saying what they reflect."""

from types import SimpleNamespace

import numpy as np
import orjson
import pytest
from listed_by_model import listed as shown_by
from small_world import NOW_MS, SmallWorld

from agents.lists.list_maker import ListMaker
from ranking.ranker import Ranker
from serving.keys import Keys
from serving.list_format import read_prefix
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType, Interaction, parse_interaction
from streams.contract.units import HOUR_MS
from tables.user_plane import User

KEYS = Keys("t", "v1")
PARTITION = 3


def values_of(world: SmallWorld, user: User, profile: UserProfile | None = None) -> dict[str, bytes]:
    ((shown, values, *_),) = maker_of(world, 10).values_of([(user, profile)], PARTITION, NOW_MS)
    assert values[0][0] == KEYS.user_list(user.user_id)  # decides whether the others are written
    listed = [item["item_id"] for item in shown_by(values[0][1], world.model)["recommendations"]]
    assert {world.model.index(item_id) for item_id in listed} <= set(shown.tolist())
    return dict(values)


def maker_of(world: SmallWorld, list_size: int) -> ListMaker:
    follower = SimpleNamespace(
        model=world.model,
        ranker=Ranker.start(),
        catalogue_version=2,
        changed_since=lambda since: ["b"] if since == 1 else None,
    )
    return ListMaker(follower, KEYS, "v1", list_size, 1_000)  # type: ignore[arg-type]


def world_of_genres() -> SmallWorld:
    world = SmallWorld()
    world.lists(*(CatalogItem(name, genres=(genre,)) for name, genre in zip("abcd", "WWXY", strict=True)))
    for number in range(5):
        world.sends(f"u{number}", "abcd")
    world.publish()
    return world


def test_features_are_json_that_says_what_they_reflect_and_when() -> None:
    world = world_of_genres()
    world.folds(Interaction("x", EventType.LIKE, "new", "a", NOW_MS - HOUR_MS, country="NL", device_type="tv"))
    user = world.user("new")
    values = values_of(world, user, UserProfile("new", timezone="Asia/Tokyo"))
    found = orjson.loads(values[KEYS.user_features("new")])
    assert found.pop("generated_at") == "2023-11-14T22:13:20.000Z"
    assert found.pop("as_of") == {"partition": PARTITION, "offset": user.row.last_offset}
    assert found.pop("engagement_score") > 0
    assert found == {
        "model_version": "v1",
        "user_id": "new",
        "last_items": ["a"],
        "recent_items": ["a"],
        "last_action_ms": NOW_MS - HOUR_MS,
        "genre_preferences": {"W": 1.0},
        "disliked_genres": [],
        "average_watch_s": None,
        "completion_rate": None,
        "preferred_hours": [6],  # 21 UTC
        "watches_7d": 0,
        "session_length_s": 0.0,
        "in_session": False,
        "is_binge": False,
        "is_bot": False,
        "devices": ["tv"],
        "country": "NL",
        "language": None,
        "ratings": 0,
        "average_rating": None,
    }


def test_every_value_of_a_refresh_reflects_the_same_offset() -> None:
    world = world_of_genres()
    values = values_of(world, world.user("u2"))
    offset = world.user("u2").row.last_offset
    for key in (KEYS.user_list("u2"), KEYS.continue_watching("u2")):
        assert (read_prefix(values[key]).partition, read_prefix(values[key]).offset) == (PARTITION, offset)
    assert KEYS.user_features("u2") in values


@pytest.mark.parametrize(("list_size", "touched"), [(2, False), (3, True)])
def test_a_catalogue_change_touches_a_list_that_is_short(list_size: int, touched: bool) -> None:
    world = world_of_genres()
    world.sends("someone", "bb")
    maker = maker_of(world, list_size)
    world.lists(CatalogItem("d", available_until_ms=NOW_MS))
    ((shown, *_),) = maker.values_of([(world.user("someone"), None)], PARTITION, NOW_MS)  # a and c are left
    changed = maker.items_changed_since(1)
    assert changed is not None
    assert bool(np.isin(shown, changed).any()) == touched
    assert maker.items_changed_since(0) is None


def test_a_profile_shapes_the_list_of_somebody_without_events() -> None:
    world = world_of_genres()
    someone = User.new("someone", 100)
    profile = UserProfile("someone", seed_items=("a",), disliked_genres=("X",))
    values = values_of(world, someone, profile)
    listed = shown_by(values[KEYS.user_list("someone")], world.model)
    assert listed["source"] == "personal"
    assert "c" not in [item["item_id"] for item in listed["recommendations"]]
    assert orjson.loads(values[KEYS.user_features("someone")])["disliked_genres"] == ["X"]


def test_a_time_zone_that_is_none_counts_as_unknown() -> None:
    world = world_of_genres()
    for name in ("Mars/Olympus", "../../etc/passwd", "Europe", "a\0b", ""):
        values_of(world, world.user("u1"), UserProfile("u1", timezone=name))


def test_an_unfinished_item_is_continued_where_the_catalogues_length_says() -> None:
    world = world_of_genres()
    played = b'{"event_type":"PLAY","user_id":"u9","item_id":"a","timestamp":%d,"progress_pct":45}' % NOW_MS
    world.folds(parse_interaction(played, NOW_MS))
    for number, seconds in enumerate((1_200, 3_000)):
        at_ms = NOW_MS + number
        world.folds(Interaction(f"w{number}", EventType.WATCH_END, "u9", "b", at_ms, watch_duration_s=seconds))
    assert continued(world, "u9") == [("a", 45.0, 0.0)]  # nobody knows how long they are
    world.lists(CatalogItem("a", duration_s=6_000.0), CatalogItem("b", duration_s=4_000.0))
    assert continued(world, "u9") == [("b", 75.0, 3_000.0), ("a", 45.0, 2_700.0)]
    world.lists(CatalogItem("b", duration_s=3_050.0))  # so they have seen it all
    assert continued(world, "u9") == [("a", 45.0, 2_700.0)]
    (made,) = maker_of(world, 10).values_of([(world.user("u9"), None)], PARTITION, NOW_MS)
    items = made.items
    assert {world.model.index("a"), world.model.index("b")} <= set(items.tolist())  # their changes touch these lists


def continued(world: SmallWorld, user_id: str) -> list[tuple[str, float, float]]:
    value = values_of(world, world.user(user_id))[KEYS.continue_watching(user_id)]
    entries = shown_by(value, world.model)["recommendations"]
    return [(entry["item_id"], entry["progress_pct"], entry["position_s"]) for entry in entries]
