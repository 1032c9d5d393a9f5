"""Schedules in which a log of interactions loses its end, as by an unclean election; other records take the offsets.

Who had folded what is gone must say so and end with the code for it, for good; nobody folds on there, and what was
folded stays what it was. Where nothing was lost that rows contain, everything is folded to the end.
"""

import random
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.log_check import LogChanged, LogCheck
from agents.delivery.ownership import StateBehindOffsets
from agents.delivery.process_exit import EXIT_LOG
from agents.delivery.table import POSITION_KEY
from simulation.history import PARTITIONS, settled, undisturbed
from simulation.member import INPUTS, TOPICS, Member
from simulation.schedule import FAULTS, LOAD_S, Plan, Schedule
from simulation.steps import TALLY
from simulation.world import current_process
from streams.kafka.log_position import LogNow, LogPosition
from streams.kafka.log_state import TopicFacts

#: Long after the end of the load: whoever is to notice has had the time to.
QUIET_S = 8.0


class CutOff(Schedule):
    """One partition loses its last records at `at_s`."""

    def __init__(self, seed: int | str, plan: Plan, at_s: float) -> None:
        super().__init__(seed, plan)
        self.lost = self.kept = 0  # of the partition: where its log ended, and where it was cut
        self.tp = self.world.random.choice(INPUTS)
        self.former: list[ConsumerRecord] = []
        self.named = 0
        self.world.at(at_s, self._cut_off)

    def _cut_off(self) -> None:
        log = self.kafka.logs[self.tp]
        self.former = [entry.record for entry in log.entries if entry.record is not None]
        self.lost = len(log.entries)
        self.kept = self.world.random.randint(0, self.lost)
        log.cut_off(self.kept)

    # -- what processes ask ---------------------------------------------------------------------------------------

    def _log_check(self) -> LogCheck:
        return LogCheck("nowhere", (TOPICS.deltas, TOPICS.ranker_examples), {})

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        async def read_logs(_: Any, places: Mapping[TopicPartition, LogPosition]) -> dict[TopicPartition, LogNow]:
            answer: dict[TopicPartition, LogNow] = await current_process().call("logs", self._now, places)
            return answer

        async def read_topics_facts(_: Any, topics: set[str]) -> dict[str, TopicFacts]:
            return {topic: TopicFacts(f"id of {topic}", PARTITIONS) for topic in topics}

        with (
            super()._in_place(),
            patch("agents.delivery.log_check.read_logs", read_logs),
            patch("agents.delivery.log_check.read_topics_facts", read_topics_facts),
        ):
            yield

    def _now(self, places: Mapping[TopicPartition, LogPosition]) -> dict[TopicPartition, LogNow]:
        logs = self.kafka.logs
        return {
            tp: LogNow(
                f"id of {tp.topic}",
                logs[tp].stable_end,
                logs[tp].epoch_end(place.leader_epoch) if place.leader_epoch >= 0 else None,
            )
            for tp, place in places.items()
        }

    # -- what must hold -------------------------------------------------------------------------------------------

    def _check_end(self, member: Member) -> None:
        assert member.process.exit is not None
        code, error = member.process.exit
        if not isinstance(error, LogChanged | StateBehindOffsets):
            super()._check_end(member)
            return
        assert code == EXIT_LOG
        assert f"{self.tp.topic}:{self.tp.partition} is not the log" in str(error), error
        assert "freshet replay" in str(error)
        assert self.kept < self.lost, "nothing was lost"
        self.ends["LogChanged"] += 1
        self.named += 1

    def _on_list(self, key: str, value: bytes) -> None:
        """Lists are evaluated where logs are whole."""

    def _on_written_position(self, key: str, position: int) -> None:
        """As lists."""

    def _position(self, tp: TopicPartition) -> int:
        position = self.kafka.table(TopicPartition(TOPICS.user_changelog, tp.partition)).get(POSITION_KEY)
        return 0 if position is None else int(struct.unpack(">qq", position)[0])

    def _is_lost(self) -> bool:
        """Whether rows contain what the log does not hold any more."""
        return self.kept < self._reached()

    def _reached(self) -> int:
        return self._position(self.tp) if self._epoch_of_rows() == 0 else 0

    def _epoch_of_rows(self) -> int:
        for record in reversed(
            self.kafka.logs[TopicPartition(TOPICS.user_changelog, self.tp.partition)].read(0, 1 << 30)[0]
        ):
            if record.key == POSITION_KEY:
                mark = msgspec.json.decode(dict(record.headers)["freshet.logs"])
                return int(mark.get("leader_epoch", -1))
        return -1

    def _settled(self) -> bool:
        if self.world.now < LOAD_S + QUIET_S:
            return False
        if any(state.current is not None for state in self.kafka.ids.values()) or self.kafka.busy:
            return False
        if self._is_lost():
            return self.named > 0
        return all(not self.kafka.logs[tp].read(self.kafka.committed.get(tp, 0), 1)[0] for tp in INPUTS)

    def _check(self) -> None:
        is_lost = self._is_lost()
        logs = [[entry.record for entry in self.kafka.logs[tp].entries if entry.record is not None] for tp in INPUTS]
        if is_lost:
            logs[self.tp.partition] = self.former
        folded = [log[: self._position(tp)] for tp, log in zip(INPUTS, logs, strict=True)]
        if not is_lost:
            assert [len(log) for log in folded] == [len(log) for log in logs], "something was left out"
        expected = undisturbed(folded)
        for partition in range(PARTITIONS):
            table = self.kafka.table(TopicPartition(TOPICS.user_changelog, partition))
            rows = {key: row for key, row in table.items() if key != POSITION_KEY}
            tally = {key[1:]: tuple(msgspec.json.decode(row)) for key, row in rows.items() if key[:1] == TALLY}
            assert tally == expected.tallies[partition], f"folds of partition {partition}"
            found = settled(partition, {key: row for key, row in rows.items() if key[:1] != TALLY})
            assert found == expected.rows[partition], f"rows of partition {partition}"


def run_cut_off(seed: int) -> CutOff:
    """One schedule with other faults around the cut."""
    draw = random.Random(f"cut off {seed}")
    kinds = [kind for kind in FAULTS if kind not in ("profile", "clock")]
    faults = tuple(sorted((draw.uniform(0.1, LOAD_S + 0.3), draw.choice(kinds)) for _ in range(draw.randint(0, 3))))
    schedule = CutOff(
        f"cut off {seed}", Plan(records=draw.randint(8, 28), faults=faults), draw.uniform(0.1, LOAD_S + 0.5)
    )
    schedule.run()
    return schedule
