"""What is known of an item is what all events about it say together: the table, by brute force over sequences."""

from collections.abc import Sequence
from itertools import permutations, product

import pytest
from features_now import features_of
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.catalog import CatalogItem
from streams.contract.events import EventType, Interaction
from tables.history import History, HistoryRow
from tables.item_model import ItemModel
from tables.type_codes import CODE_OF, FINISHED
from tables.user import User
from tables.user_features import UserFeatures
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000

#: By name: type and what is reported with it.
EVENTS: dict[str, tuple[EventType, dict[str, float]]] = {
    "like": (EventType.LIKE, {}),
    "dislike": (EventType.DISLIKE, {}),
    "skip": (EventType.SKIP, {}),
    "click": (EventType.CLICK, {}),
    "start": (EventType.WATCH_START, {}),
    "play": (EventType.PLAY, {}),
    "report": (EventType.WATCH_PROGRESS, {"completion_pct": 40.0}),
    "finish": (EventType.WATCH_END, {"completion_pct": 97.0}),
    "fair": (EventType.RATING, {"rating": 3.0}),
}
EXPLICIT = {"like": EventType.LIKE, "dislike": EventType.DISLIKE, "fair": EventType.RATING}


def event(name: str, at: int, item: str = "film", number: int = 0) -> Interaction:
    kind, reported = EVENTS[name]
    return Interaction(f"{at}-{number}-{name}", kind, "u", item, NOW_MS + at * MINUTE_MS, **reported)  # type: ignore[arg-type]


def after(events: Sequence[Interaction]) -> User:
    plane = UserPlane(0, 1, {}, FoldLimits())
    for offset, one in enumerate(events):
        plane.fold(one, b"u", offset, NOW_MS + 1_000 * MINUTE_MS)
    plane.changes()
    user = UserPlane(0, 1, plane._store, FoldLimits()).view("u")  # through the rows
    assert user is not None
    return user


def spoken(names: Sequence[str]) -> int:
    """The code that events in order come to."""
    explicit = [name for name in names if name in EXPLICIT]
    if explicit:
        return CODE_OF[EXPLICIT[explicit[-1]]]
    return FINISHED if "finish" in names else CODE_OF[EVENTS[names[-1]][0]]


def watched(names: Sequence[str]) -> tuple[int, int]:
    """(begun, finished): a watch goes on until it is finished and started again."""
    begun = finished = 0
    state = "not begun"
    for name in names:
        if name in ("start", "play", "report", "finish"):
            begins = state == "not begun" or (state == "finished" and name in ("start", "play"))
            begun += begins
            state = "begun" if begins else state
        if name == "finish" and state != "finished":
            finished += 1
            state = "finished"
    return begun, finished


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_every_sequence_comes_to_what_the_table_says(length: int) -> None:
    names_of = list(EVENTS) if length < 4 else ["like", "skip", "start", "finish", "dislike"]
    for names in product(names_of, repeat=length):
        user = after([event(name, at) for at, name in enumerate(names)])
        assert user.history.entries["film"][1] == spoken(names), names
        activity = user.row.behaviour.activity
        assert (activity.watched, activity.finished) == watched(names), names
        assert user.row.behaviour.session.finished == watched(names)[1], names


STRENGTH = dict.fromkeys(EXPLICIT, 3) | {"finish": 2}


@pytest.mark.parametrize(
    "names", [("like", "finish", "skip", "report"), ("dislike", "click", "finish"), ("skip", "finish")]
)
def test_in_whatever_order_they_arrive_the_strongest_stands(names: tuple[str, ...]) -> None:
    sent = [event(name, at) for at, name in enumerate(names)]
    strongest = max(names, key=lambda name: STRENGTH.get(name, 1))
    for arrived in permutations(sent):
        assert after(arrived).history.entries["film"] == (sent[-1].timestamp_ms, spoken([strongest])), arrived


def seen_from_outside(events: Sequence[Interaction]) -> UserFeatures:
    model = ItemModel()
    for item in {one.item_id for one in events}:
        model.apply_catalog(item, CatalogItem(item, genres=("Drama",)))
    return features_of(after(events), None, model, NOW_MS)


def test_a_like_that_is_followed_by_a_skip_is_no_refusal() -> None:
    found = seen_from_outside([event("like", 0), event("skip", 1)])
    assert found.disliked_genres == []
    assert found.genre_preferences == {"Drama": 1.0}
    assert seen_from_outside([event("click", 0), event("skip", 1)]).disliked_genres == ["Drama"]


def test_one_film_liked_and_finished_by_turns_is_one_film() -> None:
    names = ("start", "report", "finish", "like", "finish", "like", "finish", "click", "finish")
    found = seen_from_outside([event(name, at) for at, name in enumerate(names)])
    assert not found.is_binge
    assert (found.completion_rate, found.watches_7d) == (1.0, 1)
    films = [event("finish", at, item=f"film {at}") for at in range(3)]
    assert seen_from_outside(films).is_binge


visits = st.lists(st.tuples(st.sampled_from(list(EVENTS)), st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=40)


@given(visits)
def test_how_far_watches_have_come_survives_the_row(sent: list[tuple[str, str, int]]) -> None:
    plane = UserPlane(0, 1, {}, FoldLimits(history=5))
    for offset, (name, item, at) in enumerate(sent):
        plane.fold(event(name, at, item, offset), b"u", offset, NOW_MS + 1_000 * MINUTE_MS)
    user = plane.view("u")
    if user is not None:
        restored = History.from_row(user.history.to_row(), 5)
        assert (restored.watches, restored.entries) == (user.history.watches, user.history.entries)
        assert restored.watches.keys() <= restored.entries.keys()


def test_rows_of_a_former_format_say_it_by_their_codes() -> None:
    codes = [CODE_OF[EventType.LIKE], CODE_OF[EventType.WATCH_PROGRESS], FINISHED]
    history = History.from_row(HistoryRow(["a", "b", "c"], [NOW_MS, 1, 1], bytes(codes)), 5)
    assert [code for _, code in history.entries.values()] == codes
    assert history.watches == {"b": 1, "c": 2}
