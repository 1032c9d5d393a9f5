"""A user with their guests is the union of all, whatever the order; a part is bounded and is what the row says."""

import random
from itertools import permutations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction
from tables import guest_part, user_row
from tables.cleaning import CleaningLimits
from tables.guest_part import MOST_SEEN
from tables.linked_user import linked_user
from tables.user import User
from tables.user_plane import FoldLimits, Linked, UserPlane

NOW_MS = 1_750_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Nobody is a bot, and nothing too old.
LIMITS = FoldLimits(cleaning=CleaningLimits(bot_events_per_minute=0, training_events_per_day=0))
KINDS = [kind for kind in EventType if kind is not EventType.SEARCH]
seeds = st.integers(0, 2**32).map(random.Random)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def made_up(pick: random.Random, who: str, count: int) -> list[Interaction]:
    at_ms, events = NOW_MS - 30 * DAY_MS, []
    for number in range(count):
        at_ms += pick.choice((1_000, HOUR_MS, DAY_MS))
        kind = pick.choice(KINDS)
        events.append(
            Interaction(
                f"{who}{number}",
                kind,
                who,
                f"i{pick.randrange(8)}",
                at_ms,
                completion_pct=pick.choice((None, 10.0, 96.0)),
                watch_duration_s=pick.choice((None, 60.0)),
                rating=pick.choice((1.0, 3.0, 5.0)) if kind is EventType.RATING else None,
                country=pick.choice((None, "DE", "NL")),
                device_type=pick.choice((None, "tv", "web", "mobile")),
                session_id=pick.choice((None, "s1")),
            )
        )
    return events


def fold(plane: UserPlane, events: list[Interaction]) -> None:
    for event in events:
        offset = plane._ledger.row.last_offset + 1
        plane.fold(event, event.user_id.encode(), offset, event.timestamp_ms)


def folded(*histories: list[Interaction]) -> list[User]:
    """Each in a plane of its own, as guests in other partitions are."""
    users = []
    for events in histories:
        plane = UserPlane(0, 1, {}, LIMITS)
        fold(plane, events)
        user = plane.own(events[0].user_id)
        assert user is not None
        users.append(user)
    return users


def told(user: User) -> object:
    """All that readers see."""
    seen = (dict(sorted(user.seen.hours.items())), sorted(user.seen.used))
    row = msgspec.structs.replace(user.row, history=None, watching=None, seen=None, dedupe=None)
    return msgspec.to_builtins((row, user.history.to_row(), user.watching.to_rows(), seen, user.history.liked))


@quick
@given(seeds)
def test_the_order_of_guests_makes_no_difference_and_rows_are_left_alone(pick: random.Random) -> None:
    own, *guests = folded(*(made_up(pick, who, pick.randrange(1, 25)) for who in ("u", "g1", "g2", "g3")))
    before = msgspec.to_builtins(own.take_changes())
    parts = [guest_part.decode(guest_part.encode(guest, number)) for number, guest in enumerate(guests)]
    views = [told(linked_user("u", own, order, 100)) for order in permutations(parts)]
    assert all(view == views[0] for view in views)
    assert msgspec.to_builtins(own.take_changes()) == before
    assert [guest_part.encode(guest, number) for number, guest in enumerate(guests)] == [
        guest_part._CODEC.encode(part) for part in parts
    ]


