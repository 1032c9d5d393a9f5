"""A worker without servers: what it makes of bytes from the wire, through the client library and its own rules.

Bytes go through aiokafka's decoding as every consumer of ours has it, then to the followers' guards or the steps of the
partition tasks. Nothing here catches anything: what raises would have ended a worker.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.dead_letters import DeadLetters
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from agents.followers.controls import Controls
from agents.followers.erasures import Erasures
from agents.followers.follower import Follower
from agents.followers.guest_parts import GuestParts
from agents.followers.item_follower import ItemFollower
from agents.followers.links import Links
from agents.followers.model_watermark import RefitCheckpoints
from agents.followers.profiles import Profiles
from agents.followers.version_status import VersionStatus
from agents.guests import Guests
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.items import ItemsStep, PublicationLimiter
from agents.lists.failed_lists import FailedLists
from agents.lists.list_maker import ListMaker
from agents.training.ranker import RankerStep
from ranking.shared_lists import popular
from serving.experiments import ExperimentBook
from serving.keys import Keys
from serving.registry import Switch
from streams.contract.dead_letters import DeadLetter
from streams.contract.identities import Identities
from streams.contract.reasons import Reason
from streams.kafka.damaged_record import DamagedRecord
from streams.kafka.topics import Topics
from tables.item_plane import ItemLimits, ItemPlane
from tables.rule_book import RuleBook
from tables.user_plane import FoldLimits, Linked, UserPlane

TOPICS = Topics("fuzz")
SECRET = Identities(b"0123456789abcdef0123456789abcdef")
INTERNAL = ("deltas", "ranker_examples", "item_model", "ranker_weights", "guest_parts")
#: Samples of internal records that are kept to be damaged.
MAX_SAMPLES = 200


def topic_of(ingress: str) -> str:
    """The full name of a door's topic."""
    name: str = getattr(TOPICS, ingress)
    return name


class _NoLists:
    """Stands in for the keeper of lists, which is another process's business."""

    failed = FailedLists()
    wait = False

    def concern(self, users: Collection[str]) -> None:
        """Nor is it owed to anybody."""

    async def sweep(self, plane: UserPlane, next_offset: int, *, waits: bool) -> None:
        """Nor looked after."""

    async def forget(self, users: Collection[str]) -> bool:
        return True

    async def forget_idle(self, users: Collection[str]) -> bool:
        return True

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None:
        """Lists are made by `Machine.make_lists`."""


