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

from agents.delivery.commit_pace import CommitPace
from agents.delivery.log_check import LogCheck
from agents.delivery.partition_task import PartitionTask, RecordsMissing
from agents.delivery.table import POSITION_KEY
from agents.training.ranker import EXAMPLES_PARTITION
from serving.list_format import header_bytes, read_prefix
from serving.write_order import WrittenPosition
from simulation import clients, learning
from simulation.clients import Admin, Consumer, Producer, RequestFailed, Servers
from simulation.group import Group
from simulation.history import (
    ITEM_PARTITIONS,
    LAST_AFTER_S,
    LIMITS,
    PARTITIONS,
    START_MS,
    USERS,
    Expected,
    Spot,
    integer_rows,
    new_history,
    note_erasures,
    settled,
    undisturbed,
)
from simulation.kafka import Kafka
from simulation.member import (
    COMMIT_MAX_RECORDS,
    DELTAS,
    ERASURES,
    EXAMPLES,
    INPUTS,
    KEYS,
    SMALL_ROUND,
    TOPICS,
    Member,
)
from simulation.redis import RedisServer
from simulation.steps import KILLER, NOTHING_SAID, POISON, TALLY, Poisoned, content_of
from simulation.world import Process, World, current_process
from streams.contract.dead_letters import DeadLetter
from streams.contract.erasure import ErasureMarker
from streams.contract.events import Reason
from streams.contract.partitioning import partition_of
from tables import user_keys
from tables.user_plane import UserPlane

TICK_S = 0.4
LOAD_S = 1.2
GIVE_UP_S = 60.0
SLEEP_S = 2.6  # longer than a session, and than its next owner needs
RESTART_S = 0.3
REFUSED_SHARE = 0.7  # of the writes of a Redis that is full now and then
CLEARED_AFTER_RECORDS = 7
SMALL_BATCH_RECORDS = 2
#: How long events may wait before a partition is overloaded; here they come from the future.
NEVER, ALWAYS = 0, -(10**12)
WITHOUT_EVENTS = b"0:0:"  # what a list of somebody with a profile only says of their row
HARMLESS_ENDS = 3  # kills of the same batch that never make a dead letter of an innocent record


@dataclass(frozen=True)
class Plan:
    """What happens to one schedule. Faults are (second, kind), erasures (second, user); `kill_at` and `sleep_at` number
    events of the world, `commit_every_s` is the pace of commits; `overloaded` partitions are so while they fold.
    `examples` are for the ranker, none = nobody reads theirs."""

    records: int = 24
    examples: int = 0
    workers: int = 2
    poison: bytes | None = None
    drop_share: float = 0.0
    faults: tuple[tuple[float, str], ...] = ()
    erasures: tuple[tuple[float, str], ...] = ()
    kill_at: tuple[int, ...] = ()
    sleep_at: tuple[int, ...] = ()
    commit_every_s: float = 0.5  # of a busy partition of interactions; longer than most batches take
    overloaded: bool = False


FAULTS = (
    *("kill", "kill", "freeze", "freeze", "storm", "storm", "wipe", "failover", "redis away", "request fails"),
    *("clock", "clock", "profile", "profile", "profile", "redis full"),
)
HOUR_MS = 3_600_000
COUNTRIES = ("NL", "DE", "BR", "JP", "ZA", "FR")


