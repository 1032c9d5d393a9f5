"""The right to write what belongs to the users of one partition to Redis: one owner's, whoever sleeps and wakes up.

Redis notes who holds the right, by the term that no other owner of the partition ever has, and the scripts that write
and remove refuse everybody else, also while nobody is noted. So nothing of a user has to stay in Redis for late writes
to be refused: a list that is gone (erased, idle) has no offset left to compare with, and no key of its own could say
that the user is gone without naming the user.

Whoever is refused proves first that the partition is theirs, by a transaction of the partition's producer, and then
takes the right from exactly whom they found there before the proof:

* a zombie's proof fails (its producer is fenced), and it ends;
* an owner who sleeps between the proof and the taking finds that somebody else has taken it meanwhile, and begins anew;
* after a wipe, or a failover to a replica that notes somebody older, the owner's next write is refused and it takes the
  right again. Until then such an older one could write: what Redis holds is in doubt from the last noted position on.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from agents.delivery.producer import PartitionProducer
from agents.delivery.table import ChangelogTable
from agents.followers.erasures import PartitionErasures
from serving.redis_errors import NotTheWriter, RedisUnavailable
from serving.redis_writer import Group, ListWriter, Told, WriteResult
from serving.write_order import PartitionOwner, WrittenPosition

#: Commits something harmless as the partition's owner. Raises aiokafka.errors.ProducerFenced when it is not any more.
Proof = Callable[[], Awaitable[None]]

Answer = TypeVar("Answer")


def proof_of(producer: PartitionProducer, table: ChangelogTable) -> Proof:
    """Proves by committing the position and the term that are committed already."""

    async def prove() -> None:
        await producer.commit(table.claim(table.owner.term), None, 0)

    return prove


class PartitionLists:
    """A writer for the keys of one partition's users. Methods raise RedisUnavailable, and what the proof raises."""

    def __init__(self, writer: ListWriter, owner: PartitionOwner, erasures: PartitionErasures, prove: Proof) -> None:
        self._writer = writer
        self.owner = owner
        self._erasures = erasures
        self._prove = prove
        self._doubtful: list[str] = []
        self._noted: int | None = None  # position of erasures that Redis notes; None = in doubt
        self._held_once = False
        self._fell = False

    def take_doubtful(self) -> list[str]:
        """Users who were erased and of whom Redis may hold something all the same, since the last call."""
        doubtful, self._doubtful = self._doubtful, []
        return doubtful

    def take_fall(self) -> bool:
        """Whether Redis forgot since the last call that this owner holds the right: it fell back to a state from
        before that, and what the owners before this one wrote may be gone too, whatever the written position says."""
        fell, self._fell = self._fell, False
        return fell

    async def write_together(self, groups: Sequence[Group], ttl_s: int) -> WriteResult:
        """See `ListWriter.write_together`."""
        return await self._held(lambda: self._writer.write_together(groups, ttl_s, self.owner, held=True))

    async def remove_users(self, users: Collection[str]) -> int:
        """See `ListWriter.remove_users`."""
        return await self._held(lambda: self._writer.remove_users(users, self.owner))

    async def remove_users_up_to(self, last_offsets: Mapping[str, int]) -> int:
        """See `ListWriter.remove_users_up_to`."""
        return await self._held(lambda: self._writer.remove_users_up_to(last_offsets, self.owner))

    async def change_audiences(self, values: Sequence[tuple[str, str, bytes, int]], ttl_s: int) -> list[Told]:
        """See `ListWriter.change_audiences`."""
        return await self._held(lambda: self._writer.change_audiences(values, ttl_s, self.owner))

    async def incomplete(self, keys_of: Mapping[str, int]) -> list[str]:
        """See `ListWriter.incomplete`."""
        return await self._asked(lambda: self._writer.incomplete(keys_of, self.owner.partition))

    async def written_position(self) -> WrittenPosition | None:
        """What Redis notes of the lists that are written; takes the right when somebody else has it, and looks whether
        Redis knows of every erasure."""
        noted = await self._asked(lambda: self._writer.noted(self.owner.partition))
        if noted.holder != b"%d" % self.owner.term:
            await self._take()
            noted = await self._asked(lambda: self._writer.noted(self.owner.partition))
        erased = noted.erased or 0
        if erased != self._noted:
            self._doubtful += self._erasures.since(erased)
            self._noted = erased
        return noted.written_position

    async def advance_written_position(
        self, known: WrittenPosition | None, written_position: WrittenPosition, erasures: int
    ) -> bool:
        """See `ListWriter.advance_written_position`. False too while it is in doubt what Redis holds, and when the
        right was lost: `written_position` is to be asked again."""
        if self._noted is None:
            return False
        try:
            moved = await self._asked(
                lambda: self._writer.advance_written_position(self.owner, known, written_position, erasures)
            )
        except NotTheWriter:
            self._noted = None
            return False
        if moved:
            self._noted = erasures
        return moved

    def knows_of(self, erasures: int) -> bool:
        """Whether Redis notes that everything is carried out before the position `erasures`."""
        return self._noted == erasures

    async def _held(self, act: Callable[[], Awaitable[Answer]]) -> Answer:
        while True:
            try:
                return await self._asked(act)
            except NotTheWriter:
                await self._take()

    async def _take(self) -> None:
        self._noted = None
        found = await self._asked(lambda: self._writer.noted(self.owner.partition))
        await self._prove()
        # When somebody else came in between, whoever acts again finds out who.
        await self._asked(lambda: self._writer.hold(self.owner, found.holder))
        self._fell |= self._held_once
        self._held_once = True

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await ask()
        except RedisUnavailable:
            self._noted = None  # what answers next may be an older replica
            raise
