"""One seed: a history, a plan of faults, and whether the end is right."""

import random
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import msgspec
from aiokafka.errors import ProducerFenced
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.partition_task import PartitionTask, RecordsMissing
from agents.delivery.table import POSITION_KEY
from serving.list_format import header_bytes, read_prefix
from simulation import clients
from simulation.clients import Admin, Consumer, Producer, RequestFailed, Servers
from simulation.group import Group
from simulation.history import (
    ITEM_PARTITIONS,
    LAST_AFTER_S,
    PARTITIONS,
    USERS,
    Expected,
    Spot,
    integer_rows,
    new_history,
    settled,
    undisturbed,
)
from simulation.kafka import Kafka
from simulation.member import DELTAS, INPUTS, KEYS, TOPICS, Member
from simulation.redis import RedisServer
from simulation.steps import KILLER, POISON, TALLY, Poisoned
from simulation.world import Process, World, current_process
from streams.dead_letters import DeadLetter
from streams.events import Reason
from streams.partitioning import partition_of

TICK_S = 0.4
LOAD_S = 1.2
GIVE_UP_S = 60.0
SLEEP_S = 2.6  # longer than a session, and than its heir needs
RESTART_S = 0.3
CLEARED_AFTER_RECORDS = 7
SMALL_BATCH_RECORDS = 2
HARMLESS_ENDS = 3  # kills of the same batch that never make a dead letter of an innocent record


@dataclass(frozen=True)
class Plan:
    """What happens to one schedule. Faults are (second, kind); `kill_at` and `sleep_at` number events of the world."""

    records: int = 24
    workers: int = 2
    poison: bytes | None = None
    drop_share: float = 0.0
    faults: tuple[tuple[float, str], ...] = ()
    kill_at: tuple[int, ...] = ()
    sleep_at: tuple[int, ...] = ()


FAULTS = ("kill", "kill", "freeze", "freeze", "storm", "storm", "wipe", "failover", "redis away", "request fails")


def plan_of(draw: random.Random) -> Plan:
    """A random plan; a third of all plans has poison, a third drops records."""
    faults = [(draw.uniform(0.1, LOAD_S + 0.3), draw.choice(FAULTS)) for _ in range(draw.randint(1, 5))]
    return Plan(
        records=draw.randint(8, 28),
        poison=draw.choice((None, None, None, None, POISON, KILLER)),
        drop_share=draw.choice((0.0, 0.0, 0.06)),
        faults=tuple(sorted(faults)),
    )


@dataclass
class Outcome:
    """What a schedule came to: events of the world, and how processes ended."""

    events: int
    ends: Counter[str] = field(default_factory=Counter)


