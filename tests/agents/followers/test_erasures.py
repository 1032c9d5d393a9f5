"""Erasures are carried out between batches, in order: rows, Redis, and a note that it is done."""

import asyncio
from collections.abc import Collection
from typing import Any

import orjson
import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from disguises import DISGUISES

from agents.dead_letters import DeadLetters
from agents.followers.controls import Controls
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.failed_lists import FailedLists
from streams.contract.controls import pause_key
from streams.contract.dead_letters import ORIGINAL_TIME_HEADER, DeadLetter
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import Identities
from streams.contract.reasons import InvalidEvent, Reason
from streams.kafka.damaged_record import DamagedRecord
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000


def record(key: bytes | None, value: bytes | None, offset: int, at_ms: int = NOW_MS, partition: int = 0) -> Any:
    return ConsumerRecord("t", partition, offset, at_ms, 1, key, value, None, 0, 0, ())


def marker(user: str, end: int, position: int, at_ms: int = NOW_MS) -> Any:
    return record(user.encode(), ErasureMarker(user, at_ms, end).encode(), position)


def view(user: str, offset: int, number: int | None = None) -> Any:
    event = {"event_type": "view", "user_id": user, "item_id": f"i{number or offset}", "timestamp": NOW_MS}
    return record(user.encode(), orjson.dumps(event), offset)


class Lists:
    """Stands in for the keeper of lists: notes what is removed, and can be away."""

    def __init__(self) -> None:
        self.failed = FailedLists()
        self.removed: list[str] = []
        self.away = False
        self.refreshed: set[str] = set()

    async def forget(self, users: Collection[str]) -> bool:
        if not self.away:
            self.removed += users
        return not self.away

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None:
        self.refreshed = {user for user in users if plane.view(user) is not None}


class World:
    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.erasures = Erasures()
        self.lists: Any = Lists()
        ends = self.erasures.of(0).ends
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, self.rows, FoldLimits(), ends),
            self.lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("dlq"),
            self.erasures,
        )

    def effects(self, position: int = 100) -> Any:
        return asyncio.run(self.step.effects(position, force=False))

    def users(self) -> set[str]:
        return set(self.step.plane.users())


def test_a_quiet_partition_forgets_too() -> None:
    world = World()
    world.step.fold(view("u1", 0))
    world.step.fold(view("u2", 1))
    world.effects()
    assert not world.step.pending()
    world.erasures.apply(marker("u1", 1, 0))
    assert world.step.pending()
    changes = dict(world.effects().changes)
    assert changes[b"ru1"] is None
    assert world.users() == {"u2"}
    assert world.lists.removed == ["u1"]
    assert not world.step.pending()


def test_forgotten_before_the_next_record_is_folded() -> None:
    world = World()
    world.step.fold(view("u1", 0))
    world.erasures.apply(marker("u1", 1, 0))
    world.step.fold(view("u1", 1))
    world.effects()
    user = world.step.plane.view("u1")
    assert user is not None
    assert list(user.history.entries) == ["i1"]
    assert world.lists.refreshed == {"u1"}


def test_while_redis_is_away_the_erasure_is_not_done_but_the_rows_are_gone_once() -> None:
    world = World()
    world.step.fold(view("u1", 0))
    world.effects()
    world.lists.away = True
    world.erasures.apply(marker("u1", 1, 0))
    world.effects()
    world.step.fold(view("u1", 5))  # came back meanwhile
    world.effects()
    assert world.step.pending()
    assert world.users() == {"u1"}
    world.lists.away = False
    world.effects()
    assert not world.step.pending()
    assert (world.users(), world.lists.removed) == ({"u1"}, ["u1"])


def test_an_owner_that_died_before_it_was_done_leaves_it_to_the_next() -> None:
    world = World()
    world.step.fold(view("u1", 0))
    world.effects()
    world.erasures.apply(marker("u1", 1, 3))
    world.step.reset()  # as after a restore: nothing of the erasure was committed
    assert world.step.pending()
    world.effects()
    world.step.reset()
    assert not world.step.pending()
    assert world.users() == set()


