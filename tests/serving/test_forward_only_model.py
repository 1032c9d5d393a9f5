"""The simulation's Redis is the scripts': what it proves about lists holds for a real server too."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from listed import redis_of
from simulation.redis import RedisServer, forward_only

from serving.keys import Keys
from serving.list_format import encode, ordered
from serving.redis_errors import NotTheWriter
from serving.redis_writer import LIST_NOT_THE_WRITERS, NOT_THE_WRITER, ListWriter
from serving.write_order import Order, PartitionOwner, WrittenPosition

bare = st.builds(encode, st.integers(0, 1), st.integers(-1, 3), st.integers(0, 2), st.just(9), st.just(b"{}"))
lists = st.builds(ordered, bare, st.builds(Order, st.integers(0, 2), st.integers(0, 2)))
values = st.one_of(lists, st.sampled_from([b"", b"garbage"]))
terms = st.integers(0, 2)
markers = st.builds(WrittenPosition, st.integers(0, 2))
steps = st.one_of(
    st.tuples(st.just("write"), terms, st.sampled_from("ab"), bare),
    st.tuples(st.just("remove"), terms, st.sampled_from("ab"), st.one_of(st.none(), st.integers(-1, 3))),
    st.tuples(st.just("hold"), terms, st.one_of(st.none(), terms)),
    st.tuples(st.just("mark"), terms, st.one_of(st.none(), markers), markers),
    st.tuples(st.just("lose"), st.sampled_from("ab"), st.booleans()),
)


@given(values, lists)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_script_and_simulation_agree(valkey: Any, namespace: str, stored: bytes, value: bytes) -> None:
    async def written() -> bool:
        writer = ListWriter.connect(valkey.url, Keys(namespace, "v1"))
        key = writer.keys.user_list("u")
        await writer.write_plain(key, stored, 60)
        result = await writer.write_lists([(key, value)], 60)
        await writer.close()
        return result.written == 1

    assert asyncio.run(written()) == forward_only(stored, value)


@given(st.lists(steps, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
def test_owners_take_turns_as_in_the_simulation(valkey: Any, namespace: str, history: list[Any]) -> None:
    """Whatever owners send, in any order, with keys or the note of who writes lost in between."""
    keys = Keys(namespace, "v1")
    server = RedisServer(lambda *_: None, lambda *_: None)
    server.checks_floor = False  # nothing says that the values here are those of one log

    async def run() -> dict[str, bytes]:
        writer = ListWriter.connect(valkey.url, keys)
        for step in history:
            assert await on_server(writer, step) == in_simulation(server, keys, step), step
        names = [name.decode() for name in await redis_of(writer).keys(f"{keys.root}*")]
        stored = {name: await writer.read(name) for name in names}
        await writer.purge_namespace()
        await writer.close()
        return {key: value for key, value in stored.items() if value is not None}

    assert asyncio.run(run()) == server.data


REFUSED = -9


async def on_server(writer: ListWriter, step: Any) -> int:
    keys = writer.keys
    try:
        match step:
            case ("write", term, user, value):
                group = [(keys.user_list(user), value)]
                return (await writer.write_together([group], 60, PartitionOwner(0, term), held=True)).written
            case ("remove", term, user, None):
                return await writer.remove_users([user], PartitionOwner(0, term))
            case ("remove", term, user, offset):
                return await writer.remove_users_up_to({user: offset}, PartitionOwner(0, term))
            case ("hold", term, known):
                return await writer.hold(PartitionOwner(0, term), None if known is None else b"%d" % known)
            case ("mark", term, known, written_position):
                return await writer.advance_written_position(PartitionOwner(0, term), known, written_position, 7)
            case ("lose", user, also_the_holder):
                gone = [keys.user_list(user)] + ([keys.holder(0)] if also_the_holder else [])
                await redis_of(writer).delete(*gone)
    except NotTheWriter:
        return REFUSED
    return 0


def in_simulation(server: RedisServer, keys: Keys, step: Any) -> int:
    match step:
        case ("write", term, user, value):
            stamped = ordered(value, PartitionOwner(0, term).next())
            answer = server.write_list(keys.user_list(user), stamped, 60, keys.holder(0), b"%d" % term)
            return REFUSED if answer == LIST_NOT_THE_WRITERS else max(0, answer)
        case ("remove", term, user, offset):
            given = b"" if offset is None else b"%d" % offset
            answer = server.remove_user([*keys.of_user(user), keys.holder(0)], given, b"%d" % term)
            return REFUSED if answer == NOT_THE_WRITER else answer
        case ("hold", term, known):
            return server.swap(keys.holder(0), b"" if known is None else b"%d" % known, b"%d" % term)
        case ("mark", term, known, written_position):
            names = [keys.written(0), keys.erased(0), keys.holder(0)]
            before = b"" if known is None else known.encode()
            answer = server.advance_written_position(names, before, written_position.encode(), b"7", b"%d" % term)
            return REFUSED if answer == NOT_THE_WRITER else answer
        case ("lose", user, also_the_holder):
            server.data.pop(keys.user_list(user), None)
            if also_the_holder:
                server.data.pop(keys.holder(0), None)
    return 0
