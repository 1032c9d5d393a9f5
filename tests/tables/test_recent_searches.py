"""What somebody searched for last: bounded, each query once, in no order of arrival, and with their guests."""

import itertools
import random

import msgspec

from streams.contract.events import EventType, Interaction
from tables import guest_part, user_row
from tables.linked_user import linked_user
from tables.recent_searches import MAX_SEARCHES, SearchRow
from tables.user import User
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_750_000_000_000
DAY_MS = 86_400_000
numbers = itertools.count()


def search(query: str, at_ms: int, who: str = "u") -> Interaction:
    return Interaction(f"e{next(numbers)}", EventType.SEARCH, who, "", at_ms, query=query)


def folded(*events: Interaction) -> User:
    plane = UserPlane(0, 1, {}, FoldLimits())
    for offset, event in enumerate(events):
        plane.fold(event, event.user_id.encode(), offset, event.timestamp_ms)
    user = plane.own(events[0].user_id)
    assert user is not None
    return user


def searches(user: User) -> list[tuple[str, int]]:
    return [(row.query, row.searched_at_ms) for row in user.row.behaviour.searches]


def test_each_query_is_kept_once_at_its_newest_time_whatever_order_it_comes_in() -> None:
    events = [search(f"film {number % 15}", NOW_MS + number) for number in range(40)]
    expected = [(f"film {number % 15}", NOW_MS + number) for number in range(30, 40)]
    assert len(expected) == MAX_SEARCHES
    assert searches(folded(*events)) == expected
    random.Random(1).shuffle(events)
    assert searches(folded(*events)) == expected


def test_what_is_none_is_not_kept() -> None:
    view = Interaction("v", EventType.VIEW, "u", "i1", NOW_MS + 9, query="not a search")
    user = folded(search("  The   MATRIX ", NOW_MS), search("   ", NOW_MS + 1), view)
    assert searches(user) == [("the matrix", NOW_MS)]
    assert "i1" in user.history.entries


def test_searches_end_with_the_retention() -> None:
    new = [search("new", NOW_MS + 200 * DAY_MS + number) for number in range(2)]  # the first one says how late it is
    assert searches(folded(search("old", NOW_MS), *new)) == [("new", new[1].timestamp_ms)]


def test_a_guests_searches_are_their_users_too() -> None:
    own = folded(search("alien", NOW_MS), search("heat", NOW_MS + 1))
    guest = folded(search("heat", NOW_MS + 5, "g"), search("jaws", NOW_MS + 2, "g"))
    part = guest_part.decode(guest_part.encode(guest, 1))
    assert searches(linked_user("u", own, [part], 100)) == [
        ("alien", NOW_MS),
        ("jaws", NOW_MS + 2),
        ("heat", NOW_MS + 5),
    ]
    assert searches(own) == [("alien", NOW_MS), ("heat", NOW_MS + 1)]


def test_a_row_of_before_has_none() -> None:
    row = folded(search("alien", NOW_MS)).row
    assert user_row.CODEC.decode(user_row.CODEC.encode(row)).behaviour.searches == [SearchRow("alien", NOW_MS)]
    fields = msgspec.msgpack.decode(user_row.CODEC.encode(row))
    former = msgspec.msgpack.encode([2, *fields[1:-1], fields[-1][:-1]])
    assert user_row.CODEC.decode(former).behaviour.searches == []
