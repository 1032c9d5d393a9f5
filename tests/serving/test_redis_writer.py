"""The store invariants, on a real server: a list only goes forward, whatever is stored and in whatever order writers
come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listed import redis_of
from redis.exceptions import AuthenticationError

from serving.item_card import ItemCard, field_of
from serving.keys import POST_PLAY, Keys
from serving.list_format import NOTHING, ListStamp, ordered, read_prefix
from serving.live_pointer import LivePointer
from serving.redis_errors import NotTheWriter, RedisUnavailable
from serving.redis_writer import CHUNK_LISTS, ListWriter, WriteResult
from serving.write_order import Order, PartitionOwner, WrittenPosition

TTL_S = 60
NOT_WRITTEN = Order()
ORDERS = st.builds(Order, st.integers(0, 2), st.integers(0, 3))
CARD = ItemCard.of("a", "A", b"0")


def value_at(offset: int, generated_at_ms: int, partition: int = 0, order: Order = NOT_WRITTEN) -> bytes:
    stamp = ListStamp("v1", "personal", partition, generated_at_ms, generated_at_ms + 1)
    return ordered(stamp.personal("u", offset, NOTHING), order)


@given(st.lists(st.tuples(st.integers(-1, 5), ORDERS, st.integers(0, 3)), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_order_of_arrival_leaves_the_newest_whatever_clocks_say(
    valkey: Any, namespace: str, writes: list[tuple[int, Order, int]]
) -> None:
    async def write_all() -> bytes | None:
        writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
        key = writer.keys.user_list("u")
        for offset, order, generated_at_ms in writes:
            await writer.write_lists([(key, value_at(offset, generated_at_ms, order=order))], TTL_S)
        stored = await writer.read(key)
        await redis_of(writer).delete(key)
        await writer.close()
        return stored

    stored = asyncio.run(write_all())
    assert stored is not None
    prefix = read_prefix(stored)
    assert (prefix.offset, Order(prefix.term, prefix.sequence)) == max(write[:2] for write in writes)


async def test_a_clock_that_was_ahead_and_is_set_back_keeps_no_list(writer: ListWriter) -> None:
    owner, key = PartitionOwner(0, term=1), writer.keys.user_list("u")
    for generated_at_ms in (3_600_000, 0):
        assert (await writer.write_lists([(key, value_at(5, generated_at_ms))], TTL_S, owner)).written == 1
    stored = await writer.read(key)
    assert stored is not None
    assert read_prefix(stored).generated_at_ms == 0


async def test_whoever_owned_a_partition_before_is_refused_and_told(writer: ListWriter) -> None:
    former, owner = PartitionOwner(0, term=1), PartitionOwner(0, term=2)
    keys, list_key = writer.keys, writer.keys.user_list("u")
    zset, shared = keys.trending("*", "24h"), keys.popular()
    popular = ListStamp("v1", "popular", 0, 9, 9).shared(NOTHING)

    async def write_all(by: PartitionOwner, score: float) -> list[bool]:
        written = await writer.write_lists([(list_key, value_at(5, 1))], TTL_S, by)
        return [
            written.written == 1,
            await writer.write_shared(shared, popular, TTL_S, by),
            await writer.write_zset(zset, {"a": score}, TTL_S, by),
            await writer.write_zset(keys.search_trending("*", "24h"), {}, TTL_S, by),
            await writer.change_cards(by, {int(score): CARD}),
        ]

    assert await write_all(former, 1.0) == [True] * 5
    assert await write_all(owner, 2.0) == [True] * 5
    assert await write_all(former, 3.0) == [False] * 5
    assert (former.refused, former.later_term, former.is_contested) == (5, 2, True)
    assert (writer.refused, owner.refused, owner.is_contested) == (5, 0, False)
    assert await redis_of(writer).zscore(zset, "a") == 2.0
    assert [card is not None for card in await writer.cards([1, 2, 3])] == [True, True, False]
    assert await write_all(owner, 4.0) == [True] * 5


async def test_a_list_that_reflects_more_is_kept_from_a_later_owner_too(writer: ListWriter) -> None:
    former, owner, key = PartitionOwner(0, term=1), PartitionOwner(0, term=2), writer.keys.user_list("u")
    await writer.write_lists([(key, value_at(5, 1))], TTL_S, former)
    assert await writer.write_lists([(key, value_at(4, 1))], TTL_S, owner) == WriteResult(0, (0,))
    assert (owner.refused, owner.is_contested) == (1, False)


async def test_owners_of_other_partitions_do_not_disturb_cards(writer: ListWriter) -> None:
    await writer.change_cards(PartitionOwner(0, term=7), {1: CARD})
    assert await writer.change_cards(PartitionOwner(1, term=1), {2: CARD})
    assert await writer.cards([1, 2]) == [CARD, CARD]


async def test_a_stamp_of_cards_never_comes_again(writer: ListWriter) -> None:
    owner, stamps = PartitionOwner(0, term=1), []
    for _ in range(3):
        await writer.change_cards(owner, {1: CARD})
        stamps.append(await writer.card_stamp())
        await writer.purge_namespace()
    assert len(set(stamps)) == 3


async def test_counts_what_was_written_and_what_was_refused(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    assert await writer.write_lists([(key, value_at(5, 1))], TTL_S) == WriteResult(1)
    assert await writer.write_lists([(key, value_at(4, 9)), (key, value_at(5, 1))], TTL_S) == WriteResult(1, (0,))


@pytest.mark.parametrize("stored", [b"", b"garbage", b"\xf5\x09" + value_at(99, 99)[2:]])
async def test_an_unreadable_value_is_replaced(writer: ListWriter, stored: bytes) -> None:
    key = writer.keys.user_list("u")
    await redis_of(writer).set(key, stored)
    assert (await writer.write_lists([(key, value_at(0, 0))], TTL_S)).written == 1


async def test_a_key_of_another_type_is_replaced(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await redis_of(writer).sadd(key, "x")
    assert (await writer.write_lists([(key, value_at(0, 0))], TTL_S)).written == 1


async def test_a_list_of_another_partition_is_replaced(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await writer.write_lists([(key, value_at(50, 0, partition=1))], TTL_S)
    assert (await writer.write_lists([(key, value_at(2, 0, partition=0))], TTL_S)).written == 1


async def test_a_group_is_written_as_a_whole_or_not_at_all(writer: ListWriter) -> None:
    list_key, other = writer.keys.user_list("u"), writer.keys.user_features("u")
    newer, older = ([(list_key, value_at(at, 1)), (other, b'{"at":%d}' % at)] for at in (5, 4))
    assert await writer.write_together([newer], TTL_S) == WriteResult(1)
    assert await writer.write_together([older], TTL_S) == WriteResult(0, (0,))
    assert await writer.read(other) == b'{"at":5}'
    assert 0 < await redis_of(writer).ttl(other) <= TTL_S


async def test_more_lists_than_a_chunk_all_arrive_and_expire(writer: ListWriter) -> None:
    lists = [(writer.keys.user_list(str(n)), value_at(n, 0)) for n in range(CHUNK_LISTS * 2 + 1)]
    assert await writer.write_lists(lists, TTL_S) == WriteResult(len(lists))
    stored = await writer.read(lists[-1][0])
    assert stored is not None
    assert read_prefix(stored).offset == len(lists) - 1
    assert 0 < await redis_of(writer).ttl(lists[0][0]) <= TTL_S


async def test_survives_a_server_that_forgot_its_scripts(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await writer.write_lists([(key, value_at(1, 1))], TTL_S)
    await redis_of(writer).script_flush()
    assert await writer.write_lists([(key, value_at(2, 1)), (key, value_at(1, 1))], TTL_S) == WriteResult(1, (1,))


async def test_shared_lists_go_forward_by_writes_and_not_by_time(writer: ListWriter) -> None:
    owner, key = PartitionOwner(0, term=1), writer.keys.popular()
    for made_ms in (2, 1):
        assert await writer.write_shared(
            key, ListStamp("v1", "popular", 0, made_ms, made_ms).shared(NOTHING), TTL_S, owner
        )


async def test_zset_is_replaced_as_a_whole(writer: ListWriter) -> None:
    owner, key = PartitionOwner(0, term=1), writer.keys.trending("*", "24h")
    await writer.write_zset(key, {"a": 1.0, "b": 2.0}, TTL_S, owner)
    await writer.write_zset(key, {"c": 3.0}, TTL_S, owner)
    assert await redis_of(writer).zrange(key, 0, -1, withscores=True) == [(b"c", 3.0)]
    assert await redis_of(writer).ttl(key) > 0
    await writer.write_zset(key, {}, TTL_S, owner)
    assert not await redis_of(writer).exists(key)


async def test_readers_of_cards_are_told_what_changed_since(
    writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.redis_writer.CHUNK_CARDS", 2)
    owner, keys = PartitionOwner(0, term=1), writer.keys
    assert await writer.card_stamp() is None
    assert await writer.cards([]) == []
    await writer.change_cards(owner, dict.fromkeys(range(1, 6), CARD))
    assert owner.order.sequence == 3  # five cards, two at a time
    first = await writer.card_stamp()
    assert first is not None
    assert first.endswith(b":5")
    await writer.change_cards(owner, {2: CARD._replace(facts=b"")})
    changed = await redis_of(writer).zrange(keys.card_changes, "(5", "+inf", byscore=True)
    assert (changed, await writer.card_stamp()) == ([field_of(2)], first[:-1] + b"6")
    await redis_of(writer).hset(keys.cards, field_of(3), b"garbage")
    assert await writer.cards([2, 3, 9]) == [CARD._replace(facts=b""), None, None]
    await redis_of(writer).delete(keys.cards)
    assert await writer.card_stamp() is None  # whoever has a stamp and no cards has lost them
    await redis_of(writer).delete(keys.card_stamp)
    await writer.change_cards(owner, {7: CARD})
    again = await writer.card_stamp()
    assert again is not None
    assert again.rpartition(b":")[::2] == (b"0-1-5", b"7")  # another epoch, in which numbers go on


async def holding(writer: ListWriter, term: int = 2) -> PartitionOwner:
    """An owner of partition 3 that holds the right to write for its users."""
    owner = PartitionOwner(3, term)
    assert await writer.hold(owner, (await writer.noted(3)).holder)
    return owner


async def test_the_written_marker_goes_with_the_data(writer: ListWriter) -> None:
    written_position = WrittenPosition(41, Order(2, 7))
    assert await writer.noted(3) == (None, None, None)
    assert await writer.advance_written_position(await holding(writer), None, written_position, 5)
    assert await writer.noted(3) == (b"2", written_position, 5)
    assert await writer.noted(2) == (None, None, None)
    await writer.purge_version()
    assert await writer.noted(3) == (None, None, None)


async def test_a_marker_that_is_not_the_known_one_stays(writer: ListWriter) -> None:
    before, now, after = WrittenPosition(39), WrittenPosition(40, Order(1, 5)), WrittenPosition(40, Order(1, 6))
    me = await holding(writer)
    assert not await writer.advance_written_position(me, now, after, 7)
    assert (await writer.noted(3)).written_position is None
    assert await writer.advance_written_position(me, None, now, 7)
    assert not await writer.advance_written_position(me, None, after, 8)
    assert not await writer.advance_written_position(me, before, after, 8)
    assert await writer.noted(3) == (b"2", now, 7)
    assert await writer.advance_written_position(me, now, after, 8)
    assert await writer.noted(3) == (b"2", after, 8)


async def test_only_who_holds_the_right_writes_and_removes(writer: ListWriter) -> None:
    keys, zombie = writer.keys, await holding(writer, term=1)
    group = [(keys.user_list("u"), value_at(5, 1)), (keys.user_features("u"), b"{}")]
    assert (await writer.write_together([group], TTL_S, zombie, held=True)).written == 1
    assert await writer.remove_users(["u"], await holding(writer, term=2)) == 2

    async def refused() -> None:
        with pytest.raises(NotTheWriter):
            await writer.write_together([group], TTL_S, zombie, held=True)
        with pytest.raises(NotTheWriter):
            await writer.remove_users(["v"], zombie)
        with pytest.raises(NotTheWriter):
            await writer.remove_users_up_to({"v": 99}, zombie)
        with pytest.raises(NotTheWriter):
            await writer.advance_written_position(zombie, None, WrittenPosition(1), 1)

    await writer.write_lists([(keys.user_list("v"), value_at(5, 1))], TTL_S)
    await refused()
    await redis_of(writer).delete(keys.holder(3))  # as after a wipe: nobody is noted, so nobody may
    await refused()
    assert not await redis_of(writer).exists(*keys.of_user("u"))
    assert await writer.read(keys.user_list("v"))


async def test_the_right_is_taken_from_whom_one_knows(writer: ListWriter) -> None:
    first, second, third = (PartitionOwner(3, term) for term in (1, 2, 3))
    assert await writer.hold(first, None)
    assert not await writer.hold(third, None)
    assert await writer.hold(second, b"1")
    assert not await writer.hold(third, b"1")
    assert (await writer.noted(3)).holder == b"2"


@pytest.mark.parametrize(("stored", "gone"), [(4, True), (5, True), (6, False), (None, True)])
async def test_users_are_removed_unless_a_later_event_made_a_list(
    writer: ListWriter, stored: int | None, gone: bool
) -> None:
    keys = writer.keys
    if stored is not None:
        await writer.write_lists([(keys.user_list("u"), value_at(stored, 1))], TTL_S)
    for key in (keys.continue_watching("u"), keys.user_features("u")):
        await writer.write_plain(key, b"x", TTL_S)
    removed = await writer.remove_users_up_to({"u": 5, "nobody": 9}, await holding(writer))
    assert removed == (2 + (stored is not None) if gone else 0)
    assert (await writer.read(keys.user_features("u")) is None) is gone


@pytest.mark.parametrize("newer", ["list", "post_play", "continue"])
async def test_a_later_list_of_any_kind_keeps_all_keys(writer: ListWriter, newer: str) -> None:
    keys = writer.keys
    key = {
        "list": keys.user_list("u"),
        "post_play": keys.user_list("u", POST_PLAY),
        "continue": keys.continue_watching("u"),
    }[newer]
    await writer.write_lists([(key, value_at(6, 1))], TTL_S)
    await writer.write_plain(keys.user_embedding("u"), b"\0" * 512, TTL_S)
    me = await holding(writer)
    assert await writer.remove_users_up_to({"u": 5}, me) == 0
    assert await writer.remove_users_up_to({"u": 6}, me) == 2


async def test_marks_of_readers_go_unless_they_are_newer(writer: ListWriter) -> None:
    marks = writer.reader_marks(3)
    await redis_of(writer).zadd(writer.keys.readers(3), {"early": 10, "late": 20})
    await marks.remove(["early", "late", "nobody"], 10)
    assert await marks.noted_since(0, 9) == [("late", 20)]


async def test_a_purge_in_the_empty_namespace_takes_nothing_of_a_namespace_named_like_the_version(
    start_valkey: Callable[..., Any],
) -> None:
    url = start_valkey().url
    alone, named = ListWriter.connect(url, Keys("", "v1")), ListWriter.connect(url, Keys("v1", "v2"))
    for one in (alone, named):
        await one.write_lists([(one.keys.user_list(f"u{n}"), value_at(1, 1)) for n in range(50)], TTL_S)
        await one.change_cards(PartitionOwner(0), {1: CARD})
        await redis_of(one).zadd(one.keys.readers(0), {"u": 1})
    await redis_of(one).set(named.keys.live, b"x")
    assert await alone.purge_version() == 54
    assert await named.purge_namespace() == 56
    assert await redis_of(alone).keys() == [b"readers:0"]
    await alone.close()
    await named.close()


async def test_purge_takes_this_version_and_nothing_else(writer: ListWriter) -> None:
    other = Keys(writer.keys.namespace, "v10")
    await redis_of(writer).set(other.user_list("u"), b"x")
    await writer.write_lists([(writer.keys.user_list("u"), value_at(1, 1))], TTL_S)
    await writer.change_cards(PartitionOwner(0), {1: CARD})
    assert await writer.purge_version() == 5
    assert await redis_of(writer).exists(other.user_list("u"))
    assert await writer.purge_namespace() == 1


@pytest.mark.parametrize("stored", [None, b"no JSON", b"[]", b"{}"])
async def test_the_live_pointer_never_goes_back(writer: ListWriter, stored: bytes | None) -> None:
    if stored is not None:
        await redis_of(writer).set(writer.keys.live, stored)
    steps = [LivePointer({"v1": 100}, sequence=sequence) for sequence in (1, 3, 3, 2, 4)]
    assert [await writer.switch_live(pointer) for pointer in steps] == [True, True, False, False, True]
    value = await writer.read(writer.keys.live)
    assert value is not None
    assert LivePointer.decode(value) == steps[-1]


async def test_the_empty_namespace_is_never_purged(valkey: Any) -> None:
    writer = ListWriter.connect(valkey.url, Keys("", "v1"))
    with pytest.raises(ValueError, match="empty namespace"):
        await writer.purge_namespace()
    await writer.close()


async def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        writer = ListWriter.connect(f"redis://127.0.0.1:{unused.getsockname()[1]}/0", Keys("n", "v1"))
        with pytest.raises(RedisUnavailable):
            await writer.write_lists([("key", value_at(1, 1))], TTL_S)
        await writer.close()


async def test_a_server_that_hangs_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        writer = ListWriter.connect(url, Keys("n", "v1"), timeout_s=0.05)
        with pytest.raises(RedisUnavailable):
            await writer.write_lists([("key", value_at(1, 1))], TTL_S)
        await writer.close()


async def test_a_full_server_is_unavailable(start_valkey: Callable[..., Any]) -> None:
    writer = ListWriter.connect(start_valkey("--maxmemory", "1").url, Keys("n", "v1"))
    with pytest.raises(RedisUnavailable):
        await writer.write_lists([(writer.keys.user_list("u"), value_at(1, 1))], TTL_S)
    await writer.close()


async def test_a_wrong_password_is_no_passing_failure(start_valkey: Callable[..., Any]) -> None:
    writer = ListWriter.connect(start_valkey("--requirepass", "secret").url, Keys("n", "v1"))
    with pytest.raises(AuthenticationError):
        await writer.noted(0)
    await writer.close()


async def test_who_lacks_a_key_is_found_by_name(writer: ListWriter) -> None:
    values = {user: [(key, b"x") for key in writer.keys.of_user(user)[:4]] for user in ("a", "b", "c")}
    for pairs in values.values():
        for key, value in pairs:
            await writer.write_plain(key, value, 60)
    written = dict.fromkeys(values, 4)
    assert await writer.incomplete(written, 0) == []
    await redis_of(writer).delete(values["b"][3][0])
    assert await writer.incomplete(written, 0) == ["b"]
    assert await writer.incomplete({}, 0) == []
    keys = [key for pairs in values.values() for key, _ in pairs]
    assert await writer.missing(keys) == [values["b"][3][0]]
    assert await writer.missing(keys[:4]) == await writer.missing([]) == []


async def test_whom_a_read_found_without_a_list_is_taken_once(writer: ListWriter) -> None:
    marks = writer.reader_marks(2)
    await redis_of(writer).zadd(writer.keys.missed(2), {"late": 20, "early": 10, "gone": 15})
    await marks.remove(["gone", "late", "nobody"], 15)
    assert await marks.take_missed(1) == ["early"]
    assert await marks.take_missed(5) == ["late"]
    assert await marks.take_missed(5) == []
