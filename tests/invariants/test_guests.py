"""What guests did is in their users exactly once, whatever the order of links, folds, crashes and reads, and in a
replay: rows and parts are those of a fold without any of it."""

import random
from collections import Counter
from collections.abc import Iterable

import pytest
from aiokafka.structs import ConsumerRecord
from guest_world import PARTS, GuestWorker, GuestWorld, Logs, partition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariant_logs import LIMITS, PARTITIONS, START_MS, NoLists, events, finish

from agents.followers.guest_parts import GuestParts
from agents.followers.links import Links, PartitionLinks
from agents.guests import NEWS_OF_FORMER, Guests
from streams.contract.events import InvalidEvent, parse_interaction
from streams.contract.identities import Identities
from streams.contract.reasons import Reason
from tables import guest_part
from tables.user_plane import UserPlane

seeds = st.integers(0, 2**32).map(random.Random)
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
NAMES = [f"u{number}" for number in range(6)]


def disturbed(made: list[tuple[int, bytes, bytes]], pick: random.Random) -> GuestWorld:
    """Events, links and withdrawals come while workers work, and crash."""
    world = GuestWorld(Logs(), pick)
    for append_ms, user, value in made:
        world.logs.event(user.decode(), value, append_ms)
        while pick.random() < 0.6:
            world.some_step()
        if pick.random() < 0.15:
            guest, user_id = pick.sample(NAMES, 2)
            world.logs.link(guest, user_id if pick.random() < 0.8 else None)
    for _ in range(pick.randrange(40)):
        world.some_step()
    world.finish()
    return world


def in_force(logs: Logs) -> dict[str, str]:
    """By the rules of docs/producing.md, counted by hand."""
    links: dict[str, str] = {}
    for record in logs.links:
        guest = record.key.decode()
        if record.value is None:
            links.pop(guest, None)
            continue
        user = record.value.decode().split('"user_id":"')[1].removesuffix('"}')
        if guest not in links and user not in links and guest not in links.values():
            links[guest] = user
    return links


def expected_parts(logs: Logs) -> dict[tuple[int, bytes], bytes]:
    """Of a fold of each partition by itself, in which nobody knows of links."""
    planes = [UserPlane(number, PARTITIONS, {}, LIMITS) for number in range(PARTITIONS)]
    fold_all(planes, logs)
    found = {}
    for guest, user in in_force(logs).items():
        row = planes[partition(guest)].own(guest)
        if row is not None:
            found[partition(user), f"{user}\0{guest}".encode()] = guest_part.encode(row, partition(guest))
    return found


def fold_all(planes: list[UserPlane], logs: Logs) -> None:
    for plane, log in zip(planes, logs.interactions, strict=True):
        for record in log:
            try:
                event = parse_interaction(record.value, record.timestamp)
                plane.fold(event, record.key, record.offset, record.timestamp)
            except InvalidEvent:
                continue
        plane.changes()


@quick
@given(events(), seeds)
def test_parts_are_those_of_a_fold_without_crashes_and_delays(made, pick) -> None:  # type: ignore[no-untyped-def]
    world = disturbed(made, pick)
    assert world.table() == expected_parts(world.logs)


@quick
@given(events(), seeds)
def test_a_replay_and_a_version_that_knows_of_no_links_have_the_same_rows(made, pick) -> None:  # type: ignore[no-untyped-def]
    world = disturbed(made, pick)
    replay = GuestWorld(world.logs, pick)
    replay.finish()
    assert replay.table() == world.table()
    assert replay.rows() == world.rows()
    unlinked = GuestWorld(Logs(world.logs.interactions), pick)
    unlinked.finish()
    assert unlinked.rows() == world.rows()
    assert unlinked.parts == []
    # What items learn was told once for each batch that was committed, and never for a part.
    assert unlinked.deltas == replay.deltas


@quick
@given(events(), seeds)
def test_a_version_that_begins_from_rows_and_no_parts_writes_them(made, pick) -> None:  # type: ignore[no-untyped-def]
    world = disturbed(made, pick)
    copy = GuestWorld(world.logs, pick)
    copy.committed = [(dict(rows), position) for rows, position in world.committed]
    copy.workers = [copy._worker(number) for number in range(PARTITIONS)]
    copy.finish()
    assert copy.table() == world.table()


