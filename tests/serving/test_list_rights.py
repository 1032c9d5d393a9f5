"""Who may write a partition's users to Redis (agents/lists/list_rights.py), on a real server: zombies may not, and
wipes and failovers are noticed."""

from __future__ import annotations

import pytest
from aiokafka.errors import ProducerFenced
from listed import redis_of

from agents.followers.erasures import PartitionErasures
from agents.lists.list_rights import PartitionLists
from serving.list_format import NOTHING, ListStamp
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner, WrittenPosition
from streams.contract.erasure import ErasureMarker

TTL_S = 60


class Holder:
    """One owner of partition 0, that can be fenced."""

    def __init__(self, writer: ListWriter, term: int, erasures: PartitionErasures | None = None) -> None:
        self.fenced = False
        self.proofs = 0
        self.erasures = erasures or PartitionErasures()
        self.lists = PartitionLists(writer, PartitionOwner(0, term), self.erasures, self._prove)
        self._keys = writer.keys

    async def _prove(self) -> None:
        self.proofs += 1
        if self.fenced:
            raise ProducerFenced("by the next owner")

    async def write(self, user: str, offset: int) -> int:
        value = ListStamp("v1", "personal", 0, 1, 2).personal(user, offset, NOTHING)
        return (await self.lists.write_together([[(self._keys.user_list(user), value)]], TTL_S)).written


def erased(*users: str) -> PartitionErasures:
    erasures = PartitionErasures()
    for position, user in enumerate(users):
        erasures.apply(user, ErasureMarker(user, 1, 5), position)
    return erasures


async def test_the_right_is_taken_once_and_kept(writer: ListWriter) -> None:
    owner = Holder(writer, 1)
    assert [await owner.write("u", offset) for offset in range(3)] == [1, 1, 1]
    assert owner.proofs == 1


async def test_a_zombie_neither_writes_nor_removes_after_an_next_owner_did(writer: ListWriter) -> None:
    zombie, next_owner = Holder(writer, 1), Holder(writer, 2)
    assert await zombie.write("u", 4) == 1
    zombie.fenced = True
    assert await next_owner.lists.remove_users(["u"]) == 1
    for act in (
        lambda: zombie.write("u", 4),
        lambda: zombie.lists.remove_users(["u"]),
        lambda: zombie.lists.remove_users_up_to({"u": 9}),
        lambda: zombie.lists.written_position(),
    ):
        with pytest.raises(ProducerFenced):
            await act()
    assert await writer.read(writer.keys.user_list("u")) is None
    assert await next_owner.write("u", 7) == 1
    assert next_owner.proofs == 1  # nobody took the right from the next owner


async def test_who_sleeps_between_proof_and_taking_takes_nothing(writer: ListWriter) -> None:
    zombie, next_owner = Holder(writer, 1), Holder(writer, 2)
    prove = zombie._prove

    async def sleep_after_the_first_proof() -> None:
        await prove()
        if zombie.proofs == 1:
            assert await next_owner.lists.remove_users(["u"]) == 0
            zombie.fenced = True

    zombie.lists._prove = sleep_after_the_first_proof
    with pytest.raises(ProducerFenced):
        await zombie.write("u", 4)
    assert await writer.read(writer.keys.user_list("u")) is None


async def test_after_a_wipe_only_the_owner_begins_again(writer: ListWriter) -> None:
    zombie, next_owner = Holder(writer, 1), Holder(writer, 2)
    await zombie.write("u", 4)
    zombie.fenced = True
    await next_owner.write("u", 5)
    await writer.purge_namespace()
    with pytest.raises(ProducerFenced):
        await zombie.write("u", 4)
    assert await next_owner.write("u", 5) == 1


async def test_who_was_erased_since_redis_fell_back_is_in_doubt_until_it_is_noted(writer: ListWriter) -> None:
    owner = Holder(writer, 1, erased("a", "b", "c"))
    written_position = WrittenPosition(9)
    assert not await owner.lists.advance_written_position(
        None, written_position, 1
    )  # nobody knows yet what Redis holds
    assert await owner.lists.written_position() is None
    assert set(owner.lists.take_doubtful()) == {"a", "b", "c"}
    assert await owner.lists.advance_written_position(None, written_position, 3)
    assert await owner.lists.written_position() == written_position
    assert owner.lists.take_doubtful() == []
    assert owner.lists.knows_of(3)

    await redis_of(writer).set(writer.keys.erased(0), b"1")  # an older state, by the same owner
    assert await owner.lists.written_position() == written_position
    assert set(owner.lists.take_doubtful()) == {"b", "c"}
    assert not owner.lists.knows_of(3)
    assert await owner.lists.advance_written_position(written_position, WrittenPosition(10), 3)
    assert owner.lists.knows_of(3)


async def test_an_owner_learns_that_redis_fell_back_to_before_it(writer: ListWriter) -> None:
    former, next_owner = Holder(writer, 1), Holder(writer, 2)
    await former.write("u", 4)
    before = await redis_of(writer).get(writer.keys.holder(0))
    assert await next_owner.lists.written_position() is None
    assert not next_owner.lists.take_fall()  # it came after somebody else, as owners do
    await next_owner.write("u", 5)
    assert await next_owner.lists.written_position() is None
    assert not next_owner.lists.take_fall()
    await redis_of(writer).set(writer.keys.holder(0), before)
    assert await next_owner.lists.written_position() is None
    assert next_owner.lists.take_fall()
    assert not next_owner.lists.take_fall()
    await writer.purge_namespace()  # noticed by a write, before the marker is looked at
    await next_owner.write("u", 6)
    assert next_owner.lists.take_fall()


async def test_a_marker_is_not_moved_by_who_lost_the_right(writer: ListWriter) -> None:
    owner, next_owner = Holder(writer, 1), Holder(writer, 2)
    assert await owner.lists.written_position() is None
    await next_owner.write("u", 1)
    assert not await owner.lists.advance_written_position(None, WrittenPosition(9), 0)
    assert (await writer.noted(0)).written_position is None