def test_only_asked_for_is_not_in_force() -> None:
    world = World()
    world.step.fold(view("u1", 0))
    world.erasures.apply(marker("u1", 0, 0))
    world.effects()
    assert world.users() == {"u1"}


def test_a_later_marker_never_takes_an_erasure_back() -> None:
    erasures = Erasures()
    erasures.apply(marker("u1", 9, 0))
    erasures.apply(marker("u1", 4, 1))
    assert erasures.of(0).ends == {"u1": 9}
    assert erasures.of(0).since(1) == ["u1"]
    assert erasures.of(0).since(2) == []


def test_what_is_withdrawn_is_in_force_for_nobody_who_reads_it_from_now_on() -> None:
    erasures = Erasures()
    erasures.apply(marker("u1", 9, 0))
    erasures.apply(record(b"u1", None, 1))
    assert erasures.of(0).ends == {}
    assert erasures.of(0).since(0) == []
    assert not erasures.cover(record(b"u1", b"{", 2))


def test_what_is_no_marker_is_refused_and_changes_nothing() -> None:
    erasures = Erasures()
    for position, (key, value) in enumerate(
        [
            (b"u1", b"nonsense"),
            (None, None),
            (b"\xff", None),
            (b"u1", b'{"user_id":"u2","erased_at_ms":1,"end_offset":1}'),
            (b"u1", b'{"user_id":"u1","erased_at_ms":1,"end_offset":99999999999999999999}'),
            (b"u1", b'{"user_id":"u1","erased_at_ms":-99999999999999999999,"end_offset":1}'),
            (b"u1", b'{"user_id":"u1","erased_at_ms":1e999,"end_offset":1}'),
        ]
    ):
        with pytest.raises(InvalidEvent):
            erasures.apply(record(key, value, position))
    assert erasures.of(0).ends == {}


def test_unusable_records_of_an_erased_user_become_dead_letters_that_say_nothing() -> None:
    world = World()
    world.erasures.apply(marker("u1", 5, 0))
    world.step.fold(record(b"u1", b"{broken u1", 0))
    world.step.fold(record(b"other", view("u1", 7).value, 7))  # under another key, sent before the erasure
    world.step.fold(record(b"u2", b"{", 8))
    dead_letters = [DeadLetter.from_record(out.key, out.value, out.headers) for out in world.effects().outgoing]
    assert [dead_letter.reason for dead_letter in dead_letters] == [Reason.ERASED, Reason.ERASED, Reason.NOT_JSON]
    assert [dead_letter.value for dead_letter in dead_letters] == [b"", b"", b"{"]


@pytest.mark.parametrize("name", DISGUISES)
@pytest.mark.parametrize("secret", [b"", b"0123456789abcdef0123456789abcdef"])
def test_unusable_records_are_covered_however_they_write_the_id(name: str, secret: bytes) -> None:
    erasures = Erasures(Identities(secret))
    erasures.apply(marker("u-zoë-1", 5, 0))
    value = DISGUISES[name]("u-zoë-1")
    assert erasures.cover(record(None, value, 9))
    assert not erasures.cover(record(None, value, 9, NOW_MS + 1))  # it came later
    assert not erasures.cover(record(b"u2", DISGUISES[name]("u2"), 9))
    erasures.apply(record("u-zoë-1".encode(), None, 1))
    assert not erasures.cover(record(None, value, 9))


def test_what_cannot_be_read_may_be_anybodys() -> None:
    erasures = Erasures()
    erasures.apply(marker("u1", 5, 0))
    unreadable = b"\x28\xb5\x2f\xfd" + bytes(range(128, 200))
    assert erasures.cover(record(None, unreadable, 9))
    assert not erasures.cover(record(b"u2", unreadable, 9))


def test_what_was_sent_after_the_erasure_is_an_ordinary_dead_letter() -> None:
    world = World()
    world.erasures.apply(marker("u1", 5, 0))
    assert not world.erasures.cover(record(b"u1", b"{", 5, NOW_MS + 1))


