"""Guests and users on partitions of several owners: the real steps over logs in memory, at any pace, with crashes.

Each partition has a worker of its own, which follows links and parts at a pace of its own, folds batches of any size
and commits rows, parts and position in one transaction, or crashes before it. Nothing of Kafka is needed for that: what
a transaction writes is there at once or not at all.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson
from aiokafka.structs import ConsumerRecord
from invariant_logs import LIMITS, PARTITIONS, START_MS, NoLists, finish
from invariant_logs import record as interaction

from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.followers.guest_parts import GuestParts
from agents.followers.links import Links
from agents.followers.refusals import guarded
from agents.guests import MOST_BEHIND, Guests
from agents.interactions import InteractionsStep, OutgoingDeltas
from streams.contract.erasure import ErasureMarker
from streams.contract.partitioning import partition_of
from streams.contract.reasons import Reason
from tables import guest_part
from tables.user_plane import Linked, UserPlane

PARTS, LINKS, ERASURE = "guest.parts", "users.links", "user.erasure"


def partition(user_id: str) -> int:
    """Where somebody's events are."""
    return partition_of(user_id.encode(), PARTITIONS)


@dataclass
class Logs:
    """Everything that outlives a worker. `parts` are those of the one version there is."""

    interactions: list[list[ConsumerRecord]] = field(default_factory=lambda: [[] for _ in range(PARTITIONS)])
    links: list[ConsumerRecord] = field(default_factory=list)
    erasures: list[ConsumerRecord] = field(default_factory=list)

    def event(self, user_id: str, value: bytes, append_ms: int) -> None:
        """Somebody does something."""
        log = self.interactions[partition(user_id)]
        log.append(interaction(partition(user_id), len(log), append_ms, user_id.encode(), value))

    def link(self, guest_id: str, user_id: str | None) -> None:
        """Somebody turns out to be somebody; None withdraws it."""
        value = None if user_id is None else orjson.dumps({"guest_id": guest_id, "user_id": user_id})
        self.links.append(_record(LINKS, 0, len(self.links), guest_id, value))

    def erase(self, user_id: str) -> None:
        """Somebody is forgotten, as far as their partition has come."""
        number = partition(user_id)
        marker = ErasureMarker(user_id, START_MS, len(self.interactions[number]))
        self.erasures.append(_record(ERASURE, number, len(self.erasures), user_id, marker.encode()))


def _record(topic: str, number: int, offset: int, key: str, value: bytes | None) -> ConsumerRecord:
    return ConsumerRecord(topic, number, offset, START_MS, 0, key.encode(), value, None, 0, 0, ())


class GuestWorker:
    """The owner of one partition, from its takeover on; `most_behind` as in `Guests`."""

    def __init__(
        self,
        logs: Logs,
        number: int,
        rows: Mapping[bytes, bytes],
        parts: list[ConsumerRecord],
        at: int,
        most_behind: int = MOST_BEHIND,
        lists: NoLists | None = None,
    ):
        self.rows, self.position, self._number = dict(rows), at, number
        self._logs, self._all_parts = logs, parts
        self._links_read = self._parts_read = self._erasures_read = 0
        self._links, self._parts, self._erasures = Links(PARTITIONS), GuestParts(), Erasures()
        self.refused: dict[int, Reason] = {}
        self.follow(1 << 30, 1 << 30)
        linked = Linked(self._links.of(number).users, self._parts.of(number).users)

        def plane() -> UserPlane:
            ends = self._erasures.of(number).ends
            return UserPlane(number, PARTITIONS, self.rows, LIMITS, ends, linked=linked)

        self.step = InteractionsStep(
            plane,
            lists or NoLists(),  # type: ignore[arg-type]
            OutgoingDeltas("deltas", number, PARTITIONS),
            DeadLetters("letters"),
            self._erasures,
            guests=Guests(PARTS, number, self._links.of(number), self._parts, most_behind),
        )
        self.step.reset()

    def follow(self, links: int, parts: int) -> None:
        """Reads at most so many records of each."""
        take = guarded(self._links.apply, lambda record, reason, _: self.refused.__setitem__(record.offset, reason))
        for record in self._logs.links[self._links_read : self._links_read + links]:
            take(record)
            self._links_read += 1
        for record in self._all_parts[self._parts_read : self._parts_read + parts]:
            self._parts.apply_name(record)
            if record.partition == self._number:
                self._parts.apply(record)
            self._parts_read += 1
        for record in self._logs.erasures[self._erasures_read :]:
            self._erasures.apply(record)
            self._erasures_read += 1

    def fold(self, records: Iterable[ConsumerRecord]) -> None:
        """Folds what may never be committed."""
        for record in records:
            self.step.fold(record)
            self.position = record.offset + 1