class Machine:
    """One partition of everything, but of profiles the first of two, whose producer may have put some elsewhere."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.erasures, self.profiles = Erasures(SECRET), Profiles(2, SECRET)
        self.controls, self.version_status = Controls("v1"), self.loop.run_until_complete(_made(VersionStatus, "v1"))
        self.version_status.registry.apply(*Switch(1, "first", {"v1": 100}, "fuzz", 0).record())
        self.experiments, self.rules = ExperimentBook(), RuleBook()
        self.links, self.parts = Links(1, SECRET), GuestParts()
        self.items = ItemFollower("nowhere", TOPICS, 1, report=self._report)
        self._followers = [
            Follower("nowhere", topics, report=self._report)  # type: ignore[arg-type]
            for topics in (
                {TOPICS.controls: self.controls.apply, TOPICS.erasure: self.erasures.apply},
                {TOPICS.experiments: lambda record: self.experiments.apply(record.key, record.value)},
                {TOPICS.versions: self.version_status.apply, TOPICS.profiles: self.profiles.apply},
                {TOPICS.rules: lambda record: self.rules.apply(record.key, record.value)},
                {TOPICS.links: self.links.apply, TOPICS.guest_parts: self._take_part},
            )
        ]
        dead_letters = DeadLetters(TOPICS.dead_letters)
        rows: dict[bytes, bytes] = {}
        self.rows = rows
        links = self.links.of(0)
        linked = Linked(links.users, self.parts.of(0).users)
        self.interactions = InteractionsStep(
            lambda: UserPlane(0, 1, rows, FoldLimits(), self.erasures.of(0).ends, SECRET, linked),
            _NoLists(),  # type: ignore[arg-type]
            OutgoingDeltas(TOPICS.deltas, 0, 1),
            dead_letters,
            self.erasures,
            guests=Guests(TOPICS.guest_parts, 0, links, self.parts),
        )
        item_rows: dict[bytes, bytes] = {}
        self.items_step = ItemsStep(
            lambda: ItemPlane(0, item_rows, ItemLimits()),
            item_rows,
            PublicationLimiter(lambda: 0.0, 10**9, 10.0),
            RefitCheckpoints(4.0, lambda: False),
            lambda: 0.0,
            dead_letters,
        )
        self.ranker_step = RankerStep({}, dead_letters, lambda: 0.0)
        self.samples: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
        self.offsets: Counter[str] = Counter()
        self.reported: Counter[tuple[str, Reason]] = Counter()
        self.dead_letters: Counter[tuple[str, Reason]] = Counter()
        self.letter_names: set[bytes | None] = set()
        self._maker: ListMaker | None = None

    def close(self) -> None:
        """Ends the loop."""
        self.loop.close()

    # -- bytes in -------------------------------------------------------------------------------------------------

    def take(self, ingress: str, made: bytes, count: int) -> None:
        """One batch of a door, as it comes from a broker; its base offset is `self.offsets[ingress]`."""
        begin = self.offsets[ingress]
        tp = TopicPartition(topic_of(ingress), 0)
        records = list(fetcher.PartitionRecords(tp, fetcher.MemoryRecords(made), [], begin, None, None, True, 1))
        offsets = [record.offset for record in records]
        assert offsets == list(range(begin, begin + count)), f"{ingress}: {offsets[:3]}... are not {count} from {begin}"
        self.offsets[ingress] += count
        for record in records:
            self._give(ingress, record)

    def _give(self, ingress: str, record: ConsumerRecord) -> None:
        if ingress == "interactions":
            self.interactions.fold(record)
        elif ingress == "deltas":
            self.items_step.fold(record)
        elif ingress == "ranker_examples":
            self.ranker_step.fold(record)
        else:
            follower = next(f for f in (*self._followers, self.items._follower) if record.topic in f._topics)
            if isinstance(record, DamagedRecord) and not record.is_whole:
                follower._damaged(record)
            else:
                follower._apply(record)

    # -- what follows ---------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """What the steps would write; what they tell each other goes on, and is remembered as samples."""
        self.loop.run_until_complete(self.interactions.tick(0, waits=False))
        for step, changes_door in (
            (self.interactions, None),
            (self.items_step, "item_model"),
            (self.ranker_step, "ranker_weights"),
        ):
            effects: Effects | None = self.loop.run_until_complete(step.effects(0, force=True))
            if effects is None:
                continue
            for outgoing in effects.outgoing:
                self._written(outgoing)
            if changes_door is not None:
                self._sample(changes_door, effects.changes)
                for key, value in effects.changes:
                    self._give(changes_door, _record(topic_of(changes_door), key, value))

    def _written(self, outgoing: Outgoing) -> None:
        if outgoing.topic == TOPICS.dead_letters:
            dead_letter = DeadLetter.from_record(outgoing.key, outgoing.value, outgoing.headers)
            assert outgoing.key not in self.letter_names, f"{dead_letter.name} has two letters"
            self.letter_names.add(outgoing.key)
            self.dead_letters[dead_letter.topic, dead_letter.reason] += 1
        elif outgoing.topic == TOPICS.deltas:
            self._sample("deltas", [(outgoing.key, outgoing.value)])
            self.items_step.fold(_record(outgoing.topic, outgoing.key, outgoing.value, outgoing.headers))
        elif outgoing.topic == TOPICS.guest_parts:
            self._sample("guest_parts", [(outgoing.key, outgoing.value)])
            self._give("guest_parts", _record(outgoing.topic, outgoing.key, outgoing.value))

    def _sample(self, ingress: str, records: list[tuple[bytes, bytes | None]] | list[Any]) -> None:
        kept = self.samples.setdefault(ingress, [])
        kept += records[: max(0, MAX_SAMPLES - len(kept))]

    def make_lists(self, now_ms: int, users: int) -> int:
        """Lists of some users, those with guests before others, and the popular one, from whatever the model and the
        rules hold now; returns their number."""
        model = self.items.model
        self.items.follow_rules(self.rules.in_force(now_ms))
        model.refresh_priors(now_ms)
        model.refresh_vectors()
        if self._maker is None:
            self._maker = ListMaker(self.items, Keys("fuzz", "v1"), "v1", 20, 1_000, experiments=self.experiments)
        plane, profiles = self.interactions.plane, self.profiles.of(0)
        asked = [
            (user, profiles.get(user_id))
            for user_id in [*islice(plane.linked_users(), users // 2), *plane.users()][:users]
            if (user := plane.view(user_id)) is not None
        ]
        made = self._maker.values_of(asked, 0, now_ms)
        self._maker.shared_value(popular(model, now_ms, 20), now_ms)
        return len(made) + 1

    # -- what must hold -------------------------------------------------------------------------------------------

    def account(self) -> dict[str, int]:
        """Records of interactions by what became of them; `unaccounted` must be 0."""
        plane = self.interactions.plane
        owned = [plane.own(user) for user in plane.users()]
        folded = sum(user.row.folded for user in owned if user is not None)
        duplicates = sum(user.row.duplicates for user in owned if user is not None)
        dead = sum(count for (topic, _), count in self.dead_letters.items() if topic == TOPICS.interactions)
        erased = plane.erased
        sent = self.offsets["interactions"]
        return {
            "sent": sent,
            "folded": folded,
            "duplicates": duplicates,
            "dead_letters": dead,
            "erased": erased,
            "unaccounted": sent - folded - duplicates - dead - erased,
        }

    def _take_part(self, record: ConsumerRecord) -> None:
        self.parts.apply_name(record)
        self.parts.apply(record)

    def _report(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        self.reported[record.topic, reason] += 1
        if reason is Reason.FOLD_FAILED and record.topic not in map(topic_of, INTERNAL):
            raise AssertionError(f"{record.topic} {record.key!r} {record.value!r}: {detail}")


async def _made(kind: Any, *arguments: Any) -> Any:
    return kind(*arguments)


def _record(topic: str, key: bytes | None, value: bytes | None, headers: Any = ()) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, 0, 0, 1, key, value, None, -1, -1, tuple(headers))


@contextmanager
def quiet() -> Iterator[None]:
    """Thousands of refusals are what is wanted here, not lines about them; whoever tests next wants theirs."""
    agents = logging.getLogger("agents")
    level = agents.level
    agents.setLevel(logging.CRITICAL + 1)
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        agents.setLevel(level)


def everything(machine: Machine) -> Iterator[str]:
    """The figures of a run, a line each."""
    yield str(machine.account())
    for counts in (machine.dead_letters, machine.reported):
        by_topic: Counter[str] = Counter()
        for (topic, _), count in counts.items():
            by_topic[topic] += count
        yield str(dict(by_topic))