@quick
@given(events(), seeds)
def test_what_a_user_sees_is_their_own_and_each_guest_once(made, pick) -> None:  # type: ignore[no-untyped-def]
    world = disturbed(made, pick)
    links = in_force(world.logs)
    planes = [UserPlane(number, PARTITIONS, dict(rows), LIMITS) for number, rows in enumerate(world.rows())]
    guests = Counter(links.values())
    for worker, plane in zip(world.workers, planes, strict=True):
        for user_id in NAMES:
            seen = worker.step.plane.view(user_id)
            if partition(user_id) != plane._partition:
                continue
            if user_id in links:
                assert seen is None, "a guest who is linked has nothing to see"
                continue
            own = plane.own(user_id)
            of_guests = [planes[partition(guest)].own(guest) for guest, user in links.items() if user == user_id]
            begin_ms = plane._ledger.begin_ms
            live = [one for one in (own, *of_guests) if one is not None and one.row.last_event_ms >= begin_ms]
            assert (seen is None) == (not live)
            if seen is None:
                continue
            assert len(of_guests) == guests[user_id]
            assert seen.row.folded == sum(one.row.folded for one in live)
            assert set(seen.seen.hours) == set().union(*(one.seen.hours for one in live))
            assert set(seen.history.entries) == set().union(*(one.history.entries for one in live))


@quick
@given(events(), seeds)
def test_who_is_erased_is_gone_with_their_guests_and_does_not_come_back(made, pick) -> None:  # type: ignore[no-untyped-def]
    world = disturbed(made, pick)
    links = in_force(world.logs)
    erased = pick.choice(NAMES)
    gone = [guest for guest, user in links.items() if user == erased] + [erased]
    for one in gone:  # as `freshet erase` does
        world.logs.erase(one)
    for one in gone:
        world.logs.link(one, None)
    for _ in range(pick.randrange(20)):
        world.some_step()
    world.finish()
    replay = GuestWorld(world.logs, pick)
    replay.finish()
    for version in (world, replay):
        for rows in version.rows():
            assert not any(one.encode() in (key[1:], key[5:]) for one in gone for key in rows)
        assert not any(one.encode() in key.split(b"\0") for one in gone for _, key in version.table())
    assert replay.table() == world.table()


def test_many_links_at_once_go_a_bounded_number_a_transaction_and_a_changed_row_at_once() -> None:
    """Guests who were linked all at once must not keep the process from its heartbeats, nor make a transaction that
    takes too long; what an erased one did leaves with their row all the same."""
    logs = Logs()
    guests = [name for name in (f"g{number}" for number in range(60)) if partition(name) == 0]
    for place, guest in enumerate(guests):
        event = b'{"event_id":"e%d","event_type":"view","user_id":"%s","item_id":"i","timestamp":%d}'
        logs.event(guest, event % (place, guest.encode(), START_MS), START_MS)
    *_, erased, busy = guests
    rows: dict[bytes, bytes] = {}
    worker = GuestWorker(logs, 0, rows, [], 0, most_behind=3)
    worker.fold(logs.interactions[0])
    assert written(worker) == {}
    for guest in guests:
        logs.link(guest, "u")
    worker.follow(1 << 30, 0)
    logs.event(busy, event % (99, busy.encode(), START_MS), START_MS)
    worker.fold(logs.interactions[0][-1:])
    logs.erase(erased)
    worker.follow(0, 0)
    first = written(worker)
    assert [guest for guest, part in first.items() if part is None] == [erased]
    assert first.keys() == {erased, busy, *guests[:3]}
    for place in range(3, len(guests) - 2, 3):
        assert worker.step.pending()
        assert list(written(worker)) == guests[:-2][place : place + 3]
    assert not worker.step.pending()


def test_a_new_owner_makes_the_lists_of_the_last_parts_at_once_and_no_others() -> None:
    """Of as many as there are in a partition, 200 a tick keep a worker busy for minutes."""
    parts = GuestParts()
    users = [f"u{number}" for number in range(NEWS_OF_FORMER + 50)]
    for user_id in users:
        parts.of(0).put(user_id, "g", b"")
    guests = Guests(PARTS, 0, PartitionLinks(), parts)
    guests.begin(UserPlane(0, PARTITIONS, {}, LIMITS))
    assert guests.has_news
    assert guests.take_news() == users[50:]
    assert not guests.has_news


def test_a_part_of_a_withdrawn_link_goes_though_it_is_readable_after_the_takeover_only() -> None:
    """As that of a former owner is while somebody else writes to the partition it is in."""
    logs = Logs()
    event = b'{"event_id":"e","event_type":"view","user_id":"g","item_id":"i","timestamp":%d}' % START_MS
    logs.event("g", event, START_MS)
    logs.link("g", "u")
    world = GuestWorld(logs, random.Random(1))
    world.finish()
    (part,) = world.parts
    logs.link("g", None)
    rows, position = world.committed[partition("g")]
    parts: list[ConsumerRecord] = []
    worker = GuestWorker(logs, partition("g"), rows, parts, position)
    assert not worker.step.pending()
    parts.append(part)
    worker.follow(0, 1)
    worker.step._guests.look()
    assert worker.step.pending()
    assert written(worker) == {"g": None}
    worker.step._guests.look()
    assert not worker.step.pending()


