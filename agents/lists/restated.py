"""Keeps `restated:{version}`: items of which the catalogue says by now other facts than stored lists may say.

A list says of each of its items who may be shown it, and may be days old. Until the last list is gone that was made
before an item's rating, countries, languages, times or genres changed, the endpoint goes by what is said here.

Who owns an item partition compares each catalogue record with the one before. Which records came while nobody owned the
partition, a later owner tells by their offsets: up to where the former owner had read is noted. Whether these changed
anything is not known, so all of them count.
"""

from collections.abc import Mapping

from agents.lists.list_maker import ListMaker
from serving.keys import LIST_TTL_S
from serving.redis_writer import ListWriter
from serving.restated import noted_ms_of, restated
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition

#: Rounds after which all of it is compared although nothing seems to have changed.
COMPARE_EVERY = 60
#: After which no list is left that was made before.
LISTS_LIVE_MS = LIST_TTL_S * 1000


class Restated:
    """The restated items of the owned item partitions."""

    def __init__(self, maker: ListMaker, writer: ListWriter, partitions: int) -> None:
        self._maker = maker
        self._writer = writer
        self._partitions = partitions
        self._read: dict[PartitionOwner, int] = {}  # the catalogue version up to which each owner's items are restated
        self._items: dict[str, bytes] = {}  # what is to be in Redis, of owned partitions
        self._rounds = 0

    async def write(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        """Notes what is due: what the catalogue says anew, and what Redis lost. Raises RedisUnavailable."""
        number = self._maker.catalogue_version
        self._rounds += 1
        compares = self._rounds >= COMPARE_EVERY or await self._is_lost()
        self._read = {owner: read for owner, read in self._read.items() if owned.get(owner.partition) is owner}
        due = [owner for owner in owned.values() if compares or self._read.get(owner) != number]
        if not due:
            return
        found = await self._writer.restated_items() if compares or any(owner not in self._read for owner in due) else {}
        for owner in due:
            await self._write(owner, number, now_ms, self._of(owner, found), compares)
        if compares:
            self._rounds = 0

    async def _write(
        self, owner: PartitionOwner, number: int, now_ms: int, found: dict[str, bytes], compares: bool
    ) -> None:
        said, model = self._maker.facts_said, self._maker.model
        read = self._read.get(owner)
        if read is None:
            self._items |= found
            noted = await self._writer.restated_up_to(owner.partition)
            changed = [] if noted is None else said.since_offsets(noted)
        else:
            changed = said.since(read)
        mine = [index for index in changed if item_partition(model.ids[index], self._partitions) == owner.partition]
        put = {model.ids[index]: restated(now_ms, self._maker.facts_of(index)) for index in mine}
        self._items |= put
        of_owner = self._of(owner, self._items)
        if compares:  # what Redis lost or kept although it was forgotten here
            put |= {item_id: value for item_id, value in of_owner.items() if found.get(item_id) != value}
        over = [item_id for item_id, value in (of_owner | found).items() if self._is_over(value, now_ms)]
        over += [item_id for item_id in found if item_id not in of_owner]
        put = {item_id: value for item_id, value in put.items() if item_id not in over}
        if await self._writer.change_restated(owner, said.read_up_to, put, over):
            self._read[owner] = number
            for item_id in over:
                self._items.pop(item_id, None)

    async def _is_lost(self) -> bool:
        return bool(self._items) and bool(await self._writer.missing([self._writer.keys.restated]))

    def _is_over(self, value: bytes, now_ms: int) -> bool:
        return now_ms - noted_ms_of(value) > LISTS_LIVE_MS

    def _of(self, owner: PartitionOwner, items: Mapping[str, bytes]) -> dict[str, bytes]:
        return {
            item_id: value
            for item_id, value in items.items()
            if item_partition(item_id, self._partitions) == owner.partition
        }
