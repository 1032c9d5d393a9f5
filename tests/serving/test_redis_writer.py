"""The store laws, on a real server: a list only goes forward, whatever is stored and in whatever order writers come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError

from serving.keys import Keys
from serving.list_format import ListStamp, read_prefix
from serving.live_pointer import LivePointer
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import CHUNK_LISTS, ListWriter, WriteResult

TTL_S = 60


def value_at(offset: int, generated_at_ms: int, partition: int = 0) -> bytes:
    stamp = ListStamp("v1", "personal", partition, generated_at_ms, generated_at_ms + 1)
    return stamp.personal("u", offset, [b'{"item_id":"a"}'])


@pytest.fixture
async def writer(valkey: Any, namespace: str) -> AsyncIterator[ListWriter]:
    writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
    yield writer
    await writer.purge_namespace()
    await writer.close()


@given(st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 3)), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_order_of_writes_leaves_the_newest(valkey: Any, namespace: str, stamps: list[tuple[int, int]]) -> None:
    async def write_all() -> bytes | None:
        writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
        key = writer.keys.user_list("u")
        for offset, generated_at_ms in stamps:
            await writer.write_lists([(key, value_at(offset, generated_at_ms))], TTL_S)
        stored = await writer.read(key)
        await writer._redis.delete(key)
        await writer.close()
        return stored

    stored = asyncio.run(write_all())
    assert stored == value_at(*max(stamps))


async def test_counts_what_was_written_and_what_was_refused(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    assert await writer.write_lists([(key, value_at(5, 1))], TTL_S) == WriteResult(1, 0)
    assert await writer.write_lists([(key, value_at(4, 9)), (key, value_at(5, 1))], TTL_S) == WriteResult(1, 1)


@pytest.mark.parametrize("stored", [b"", b"garbage", b"\xf5\x09" + value_at(99, 99)[2:]])
async def test_an_unreadable_value_is_replaced(writer: ListWriter, stored: bytes) -> None:
    key = writer.keys.user_list("u")
    await writer._redis.set(key, stored)
    assert (await writer.write_lists([(key, value_at(0, 0))], TTL_S)).written == 1


async def test_a_key_of_another_type_is_replaced(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await writer._redis.sadd(key, "x")
    assert (await writer.write_lists([(key, value_at(0, 0))], TTL_S)).written == 1


async def test_a_list_of_another_partition_is_replaced(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await writer.write_lists([(key, value_at(50, 0, partition=1))], TTL_S)
    assert (await writer.write_lists([(key, value_at(2, 0, partition=0))], TTL_S)).written == 1


async def test_a_group_is_written_as_a_whole_or_not_at_all(writer: ListWriter) -> None:
    list_key, other = writer.keys.user_list("u"), writer.keys.user_features("u")
    newer, older = ([(list_key, value_at(at, 1)), (other, b'{"at":%d}' % at)] for at in (5, 4))
    assert await writer.write_together([newer], TTL_S) == WriteResult(1, 0)
    assert await writer.write_together([older], TTL_S) == WriteResult(0, 1)
    assert await writer.read(other) == b'{"at":5}'
    assert 0 < await writer._redis.ttl(other) <= TTL_S


async def test_more_lists_than_a_chunk_all_arrive_and_expire(writer: ListWriter) -> None:
    lists = [(writer.keys.user_list(str(n)), value_at(n, 0)) for n in range(CHUNK_LISTS * 2 + 1)]
    assert await writer.write_lists(lists, TTL_S) == WriteResult(len(lists), 0)
    stored = await writer.read(lists[-1][0])
    assert stored is not None
    assert read_prefix(stored).offset == len(lists) - 1
    assert 0 < await writer._redis.ttl(lists[0][0]) <= TTL_S


async def test_survives_a_server_that_forgot_its_scripts(writer: ListWriter) -> None:
    key = writer.keys.user_list("u")
    await writer.write_lists([(key, value_at(1, 1))], TTL_S)
    await writer._redis.script_flush()
    assert await writer.write_lists([(key, value_at(2, 1)), (key, value_at(1, 1))], TTL_S) == WriteResult(1, 1)


async def test_shared_lists_go_forward_by_time(writer: ListWriter) -> None:
    key = writer.keys.popular()
    newer, older = (ListStamp("v1", "popular", 0, t, t).shared([]) for t in (2, 1))
    assert await writer.write_shared(key, newer, TTL_S)
    assert not await writer.write_shared(key, older, TTL_S)


async def test_zset_is_replaced_as_a_whole(writer: ListWriter) -> None:
    key = writer.keys.trending("*", "24h")
    await writer.write_zset(key, {"a": 1.0, "b": 2.0}, TTL_S)
    await writer.write_zset(key, {"c": 3.0}, TTL_S)
    assert await writer._redis.zrange(key, 0, -1, withscores=True) == [(b"c", 3.0)]
    assert await writer._redis.ttl(key) > 0
    await writer.write_zset(key, {}, TTL_S)
    assert not await writer._redis.exists(key)


async def test_blocked_items(writer: ListWriter) -> None:
    await writer.change_blocked(block=["a", "b"])
    await writer.change_blocked(block=["c"], unblock=["a"])
    assert await writer._redis.smembers(writer.keys.blocked) == {b"b", b"c"}
    await writer.change_blocked(unblock=["b", "c"])
    assert not await writer._redis.exists(writer.keys.blocked)


async def test_the_written_marker_goes_with_the_data(writer: ListWriter) -> None:
    assert await writer.written_position(3) is None
    assert await writer.move_written_position(3, None, 41)
    assert await writer.written_position(3) == 41
    assert await writer.written_position(2) is None
    await writer.purge_version()
    assert await writer.written_position(3) is None


async def test_a_marker_that_is_not_the_known_one_stays(writer: ListWriter) -> None:
    assert not await writer.move_written_position(3, 40, 41)
    assert await writer.written_position(3) is None
    assert await writer.move_written_position(3, None, 40)
    assert not await writer.move_written_position(3, None, 41)
    assert not await writer.move_written_position(3, 39, 41)
    assert await writer.written_position(3) == 40
    assert await writer.move_written_position(3, 40, 41)
    assert await writer.written_position(3) == 41


@pytest.mark.parametrize(("stored", "gone"), [(4, True), (5, True), (6, False), (None, True)])
async def test_users_are_removed_unless_a_later_event_made_a_list(
    writer: ListWriter, stored: int | None, gone: bool
) -> None:
    keys = writer.keys
    if stored is not None:
        await writer.write_lists([(keys.user_list("u"), value_at(stored, 1))], TTL_S)
    for key in (keys.continue_watching("u"), keys.user_features("u")):
        await writer.write_plain(key, b"x", TTL_S)
    removed = await writer.remove_users_up_to({"u": 5, "nobody": 9})
    assert removed == (2 + (stored is not None) if gone else 0)
    assert (await writer.read(keys.user_features("u")) is None) is gone


async def test_purge_takes_this_version_and_nothing_else(writer: ListWriter) -> None:
    other = Keys(writer.keys.namespace, "v10")
    await writer._redis.set(other.user_list("u"), b"x")
    await writer.write_lists([(writer.keys.user_list("u"), value_at(1, 1))], TTL_S)
    await writer.change_blocked(block=["a"])
    assert await writer.purge_version() == 3
    assert await writer._redis.exists(other.user_list("u"))
    assert await writer.purge_namespace() == 1


@pytest.mark.parametrize("stored", [None, b"no JSON", b"[]", b"{}"])
async def test_the_live_pointer_never_goes_back(writer: ListWriter, stored: bytes | None) -> None:
    if stored is not None:
        await writer._redis.set(writer.keys.live, stored)
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
        await writer.written_position(0)
    await writer.close()
