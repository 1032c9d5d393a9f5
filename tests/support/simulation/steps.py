"""The product's steps, each with a tally that has no guard of its own: what is folded twice is counted twice."""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import numpy as np
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray

from agents.delivery.step import Effects, PartitionStep
from agents.delivery.table import ChangelogTable
from agents.instruments import ListTimes
from agents.lists.list_basis import NOTHING, ListBasis
from agents.lists.list_maker import UserValues
from agents.lists.treatments import Treatments
from ranking.settings import RankingSettings
from serving.experiments import ExperimentBook
from serving.keys import Keys
from serving.list_format import encode
from simulation.world import current_process
from streams.contract.catalog import UserProfile
from tables.item_deltas import decode
from tables.user_plane import User

TALLY = b"\x01"
POISON = b"POISON"
KILLER = b"KILLER"
EXPIRES_MS = 3_600_000
NOTHING_SAID = "-"  # in the place of a profile


class Poisoned(ArithmeticError):
    """What folding a poison record raises."""


class Tally:
    """Rows of [records, sum of offsets] in the step's own table, so that they share its transaction."""

    def __init__(self, table: ChangelogTable) -> None:
        self._table = table
        self._counts: dict[bytes, list[int]] = {}

    def add(self, name: bytes, count: int, offsets: int) -> None:
        key = TALLY + name
        found = self._counts.get(key)
        if found is None:
            raw = self._table.rows.get(key)
            found = self._counts[key] = msgspec.json.decode(raw) if raw else [0, 0]
        found[0] += count
        found[1] += offsets

    def take(self) -> list[tuple[bytes, bytes | None]]:
        changes = [(key, msgspec.json.encode(count)) for key, count in self._counts.items()]
        self._table.rows.update(changes)
        self._counts.clear()
        return list(changes)

    def forget(self) -> None:
        self._counts.clear()


class TalliedStep:
    """A step of the product whose folds are tallied; `tally` gives (row name, records, sum of offsets) of a record."""

    def __init__(
        self, step: PartitionStep, table: ChangelogTable, tally: Callable[[ConsumerRecord], tuple[bytes, int, int]]
    ) -> None:
        self.step = step
        self._tally = Tally(table)
        self._of_record = tally

    def fold(self, record: ConsumerRecord) -> None:
        if record.value == POISON:
            self._tally.add(*self._of_record(record))  # half a fold
            raise Poisoned
        if record.value == KILLER:
            current_process().end(MemoryError("killed by the kernel"), 137)
        self._tally.add(*self._of_record(record))
        self.step.fold(record)

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        self.step.reject(record, detail)

    def pending(self) -> bool:
        return self.step.pending()

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        effects = await self.step.effects(next_offset, force=force)
        if effects is not None:
            effects.changes += self._tally.take()
        return effects

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        await self.step.tick(next_offset, waits=waits)

    def reset(self) -> None:
        self._tally.forget()
        self.step.reset()

    def counters(self) -> Mapping[str, int]:
        return self.step.counters()


def tally_of_interaction(record: ConsumerRecord) -> tuple[bytes, int, int]:
    """Every record counts once under its key."""
    return record.key, 1, record.offset


def tally_of_deltas(record: ConsumerRecord) -> tuple[bytes, int, int]:
    """Every visit counts once under its source partition, however the source's batches were cut."""
    deltas = decode(record.value)
    return b"%d" % deltas.source_partition, len(deltas.items), sum(deltas.offsets[: len(deltas.items)])


class RowLists:
    """A list maker without a model: a list says which row and which profile it was made from."""

    expires_ms = EXPIRES_MS
    catalogue_version = rules_version = 0
    made_of = (0, 0, 0)

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.times = ListTimes()
        self.treatments = Treatments(ExperimentBook(), RankingSettings())

    def values_of(
        self, asked: Sequence[tuple[User, UserProfile | None]], partition: int, now_ms: int
    ) -> list[UserValues]:
        """What the lists of all of them are."""
        return [self._made(user, profile, partition, now_ms) for user, profile in asked]

    def _made(self, user: User, profile: UserProfile | None, partition: int, now_ms: int) -> UserValues:
        said = NOTHING_SAID if profile is None else profile.country or ""
        content = b"%b|%b" % (content_of(user), said.encode())
        value = encode(partition, user.row.last_offset, now_ms, now_ms + EXPIRES_MS, content)
        return UserValues(np.array([], np.int32), [(self._keys.user_list(user.user_id), value)], NOTHING)

    def list_key(self, user_id: str) -> str:
        return self._keys.user_list(user_id)

    def audience(self, user: User, profile: UserProfile | None, now_ms: int) -> tuple[str, bytes]:
        said = NOTHING_SAID if profile is None else profile.country or ""
        return self._keys.audience(user.user_id), said.encode()

    def outdated(self, lists: Sequence[tuple[ListBasis, int]]) -> list[bool]:
        return [False] * len(lists)

    def items_changed_since(self, catalogue_version: int) -> NDArray[np.int32] | None:
        raise AssertionError(f"the catalogue never changes, not even after {catalogue_version}")


class NobodyReads:
    """Marks of readers that there never are."""

    async def noted_since(self, since_s: int, limit: int) -> list[tuple[str, int]]:
        return []

    async def who_read(self, users: Sequence[str], since_s: int) -> set[str]:
        return set()

    async def take_missed(self, limit: int) -> list[str]:
        return []

    async def remove(self, users: Collection[str], up_to_s: int) -> None:
        pass

    async def remove_before(self, second: int) -> None:
        pass


def content_of(user: User) -> bytes:
    """What a list of this user has to say."""
    return f"{user.row.folded}:{user.row.duplicates}:{','.join(user.history.entries)}".encode()