@quick
@given(seeds)
def test_it_is_what_one_who_did_it_all_would_have(pick: random.Random) -> None:
    """For everything that does not depend on which of them did what first: counted from the events themselves."""
    histories = [made_up(pick, who, pick.randrange(1, 25)) for who in ("u", "g1", "g2")]
    own, *guests = folded(*histories)
    parts = [guest_part.decode(guest_part.encode(guest, 1)) for guest in guests]
    user = linked_user("u", own, parts, 100)
    every = [event for history in histories for event in history]
    met = [event for event in every if event.event_type is not EventType.IMPRESSION]
    assert user.row.folded == len(every)
    assert user.row.last_event_ms == max(event.timestamp_ms for event in every)
    assert set(user.seen.hours) == {event.item_id for event in met}
    everybody = (own, *guests)
    assert user.seen.hours == {
        item: max(one.seen.hours[item] for one in everybody if item in one.seen) for item in user.seen.hours
    }
    assert {item: at_ms for item, (at_ms, _) in user.history.entries.items()} == {
        event.item_id: event.timestamp_ms for event in sorted(met, key=lambda event: event.timestamp_ms)
    }
    activity = user.row.behaviour.activity
    assert activity.hours == (
        [sum(e.timestamp_ms // HOUR_MS % 24 == hour for e in met) for hour in range(24)] if met else []
    )
    stars = [event.rating for event in every if event.event_type is EventType.RATING and event.rating]
    assert (activity.ratings, activity.rating_sum) == (len(stars), pytest.approx(sum(stars)))
    timed = [e.watch_duration_s for e in every if e.event_type is EventType.WATCH_END and e.watch_duration_s]
    assert (activity.timed, activity.timed_s) == (len(timed), pytest.approx(sum(timed)))
    assert set(activity.devices) == {event.device_type for event in met if event.device_type}
    assert activity.watched == sum(one.row.behaviour.activity.watched for one in (own, *guests))
    assert user.row.behaviour.session.sessions == sum(one.row.behaviour.session.sessions for one in (own, *guests))
    assert (user.row.last_offset, user.dedupe) == (own.row.last_offset, own.dedupe)


def test_the_strongest_counts_and_of_two_the_one_who_came_back_last() -> None:
    def said(who: str, kind: EventType, item: str, minute: int) -> Interaction:
        return Interaction(f"{who}{minute}", kind, who, item, NOW_MS + minute * 60_000)

    own, guest = folded(
        [said("u", EventType.LIKE, "a", 1), said("u", EventType.DISLIKE, "b", 2)],
        [said("g", EventType.CLICK, "a", 5), said("g", EventType.LIKE, "b", 6)],
    )
    user = linked_user("u", own, [guest_part.decode(guest_part.encode(guest, 1))], 100)
    kinds = {item: EventType(code_name(code)) for item, (_, code) in user.history.entries.items()}
    assert kinds == {"a": EventType.LIKE, "b": EventType.LIKE}
    assert user.history.liked == 2


def code_name(code: int) -> str:
    from tables.type_codes import CODE_OF

    return next(kind.value for kind, known in CODE_OF.items() if known == code)


def test_a_guest_alone_is_their_user() -> None:
    (guest,) = folded(made_up(random.Random(3), "g", 20))
    user = linked_user("u", None, [guest_part.decode(guest_part.encode(guest, 1))], 100)
    assert user.row.last_offset == -1
    assert user.history.to_row() == guest.history.to_row()
    assert user.row.behaviour == guest.row.behaviour
    assert user.seen.hours == guest.seen.hours


def test_a_part_is_bounded() -> None:
    events = [
        Interaction(f"e{n}", EventType.VIEW, "g", f"item-{n}", NOW_MS + n * HOUR_MS) for n in range(2 * MOST_SEEN)
    ]
    (guest,) = folded(events)
    value = guest_part.encode(guest, 1)
    part = guest_part.decode(value)
    assert part.met == [f"item-{n}" for n in range(MOST_SEEN, 2 * MOST_SEEN)]
    assert len(value) < 64 * 1024


@pytest.mark.parametrize("value", [b"", b"\x93\x01\x02\x03", b"\x9f\x02" + b"\x00" * 13])
def test_what_is_no_part(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        guest_part.decode(value)


def test_an_anonymous_id_is_a_user_like_any_other_until_it_is_linked() -> None:
    guests: set[str] = set()
    plane = UserPlane(0, 1, {}, LIMITS, linked=Linked(guests))
    fold(plane, [Interaction("e1", EventType.VIEW, "anon-7f3a", "i1", NOW_MS)])
    seen = plane.view("anon-7f3a")
    assert seen is not None
    assert list(seen.history.entries) == ["i1"]
    guests.add("anon-7f3a")
    assert plane.view("anon-7f3a") is None
    assert plane.own("anon-7f3a") is seen


def test_a_guest_who_is_idle_is_gone_from_the_user_as_well() -> None:
    (guest,) = folded([Interaction("e1", EventType.VIEW, "g", "i1", NOW_MS)])
    parts = {"u": {"g": guest_part.encode(guest, 1)}}
    plane = UserPlane(0, 1, {}, LIMITS, linked=Linked((), parts))
    fold(plane, [Interaction("e2", EventType.VIEW, "u", "i2", NOW_MS + DAY_MS)])
    user = plane.view("u")
    assert user is not None
    assert set(user.seen.hours) == {"i1", "i2"}
    assert plane.linked_append_ms("u") == guest.row.last_append_ms
    fold(plane, [Interaction("e3", EventType.VIEW, "other", "i2", NOW_MS + 91 * DAY_MS)])
    user = plane.view("u")
    assert user is not None
    assert set(user.seen.hours) == {"i2"}
    assert plane.linked_append_ms("u") is None
    assert plane.idle_since("u") is None
    assert user_row.CODEC.decode(user_row.CODEC.encode(user.row)) == user.row