def plan_of(draw: random.Random) -> Plan:
    """A random plan; a third of all plans has poison, a third drops records, a quarter erases users."""
    faults = [(draw.uniform(0.1, LOAD_S + 0.3), draw.choice(FAULTS)) for _ in range(draw.randint(1, 5))]
    return Plan(
        records=draw.randint(8, 28),
        poison=draw.choice((None, None, None, None, POISON, KILLER)),
        drop_share=draw.choice((0.0, 0.0, 0.06)),
        faults=tuple(sorted(faults)),
        erasures=tuple((draw.uniform(0.2, LOAD_S), draw.choice(USERS)) for _ in range(draw.choice((0, 0, 0, 2)))),
        examples=draw.choice((0, 0, 0, 8)),
        commit_every_s=draw.choice((0.0, 0.25, 0.5, 0.5, 1.5)),
        overloaded=draw.random() < 0.3,
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
        self.redis = RedisServer(self._on_list, self._on_written_position)
        self._sources = [*INPUTS, *DELTAS, *(EXAMPLES if plan.examples else ())]
        self.group = Group(self.world, self._sources)
        for number in range(plan.examples):
            at_s = (number + 0.5) / plan.examples * LOAD_S
            self.world.at(at_s, self.kafka.publish, EXAMPLES[0], None, learning.example(number), START_MS)
        self.servers = Servers(self.kafka)
        self.members: dict[str, Member] = {}
        self.ends: Counter[str] = Counter()
        self._unlearned: set[int] = set()  # examples that became dead letters, because processes ended too often
        self._said: dict[str, str] = {}  # user -> country of the last profile
        history = new_history(self.world.random, plan.records, LOAD_S, plan.poison)
        self._input: list[list[ConsumerRecord]] = [[] for _ in range(PARTITIONS)]
        for record in history:
            log = self._input[record.partition]
            tp = INPUTS[record.partition]
            log.append(
                ConsumerRecord(*tp, len(log), record.append_ms, 1, record.key, record.value, None, 0, 0, record.headers)
            )
            self.world.at(
                record.at_s, self.kafka.publish, tp, record.key, record.value, record.append_ms, record.headers
            )
        fatal = {
            (partition, record.offset)
            for partition, log in enumerate(self._input)
            for record in log
            if record.value in (POISON, KILLER)
        }
        self._fatal = fatal
        self.expected = undisturbed(self._input, fatal)
        self._erased = {user: 0 for _, user in plan.erasures}  # user -> offset before which nothing is folded
        note_erasures(self.expected, self._input, self._erased)

    # -- running --------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Runs to the end and checks it. Raises AssertionError with what is wrong."""
        with self._in_place():
            for number in range(self.plan.workers):
                self._start(f"worker {number}")
            for at_s, kind in self.plan.faults:
                self.world.at(at_s, self._fault, kind)
            for at_s, user in self.plan.erasures:
                self.world.at(at_s, self._erase, user)
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
            patch("streams.kafka.clients.producer", clients.Producer),
            patch("streams.kafka.clients.admin", clients.Admin),
            patch("streams.kafka.clients.consumer", clients.Consumer),
            patch("agents.delivery.partition_task.die", _die),
            patch.object(PartitionTask, "TICK_S", TICK_S),
            patch.object(PartitionTask, "SMALL_ROUND", SMALL_ROUND),
            patch("agents.training.ranker.COMMIT_S", learning.COMMIT_S),
            patch("ranking.learner.ROUND", learning.ROUND),
            patch("agents.delivery.crash_marks.CLEARED_AFTER_RECORDS", CLEARED_AFTER_RECORDS),
            patch("agents.delivery.crash_marks.SMALL_BATCH_RECORDS", SMALL_BATCH_RECORDS),
            patch("agents.delivery.quarantine.SMALL_BATCH_RECORDS", SMALL_BATCH_RECORDS),
        ):
            yield

    def _start(self, name: str) -> None:
        process = Process(self.world, name)
        said = {user: _profile(user, country) for user, country in self._said.items()}
        member = Member(
            process,
            self.kafka,
            self.redis,
            self.group,
            self._drop_share,
            said,
            self._log_check(),
            self._pace,
            ALWAYS if self.plan.overloaded else NEVER,
        )
        self.members[name] = member
        self._watch(member)
        member.start()

    def _log_check(self) -> LogCheck | None:
        """What a process compares logs with rows by; logs do not change here."""
        return None

    def _pace(self) -> CommitPace:
        return CommitPace(self.plan.commit_every_s, COMMIT_MAX_RECORDS, lambda: self.world.now)

    def _drop_share(self) -> float:
        return self.plan.drop_share if self.world.now < LOAD_S else 0.0

    def _watch(self, member: Member) -> None:
        """The supervisor: restarts what ended."""
        process = member.process
        if process.alive:
            self.world.after(RESTART_S, self._watch, member)
            return
        if process.exit is not None:
            self._check_end(member)
        self.world.after(RESTART_S * self.world.random.random(), self._start, process.name)

    def _check_end(self, member: Member) -> None:
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
        elif kind == "redis full":
            self.redis.refuses = lambda: draw.random() < REFUSED_SHARE
            self.world.after(draw.uniform(0.1, 1.0), setattr, self.redis, "refuses", lambda: False)
        elif kind == "clock":
            self._step_clock()
        elif kind == "profile":
            self._say_something(draw.choice(USERS))
        else:
            self.servers.failures += 1
            self.servers.failure_share = 0.3

    def _step_clock(self) -> None:
        """The wall clock of one process jumps by an hour, and perhaps back. Then people say something: what was written
        meanwhile bears times to come."""
        draw = self.world.random
        member = draw.choice(list(self.members.values()))
        member.clock_ahead_ms += draw.choice((HOUR_MS, -HOUR_MS))
        if draw.random() < 0.7:
            back_s = draw.uniform(0.1, 1.6)
            self.world.after(back_s, setattr, member, "clock_ahead_ms", 0)
            for user in draw.sample(USERS, len(USERS) // 2):
                self.world.after(back_s + draw.random(), self._say_something, user)

    def _say_something(self, user: str) -> None:
        """A user's profile changes, and every process hears of it soon."""
        self._said[user] = self.world.random.choice(COUNTRIES)
        for member in self.members.values():
            self.world.after(self.world.latency_s(), self._tell, member, user)

    def _tell(self, member: Member, user: str) -> None:
        """Says what is said by now: a compacted topic is read in order, and the last word is heard last."""
        if member.process.frozen:
            self.world.after(0.1, self._tell, member, user)
        elif member.process.alive:
            member.hear(user, _profile(user, self._said[user]))

    def _erase(self, user: str) -> None:
        """As `freshet erase` does, once its first marker is acknowledged."""
        partition = partition_of(user.encode(), PARTITIONS)
        end = self._erased[user] = len(self.kafka.logs[INPUTS[partition]].entries)
        marker = ErasureMarker(user, START_MS, end)
        self.kafka.publish(ERASURES[partition], user.encode(), marker.encode(), START_MS)

    # -- what must hold all the time ------------------------------------------------------------------------------

    def _on_list(self, key: str, value: bytes) -> None:
        user = key.split("{u:")[1].split("}")[0]
        prefix = read_prefix(value)
        content = header_bytes(value, prefix).rpartition(b"|")[0]
        expected = {self.expected.contents.get((user, prefix.offset))}
        if content == WITHOUT_EVENTS and (user in self._erased or self._has_no_row(user, prefix.offset)):
            return
        if user in self._erased:
            expected |= set(self.expected.after_erasure[user, prefix.offset].values())
        assert content in expected, f"list of {user} as of {prefix.offset}: {content!r}, not in {expected!r}"

    def _has_no_row(self, user: str, offset: int) -> bool:
        """Whether nothing of the user is folded up to an offset, or not any more."""
        last = max((own for own in self.expected.offsets.get(user, ()) if own <= offset), default=-1)
        end = len(self.kafka.logs[INPUTS[partition_of(user.encode(), PARTITIONS)]].entries)
        return last < 0 or self.expected.idle(user, last, end)

    def _on_written_position(self, key: str, position: int) -> None:
        partition = int(key.rsplit(":", 1)[1])
        end = len(self.kafka.logs[INPUTS[partition]].entries)  # who woke up late may move it back behind a purge
        for user in USERS:
            if partition_of(user.encode(), PARTITIONS) != partition or user in self._erased:
                continue
            due = max((offset for offset in self.expected.offsets.get(user, ()) if offset < position), default=-1)
            if due >= 0 and self.expected.idle(user, due, end):
                continue
            assert due <= self._listed(user), f"marker {position} of {partition}, but {user} has an older list"

    def _listed(self, user: str) -> int:
        value = self.redis.data.get(KEYS.user_list(user))
        return -1 if value is None else read_prefix(value).offset

    def _shown_to(self, user: str) -> str:
        """Of what profile the user's list was made."""
        value = self.redis.data.get(KEYS.user_list(user), b"")
        return header_bytes(value, read_prefix(value)).rpartition(b"|")[2].decode() if value else NOTHING_SAID

    # -- the end --------------------------------------------------------------------------------------------------

    def _settled(self) -> bool:
        return self.world.now > LOAD_S + LAST_AFTER_S and self._unsettled() is None

    def _unsettled(self) -> str | None:
        """What is still under way; None when nothing is."""
        kafka = self.kafka
        if kafka.busy or any(state.current is not None for state in kafka.ids.values()):
            return "a transaction is open"
        for tp in self._sources:
            if kafka.logs[tp].read(kafka.committed.get(tp, 0), 1)[0]:
                return f"{tp} is not read"
        for user, offsets in self.expected.offsets.items():
            if user in self._erased:
                continue
            end = len(self._input[partition_of(user.encode(), PARTITIONS)])
            if self._listed(user) != offsets[-1]:
                if not self.expected.idle(user, offsets[-1], end):
                    return f"the list of {user} is not right"
                if self._listed(user) < 0:
                    continue  # purged: nobody has a list of whom nothing is kept
            if self._shown_to(user) != self._said.get(user, NOTHING_SAID):
                return f"the list of {user} is not made of what they said last"
        for tp in INPUTS:
            marker = self.redis.data.get(KEYS.written(tp.partition))
            if kafka.logs[tp].entries and (
                not marker or WrittenPosition.decode(marker).position != kafka.committed[tp]
            ):
                return f"the marker of {tp} is {marker!r}"
        return next(filter(None, map(self._not_forgotten, self._erased)), None)

    def _not_forgotten(self, user: str) -> str | None:
        """What is not yet as it must be for an erased user: carried out, and in Redis what the rows say, or nothing."""
        partition = partition_of(user.encode(), PARTITIONS)
        rows = self.kafka.table(TopicPartition(TOPICS.user_changelog, partition))
        plane = UserPlane(partition, PARTITIONS, rows, LIMITS)
        if plane.erasures_applied < len(self.kafka.logs[ERASURES[partition]].entries):
            return f"the erasure of {user} is not carried out"
        if user not in plane:
            held = [key for key in KEYS.of_user(user) if key in self.redis.data]
            alone = {KEYS.user_list(user), KEYS.audience(user)}  # of somebody with a profile, which is another matter
            if (
                user in self._said
                and alone.issuperset(held)
                and self._content_in(KEYS.user_list(user)) in (WITHOUT_EVENTS, None)
            ):
                return None
            return f"Redis holds {held} of {user}, who is forgotten" if held else None
        found = plane.view(user)
        if found is None:
            return None  # idle
        offset = found.row.last_offset
        content = self.expected.after_erasure[user, offset]
        late = {text for start, text in content.items() if start >= self._erased[user]}
        assert content_of(found) in late, f"{user} is remembered from before the erasure: {content_of(found)!r}"
        listed = self._content_in(KEYS.user_list(user))
        return None if listed == content_of(found) else f"the list of {user}, who came back, says {listed!r}"

    def _content_in(self, key: str) -> bytes | None:
        value = self.redis.data.get(key)
        return None if value is None else header_bytes(value, read_prefix(value)).rpartition(b"|")[0]

    def _check(self) -> None:
        quarantined = self._check_letters()
        expected = self.expected if quarantined == self._fatal else undisturbed(self._input, quarantined)
        for partition, tp in enumerate(INPUTS):
            self._check_users(expected, partition, self._committed_rows(TOPICS.user_changelog, tp))
        if not self._erased:  # what items learned before an erasure depends on when it was heard of
            self._check_items(expected)
        if self.plan.examples:
            rows = self._committed_rows(TOPICS.ranker_weights, EXAMPLES[0])
            assert rows == learning.learned(self.kafka, TOPICS.ranker_examples, self._unlearned), "what was learned"
        assert not any(log.open for log in self.kafka.logs.values())

    def _committed_rows(self, topic: str, source: TopicPartition) -> dict[bytes, bytes]:
        rows = self.kafka.table(TopicPartition(topic, source.partition))
        position = rows.pop(POSITION_KEY, None)
        committed = self.kafka.committed.get(source)
        found = struct.unpack(">qq", position)[0] if position else None
        assert (found or None) == committed, f"{source}: {position!r}, not {committed}"
        return rows

    def _check_letters(self) -> set[Spot]:
        found: dict[Spot, Reason] = {}
        for partition in range(PARTITIONS):
            log = self.kafka.logs[TopicPartition(TOPICS.dead_letters, partition)]
            for record in log.read(0, 1 << 30)[0]:
                dead_letter = DeadLetter.from_record(record.key, record.value, record.headers)
                if dead_letter.topic == TOPICS.ranker_examples and dead_letter.reason is Reason.FOLD_FAILED:
                    assert dead_letter.offset not in self._unlearned, (
                        f"two dead letters of example {dead_letter.offset}"
                    )
                    self._unlearned.add(dead_letter.offset)
                    continue
                assert dead_letter.topic == TOPICS.interactions, (
                    f"{dead_letter.topic} has a dead letter: {dead_letter.detail}"
                )
                spot = dead_letter.partition, dead_letter.offset
                assert spot not in found, f"two dead letters of {spot}"
                found[spot] = dead_letter.reason
        quarantined = {spot for spot, reason in found.items() if reason is Reason.FOLD_FAILED}
        quarantined |= {spot for spot in self._fatal if found.get(spot) is Reason.ERASED}
        assert self._fatal <= quarantined, f"{self._fatal - quarantined} should be dead letters"
        innocent = quarantined - self._fatal
        disturbed = self.ends.total() - self.ends["Poisoned"] - self.ends["MemoryError"]
        unlucky = innocent | {(EXAMPLES_PARTITION, offset) for offset in self._unlearned}
        assert not unlucky or disturbed > HARMLESS_ENDS, f"{unlucky} became dead letters"
        innocent |= {spot for spot, reason in found.items() if reason is Reason.ERASED and self._erased}
        assert {spot: why for spot, why in found.items() if spot not in innocent} == {
            spot: why for spot, why in self.expected.dead_letters.items() if spot not in innocent
        }
        return quarantined

    def _check_users(self, expected: Expected, partition: int, rows: dict[bytes, bytes]) -> None:
        tally = {key[1:]: tuple(msgspec.json.decode(row)) for key, row in rows.items() if key[:1] == TALLY}
        assert tally == expected.tallies[partition], "folds of input records"
        found = settled(partition, {key: row for key, row in rows.items() if key[:1] != TALLY})
        assert self._comparable(found) == self._comparable(expected.rows[partition]), "user rows"
        counts = [UserPlane(partition, PARTITIONS, dict(these), LIMITS) for these in (found, expected.rows[partition])]
        if self._erased:  # nothing goes uncounted
            folded, wanted = (sum(plane.totals()) + plane.erased + plane.too_old for plane in counts)
            assert folded == wanted, f"{folded} events are counted in partition {partition}, not {wanted}"

    def _comparable(self, rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
        """The rows whose content does not depend on when an erasure was heard of."""
        if not self._erased:
            return rows
        names = {user.encode() for user in self._erased}
        return {
            key: row for key, row in rows.items() if key != user_keys.PARTITION and names.isdisjoint((key[1:], key[5:]))
        }

    def _check_items(self, expected: Expected) -> None:
        assert ITEM_PARTITIONS == 1
        rows = self._committed_rows(TOPICS.item_model, DELTAS[0])
        tally = {key[1:]: tuple(msgspec.json.decode(row)) for key, row in rows.items() if key[:1] == TALLY}
        assert tally == {key: visits for key, visits in expected.visits.items() if visits[0]}, "folds of deltas"
        assert integer_rows(rows, expected.horizon_hour) == expected.item_rows, "item rows"


def _die(what: str, error: BaseException, code: int = 70) -> Any:
    assert what
    current_process().end(error, code)


def _profile(user: str, country: str) -> bytes:
    return f'{{"user_id":"{user}","country":"{country}"}}'.encode()


def run_seed(seed: int) -> Outcome:
    """One random schedule."""
    return Schedule(seed, plan_of(random.Random(f"plan {seed}"))).run()


def with_kills(plan: Plan, *events: int) -> Plan:
    """The plan with kill -9 right before events of the world."""
    return replace(plan, kill_at=events)


def with_sleep(plan: Plan, *events: int) -> Plan:
    """The plan with SIGSTOP right before events of the world, until others own what the zombie owned."""
    return replace(plan, sleep_at=events)