@dataclass
class GuestWorld:
    """A version over `logs`: workers that `pick` chooses from do something until everything is done."""

    logs: Logs
    pick: random.Random

    def __post_init__(self) -> None:
        self.parts: list[ConsumerRecord] = []
        self.committed: list[tuple[dict[bytes, bytes], int]] = [({}, 0) for _ in range(PARTITIONS)]
        self.deltas: list[list[tuple[int, bytes | None]]] = [[] for _ in range(PARTITIONS)]
        self.workers = [self._worker(number) for number in range(PARTITIONS)]

    def _worker(self, number: int) -> GuestWorker:
        rows, position = self.committed[number]
        return GuestWorker(self.logs, number, rows, self.parts, position, self.pick.choice((1, 2, MOST_BEHIND)))

    def some_step(self) -> None:
        """One worker folds, follows, commits or crashes."""
        number = self.pick.randrange(PARTITIONS)
        worker = self.workers[number]
        match self.pick.randrange(8):
            case 0 | 1 | 2:
                log = self.logs.interactions[number]
                worker.fold(log[worker.position : worker.position + self.pick.randrange(1, 6)])
            case 3 | 4:
                worker.follow(self.pick.randrange(3), self.pick.randrange(6))
            case 5 | 6:
                self.commit(number)
            case 7:
                self.workers[number] = self._worker(number)

    def commit(self, number: int) -> None:
        """One transaction."""
        worker = self.workers[number]
        effects = finish(worker.step.effects(worker.position, force=True))
        assert effects is not None
        self.committed[number] = (dict(worker.rows), worker.position)
        for sent in effects.outgoing:
            if sent.topic == PARTS:
                place = (PARTS, sent.partition, len(self.parts), START_MS, 0, sent.key, sent.value, None, 0, 0, ())
                self.parts.append(ConsumerRecord(*place))
            elif sent.topic == "deltas":
                self.deltas[number].append((sent.partition, sent.value))

    def finish(self) -> None:
        """Everybody does what is left."""
        for number, worker in enumerate(self.workers):
            worker.fold(self.logs.interactions[number][worker.position :])
        for _ in range(2):  # parts that were written follow
            for number, worker in enumerate(self.workers):
                worker.follow(1 << 30, 1 << 30)
                self.commit(number)
                while worker.step.pending():
                    self.commit(number)
        for worker in self.workers:
            worker.follow(0, 1 << 30)
            assert not worker.step.pending()

    def table(self) -> dict[tuple[int, bytes | None], bytes]:
        """What the topic of parts holds, compacted, but for guests who are idle: nobody reads their parts, which go
        with their rows, and whether one was written depends on when its guest was looked at last."""
        last = {(record.partition, record.key): record.value for record in self.parts}
        return {
            place: value for place, value in last.items() if value is not None and not self._is_idle(place[1] or b"")
        }

    def _is_idle(self, key: bytes) -> bool:
        _, guest_id = guest_part.ids_in(key)
        plane = self.workers[partition(guest_id)].step.plane
        return plane.own(guest_id) is None and guest_id in set(plane.users())

    def rows(self) -> list[dict[bytes, bytes]]:
        """By partition."""
        return [rows for rows, _ in self.committed]