def test_an_event_that_mentions_somebody_erased_is_not_lost_when_it_is_published_again() -> None:
    world = World()
    world.erasures.apply(marker("u1", 5, 0))
    again = view("u2", 6)
    again.value = again.value.replace(b'"view"', b'"view","referrer":"u1"')
    again.headers = ((ORIGINAL_TIME_HEADER, b"%d" % (NOW_MS - 1)),)
    world.step.fold(again)
    assert world.step.plane.view("u2") is not None


def test_an_original_republished_while_its_user_was_erased_is_not_folded() -> None:
    world = World()
    world.erasures.apply(marker("u1", 5, 0))
    for offset, original_ms in ((6, NOW_MS - 1), (7, NOW_MS + 1)):
        again = view("u1", offset)
        again.headers = ((ORIGINAL_TIME_HEADER, b"%d" % original_ms),)
        world.step.fold(again)
    (dead_letter,) = [DeadLetter.from_record(out.key, out.value, out.headers) for out in world.effects().outgoing[:1]]
    assert (dead_letter.reason, dead_letter.offset) == (Reason.ERASED, 6)
    user = world.step.plane.view("u1")
    assert user is not None
    assert list(user.history.entries) == ["i7"]


def test_pauses_of_this_version_are_followed() -> None:
    controls = Controls("v1")
    mine = TopicPartition("user.interactions", 2)
    controls.apply(record(pause_key("v1", mine), b"{}", 0))
    controls.apply(record(pause_key("v2", TopicPartition("user.interactions", 1)), b"{}", 1))
    assert controls.paused == {mine}
    controls.apply(record(pause_key("v1", mine), None, 2))
    assert controls.paused == frozenset()


def test_with_a_secret_users_are_erased_by_stored_ids_and_asked_for_by_raw_ones() -> None:
    hashed = Identities(b"0123456789abcdef0123456789abcdef")
    erasures = Erasures(hashed)
    erasures.apply(marker("u1", 5, 0))
    assert erasures.of(0).ends == {hashed.of("u1"): 5}
    assert erasures.of(0).since(0) == [hashed.of("u1")]
    assert erasures.cover(record(b"u1", b"{", 4))
    assert not erasures.cover(record(b"u2", b"{", 4))
    erasures.apply(record(b"u1", None, 1))
    assert not erasures.cover(record(b"u1", b"{", 4))


@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("text", [None, b"9" * 5_000, b"-5", "\u0665".encode(), b"\xff", b""])
def test_a_header_of_ours_with_what_we_never_write_refuses_its_record(text: bytes | None, erased: bool) -> None:
    world = World()
    if erased:
        world.erasures.apply(marker("u2", 5, 0))
    for user, offset in (("u1", 0), ("u2", 1)):
        good = view(user, offset)
        headers = ((ORIGINAL_TIME_HEADER, text),)
        world.step.fold(ConsumerRecord("t", 0, offset, NOW_MS, 1, good.key, good.value, None, 0, 0, headers))
    world.step.reject(ConsumerRecord("t", 0, 2, NOW_MS, 1, b"u2", b"{", None, 0, 0, headers), "raised")
    dead_letters = [DeadLetter.from_record(out.key, out.value, out.headers) for out in world.effects().outgoing]
    expected = [Reason.BAD_HEADER, *[Reason.ERASED] * 2] if erased else [*[Reason.BAD_HEADER] * 2, Reason.FOLD_FAILED]
    assert [dead_letter.reason for dead_letter in dead_letters] == expected
    assert world.users() == set()


def test_a_record_that_cannot_be_read_becomes_a_dead_letter_of_its_offset() -> None:
    world = World()
    damaged = DamagedRecord("t", 0, 7, NOW_MS, 1, None, None, None, -1, -1, (), Reason.TOO_LARGE, "why")
    world.step.fold(damaged)
    (dead_letter,) = [DeadLetter.from_record(out.key, out.value, out.headers) for out in world.effects().outgoing]
    assert (dead_letter.coordinates, dead_letter.reason, dead_letter.detail, dead_letter.value) == (
        ("t", 0, 7),
        Reason.TOO_LARGE,
        "why",
        None,
    )