class Schedule:
    """One run. Everything random comes from `seed`."""

    def __init__(self, seed: int | str, plan: Plan) -> None:
        self.plan = plan
        self.world = World(seed)
        self.kafka = Kafka(self.world)
        self.redis = RedisServer(self._on_list, self._on_marker)
        self.group = Group(self.world, [*INPUTS, *DELTAS])
        self.servers = Servers(self.kafka)
        self.members: dict[str, Member] = {}
        self.ends: Counter[str] = Counter()
        history = new_history(self.world.random, plan.records, LOAD_S, plan.poison)
        self._input: list[list[ConsumerRecord]] = [[] for _ in range(PARTITIONS)]
        for record in history:
            log = self._input[record.partition]
            tp = INPUTS[record.partition]
            log.append(ConsumerRecord(*tp, len(log), record.append_ms, 1, record.key, record.value, None, 0, 0, ()))
            self.world.at(record.at_s, self.kafka.publish, tp, record.key, record.value, record.append_ms)
        fatal = {
            (partition, record.offset)
            for partition, log in enumerate(self._input)
            for record in log
            if record.value in (POISON, KILLER)
        }
        self._fatal = fatal
        self.expected = undisturbed(self._input, fatal)

    # -- running --------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Runs to the end and checks it. Raises AssertionError with what is wrong."""
        with self._in_place():
            for number in range(self.plan.workers):
                self._start(f"worker {number}")
            for at_s, kind in self.plan.faults:
                self.world.at(at_s, self._fault, kind)
            for number in self.plan.kill_at:
                self.world.kill_at[number] = self._kill_any
            for number in self.plan.sleep_at:
                self.world.kill_at[number] = lambda: self._freeze_any(SLEEP_S)
            try:
                settled = self.world.run(GIVE_UP_S, self._settled)
            finally:
                self.world.close()
        if not settled:
            raise AssertionError(f"not settled after {GIVE_UP_S:.0f} s: {self._unsettled()}; ends: {dict(self.ends)}")
        self._check()
        return Outcome(self.world.events, self.ends)

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        for stand_in in (Producer, Consumer, Admin):
            stand_in.servers = self.servers  # type: ignore[attr-defined]
        with (
            patch("agents.delivery.producer.AIOKafkaProducer", clients.Producer),
            patch("agents.delivery.ownership.AIOKafkaAdminClient", clients.Admin),
            patch("streams.bulk_read.AIOKafkaConsumer", clients.Consumer),
            patch("agents.delivery.partition_task.die", _die),
            patch.object(PartitionTask, "TICK_S", TICK_S),
            patch("agents.delivery.quarantine.CLEARED_AFTER_RECORDS", CLEARED_AFTER_RECORDS),
            patch("agents.delivery.quarantine.SMALL_BATCH_RECORDS", SMALL_BATCH_RECORDS),
            patch("agents.delivery.partition_task.SMALL_BATCH_RECORDS", SMALL_BATCH_RECORDS),
        ):
            yield

    def _start(self, name: str) -> None:
        process = Process(self.world, name)
        member = Member(process, self.kafka, self.redis, self.group, self._drop_share)
        self.members[name] = member
        self._watch(member)
        member.start()

    def _drop_share(self) -> float:
        return self.plan.drop_share if self.world.now < LOAD_S else 0.0

    def _watch(self, member: Member) -> None:
        """The supervisor: restarts what ended."""
        process = member.process
        if process.alive:
            self.world.after(RESTART_S, self._watch, member)
            return
        if process.exit is not None:
            self._judge_end(member)
        self.world.after(RESTART_S * self.world.random.random(), self._start, process.name)

    def _judge_end(self, member: Member) -> None:
        assert member.process.exit is not None
        error = member.process.exit[1]
        self.ends[type(error).__name__] += 1
        if isinstance(error, RecordsMissing):
            accepted = member.ownership._generation
            assert accepted in member.dropped, f"nothing was dropped in generation {accepted}: {error}"
        elif not isinstance(error, ProducerFenced | RequestFailed | Poisoned | MemoryError):
            raise AssertionError(f"a process ended unexpectedly: {error!r}") from error

    # -- faults ---------------------------------------------------------------------------------------------------

    def _any_process(self) -> Process | None:
        able = [member.process for member in self.members.values() if member.process.may_run()]
        return self.world.random.choice(able) if able else None

    def _kill_any(self) -> None:
        process = self._any_process()
        if process is not None:
            process.kill()
            self.ends["kill -9"] += 1

    def _freeze_any(self, seconds: float) -> None:
        process = self._any_process()
        if process is not None:
            process.freeze()
            self.world.after(seconds, process.thaw)

    def _fault(self, kind: str) -> None:
        draw = self.world.random
        if kind == "kill":
            self._kill_any()
        elif kind == "freeze":
            self._freeze_any(draw.choice((0.3, 1.8, SLEEP_S)))
        elif kind == "storm":
            self.group.rebalance()
            self.world.after(draw.uniform(0.0, 0.6), self.group.rebalance)
        elif kind == "wipe":
            self.redis.fall_back(0)
        elif kind == "failover":
            self.redis.fall_back(draw.randint(0, self.redis.writes))
        elif kind == "redis away":
            self.redis.away = True
            self.world.after(draw.uniform(0.1, 1.0), setattr, self.redis, "away", False)
        else:
            self.servers.failures += 1
            self.servers.failure_share = 0.3

    # -- what must hold all the time ------------------------------------------------------------------------------

    def _on_list(self, key: str, value: bytes) -> None:
        user = key.split("{u:")[1].split("}")[0]
        prefix = read_prefix(value)
        content = header_bytes(value, prefix)
        expected = self.expected.contents.get((user, prefix.offset))
        assert content == expected, f"list of {user} as of {prefix.offset}: {content!r}, not {expected!r}"

    def _on_marker(self, key: str, position: int) -> None:
        partition = int(key.rsplit(":", 1)[1])
        end = len(self.kafka.logs[INPUTS[partition]].entries)  # who woke up late may move it back behind a purge
        for user in USERS:
            if partition_of(user.encode(), PARTITIONS) != partition:
                continue
            due = max((offset for offset in self.expected.offsets.get(user, ()) if offset < position), default=-1)
            if due >= 0 and self.expected.idle(user, due, end):
                continue
            assert due <= self._listed(user), f"marker {position} of {partition}, but {user} has an older list"

    def _listed(self, user: str) -> int:
        value = self.redis.data.get(KEYS.user_list(user))
        return -1 if value is None else read_prefix(value).offset

    # -- the end --------------------------------------------------------------------------------------------------

    def _settled(self) -> bool:
        return self.world.now > LOAD_S + LAST_AFTER_S and self._unsettled() is None

    def _unsettled(self) -> str | None:
        """What is still under way; None when nothing is."""
        kafka = self.kafka
        if kafka.busy or any(state.current is not None for state in kafka.ids.values()):
            return "a transaction is open"
        for tp in (*INPUTS, *DELTAS):
            if kafka.logs[tp].read(kafka.committed.get(tp, 0), 1)[0]:
                return f"{tp} is not read"
        for user, offsets in self.expected.offsets.items():
            end = len(self._input[partition_of(user.encode(), PARTITIONS)])
            if self._listed(user) != offsets[-1] and not self.expected.idle(user, offsets[-1], end):
                return f"the list of {user} is not right"
        for tp in INPUTS:
            marker = self.redis.data.get(KEYS.written(tp.partition))
            if kafka.logs[tp].entries and marker != b"%d" % kafka.committed[tp]:
                return f"the marker of {tp} is {marker!r}"
        return None

    def _check(self) -> None:
        quarantined = self._check_letters()
        expected = self.expected if quarantined == self._fatal else undisturbed(self._input, quarantined)
        for partition, tp in enumerate(INPUTS):
            self._check_users(expected, partition, self._committed_rows(TOPICS.user_changelog, tp))
        self._check_items(expected)
        assert not any(log.open for log in self.kafka.logs.values())

    def _committed_rows(self, topic: str, source: TopicPartition) -> dict[bytes, bytes]:
        rows = self.kafka.table(TopicPartition(topic, source.partition))
        position = rows.pop(POSITION_KEY, None)
        committed = self.kafka.committed.get(source)
        assert (position and struct.unpack(">q", position)[0]) == committed, f"{source}: {position!r}, not {committed}"
        return rows

    def _check_letters(self) -> set[Spot]:
        found: dict[Spot, Reason] = {}
        for partition in range(PARTITIONS):
            log = self.kafka.logs[TopicPartition(TOPICS.dead_letters, partition)]
            for record in log.read(0, 1 << 30)[0]:
                letter = DeadLetter.from_record(record.key, record.value, record.headers)
                assert letter.topic == TOPICS.interactions, f"{letter.topic} has a dead letter: {letter.detail}"
                spot = letter.partition, letter.offset
                assert spot not in found, f"two dead letters of {spot}"
                found[spot] = letter.reason
        quarantined = {spot for spot, reason in found.items() if reason is Reason.FOLD_FAILED}
        assert self._fatal <= quarantined, f"{self._fatal - quarantined} should be dead letters"
        innocent = quarantined - self._fatal
        disturbed = self.ends.total() - self.ends["Poisoned"] - self.ends["MemoryError"]
        assert not innocent or disturbed > HARMLESS_ENDS, f"{innocent} became dead letters"
        assert {spot: why for spot, why in found.items() if spot not in innocent} == {
            spot: why for spot, why in self.expected.letters.items() if spot not in innocent
        }
        return quarantined

    def _check_users(self, expected: Expected, partition: int, rows: dict[bytes, bytes]) -> None:
        tally = {key[1:]: tuple(msgspec.json.decode(row)) for key, row in rows.items() if key[:1] == TALLY}
        assert tally == expected.tallies[partition], "folds of input records"
        found = settled(partition, {key: row for key, row in rows.items() if key[:1] != TALLY})
        assert found == expected.rows[partition], "user rows"

    def _check_items(self, expected: Expected) -> None:
        assert ITEM_PARTITIONS == 1
        rows = self._committed_rows(TOPICS.item_model, DELTAS[0])
        tally = {key[1:]: tuple(msgspec.json.decode(row)) for key, row in rows.items() if key[:1] == TALLY}
        assert tally == {key: visits for key, visits in expected.visits.items() if visits[0]}, "folds of deltas"
        assert integer_rows(rows, expected.horizon_hour) == expected.item_rows, "item rows"


def _die(what: str, error: BaseException, code: int = 70) -> Any:
    assert what
    current_process().end(error, code)


def run_seed(seed: int) -> Outcome:
    """One random schedule."""
    return Schedule(seed, plan_of(random.Random(f"plan {seed}"))).run()


def with_kills(plan: Plan, *events: int) -> Plan:
    """The plan with kill -9 right before events of the world."""
    return replace(plan, kill_at=events)


def with_sleep(plan: Plan, *events: int) -> Plan:
    """The plan with SIGSTOP right before events of the world, until others own what the sleeper owned."""
    return replace(plan, sleep_at=events)