class ListsAskedFor(NoLists):
    """Notes whose lists are asked for, and why."""

    def __init__(self) -> None:
        self.touched: list[str] = []
        self.concerned: list[str] = []

    async def refresh(self, plane: UserPlane, users: Iterable[str], next_offset: int, *, at_once: bool) -> None:
        self.touched += users

    def concern(self, users: Iterable[str]) -> None:
        self.concerned += users


def test_a_link_is_no_event_of_the_guest() -> None:
    """Whose last event was days ago: nothing waited for so long."""
    logs, lists = Logs(), ListsAskedFor()
    logs.link("g", "u")
    worker = GuestWorker(logs, partition("g"), {}, [], 0, lists=lists)
    finish(worker.step.effects(0, force=False))
    logs.link("g", None)
    worker.follow(1, 0)
    finish(worker.step.effects(0, force=False))
    assert (lists.touched, lists.concerned) == ([], ["g"])
    lists.wait = True
    logs.link("g", "v")
    worker.follow(1, 0)
    finish(worker.step.effects(0, force=False))
    assert (lists.touched, lists.concerned) == ([], ["g"]), "a scan finds it when lists are made again"


def written(worker: GuestWorker) -> dict[str, bytes | None]:
    """By guest the parts of the next transaction."""
    effects = finish(worker.step.effects(worker.position, force=False))
    assert effects is not None
    return {sent.key.decode().split("\0")[1]: sent.value for sent in effects.outgoing if sent.topic == PARTS}


@pytest.mark.parametrize(
    ("links", "refused"),
    [
        ([("g", "g")], {0: Reason.SELF_LINK}),
        ([("g", "a"), ("g", "b"), ("g", "a")], {1: Reason.ALREADY_LINKED}),
        ([("g", "a"), ("a", "b")], {1: Reason.LINK_CHAIN}),
        ([("a", "b"), ("g", "a")], {1: Reason.LINK_CHAIN}),
        ([("a", "b"), ("b", "a")], {1: Reason.LINK_CHAIN}),
        ([("a", "b"), ("b", "c"), ("c", "a")], {1: Reason.LINK_CHAIN, 2: Reason.LINK_CHAIN}),
        ([("g", "a"), ("g", None), ("g", "b")], {}),
        ([("g", "a"), ("h", "a")], {}),
    ],
)
def test_links_that_are_refused(links: list[tuple[str, str | None]], refused: dict[int, Reason]) -> None:
    logs = Logs()
    for guest, user in links:
        logs.link(guest, user)
    world = GuestWorld(logs, random.Random(1))
    assert world.workers[0].refused == refused


def test_a_link_of_somebody_nobody_knows_writes_nothing() -> None:
    logs = Logs()
    logs.link("g", "a")
    world = GuestWorld(logs, random.Random(1))
    world.finish()
    assert world.parts == []
    assert PARTS not in world.rows()[0]


@pytest.mark.parametrize(
    ("key", "value"), [(b"u", b""), (b"u\0g", b"\x9f\x01"), (None, None), (b"\xff\0g", None), (b"u\0g", b"{}")]
)
def test_what_nobody_here_wrote_is_refused_and_changes_nothing(key: bytes | None, value: bytes | None) -> None:
    parts = GuestParts()
    with pytest.raises(InvalidEvent):
        parts.apply_name(record := ConsumerRecord(PARTS, 0, 0, 0, 0, key, value, None, 0, 0, ()))
    parts.apply(record)
    assert (parts.of(0).users, parts.of(0).version) == ({}, 0)


def test_of_parts_elsewhere_it_is_known_which_there_are_and_what_they_say_of_owned_ones_alone() -> None:
    logs = Logs()
    logs.event(
        "g", b'{"event_id":"e","event_type":"view","user_id":"g","item_id":"i","timestamp":%d}' % START_MS, START_MS
    )
    logs.link("g", "u")
    world = GuestWorld(logs, random.Random(1))
    world.finish()
    (part,) = world.parts
    theirs, parts = partition("u"), GuestParts()
    parts.apply_name(part)
    assert list(parts.written_by(partition("g"))) == [("u", "g", theirs)]
    assert parts.of(theirs).users == {}
    parts.apply(part)
    assert parts.of(theirs).users == {"u": {"g": part.value}}
    parts.drop(theirs)
    assert parts.of(theirs).users == {}
    assert list(parts.written_by(partition("g"))) == [("u", "g", theirs)]


def test_ids_are_the_stored_ones_in_the_partitions_of_those_that_were_sent() -> None:
    identities = Identities(b"0123456789abcdef0123456789abcdef")
    links, logs = Links(PARTITIONS, identities), Logs()
    logs.link("g", "a")
    links.apply(logs.links[0])
    assert links.of(partition("g")).users == {identities.of("g"): (identities.of("a"), partition("a"))}
