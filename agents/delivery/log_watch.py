"""Looks every few seconds whether the topics are still those that this worker began with.

Kafka's clients do not say: they go by names, take an offset that a new log does not have for the beginning, and never
ask how many partitions there are to read. What is found ends the process, before the next look at the latest: what was
folded meanwhile carries the mark of the former log, so that no worker goes on with it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import TopicPartition

from agents.delivery.log_check import ERASURES_GONE, WHAT_TO_DO, LogChanged, confirmed_mismatches, source_changed
from agents.delivery.process_exit import EXIT_LOG, EXIT_UNEXPECTED, die
from agents.delivery.topic_rules import wrong_partitions, wrong_timestamps
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.log_position import LogMismatch, LogPosition
from streams.kafka.log_state import TopicFacts, read_timestamp_type, read_topics_facts, retried
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)

LOOK_S = 2.0

Places = Callable[[], Mapping[TopicPartition, LogPosition]]


class LogFinding(NamedTuple):
    """What is not as it was, and the code that the process ends with because of it."""

    what: str
    exit_code: int


class LogWatch:
    """One background loop of a worker, over all topics of its version. `places` are those of the owned partitions,
    `followed` those of the topics that are followed in full. `ends` is where logs of the owned ones ended at the last
    look."""

    def __init__(
        self, bootstrap: str, topics: Topics, partitions: int, places: Places, followed: Places = dict
    ) -> None:
        self._followed = followed
        self._bootstrap = bootstrap
        self._topics = topics
        self._partitions = partitions
        self._places = places
        self._names = sorted(spec.name for spec in topics.specs(partitions, 1))
        self._begun: Mapping[str, TopicFacts] = {}
        self._gone: frozenset[str] = frozenset()
        self._may_ask_for_settings = True
        self._open = AsyncExitStack()
        self.ends: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Notes which topics there are; call it before anything is read of them. Raises `KafkaError`."""
        self._consumer: AIOKafkaConsumer = await self._open.enter_async_context(bulk_consumer(self._bootstrap))
        self._begun = await retried(lambda: read_topics_facts(self._consumer._client, self._names))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                found = await self._look()
            except KafkaError as error:  # brokers come and go
                logger.warning("no news of the topics: %r", error)
                continue
            if found is not None:
                die("the log is not what it was", LogChanged(found.what), found.exit_code)

    async def stop(self) -> None:
        """Closes its connections."""
        await self._open.aclose()

    async def _look(self) -> LogFinding | None:
        client = self._consumer._client
        facts = await read_topics_facts(client, self._names)
        gone = frozenset(self._begun.keys() - facts.keys())
        lost, self._gone = gone & self._gone, gone  # a broker that just started may not know all of them yet
        for name in self._names:
            if found := finding(self._topics, name, self._begun.get(name), facts.get(name), is_lost=name in lost):
                return found
        for what in wrong_partitions(self._topics, self._partitions, facts):
            return LogFinding(what, EXIT_LOG)
        if facts.get(self._topics.catalog, self._begun[self._topics.catalog]) != self._begun[self._topics.catalog]:
            more = f"topic {self._topics.catalog} has other partitions than before: starting again reads all of them"
            return LogFinding(more, EXIT_UNEXPECTED)
        return await self._log_mismatch() or await self._wrong_timestamps()

    async def _log_mismatch(self) -> LogFinding | None:
        places = dict(self._places())
        for tp, found in (await confirmed_mismatches(self._consumer, places, self.ends)).items():
            code = EXIT_UNEXPECTED if tp.topic in self._topics.derived_inputs else EXIT_LOG
            return LogFinding(str(source_changed(tp, places[tp], found)), code)
        followed = dict(self._followed())
        for tp, found in (await confirmed_mismatches(self._consumer, followed)).items():
            return cut_off(self._topics, tp, followed[tp], found)
        return None

    async def _wrong_timestamps(self) -> LogFinding | None:
        if not self._may_ask_for_settings:
            return None
        topic = self._topics.interactions
        try:
            what = wrong_timestamps(topic, await read_timestamp_type(self._consumer._client, topic))
        except TopicAuthorizationFailedError:
            self._may_ask_for_settings = False
            return None
        return LogFinding(what, EXIT_LOG) if what else None


def cut_off(topics: Topics, tp: TopicPartition, place: LogPosition, found: LogMismatch) -> LogFinding:
    """What it means that a followed topic lost its end, or has other records there now."""
    what = f"{tp.topic}:{tp.partition} was followed up to offset {place.offset}, but {found.why}"
    if tp.topic == topics.erasure:
        return LogFinding(f"{what}: {ERASURES_GONE}", EXIT_LOG)
    return LogFinding(f"{what}: starting again goes on with what it holds", EXIT_UNEXPECTED)


def finding(
    topics: Topics, name: str, before: TopicFacts | None, now: TopicFacts | None, *, is_lost: bool
) -> LogFinding | None:
    """What it means that a topic is not the one that it was; None when it is, or only written to."""
    if before is None or (now is None and not is_lost) or (now is not None and now.topic_id == before.topic_id):
        return None
    what = f"topic {name} was deleted" + ("" if now is None else " and made again while this worker ran")
    if name in (topics.interactions, topics.user_changelog, topics.item_model, topics.ranker_weights, topics.erasure):
        return LogFinding(f"{what}. {WHAT_TO_DO}", EXIT_LOG)
    if name in topics.derived_inputs:
        return LogFinding(f"{what}: starting again goes on with what it holds, with a warning", EXIT_UNEXPECTED)
    return LogFinding(f"{what}: starting again goes on with what it holds", EXIT_UNEXPECTED)
