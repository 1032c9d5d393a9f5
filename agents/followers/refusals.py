"""Records of followed topics that cannot be used: counted, said, and kept as dead letters. One record stops nobody.

Every worker follows the same topics and refuses the same records, and a dead letter is keyed by where its original is.
So it does not matter how often or by whom a dead letter is written, and it would be waste if everybody did: the worker
that owns the partition of interactions with the record's number writes it. What others refuse they hold, in case they
become the owner; beyond `HELD_BYTES` they write it too, so that memory is bounded and nothing is lost. Only the version
that serves most users writes dead letters about records that came from outside; see `agents.dead_letters` for the rest.

What a record means that cannot be used, topic by topic: docs/decisions/0020-poison-records.md.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters, dead_letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.producer import MAX_REQUEST_BYTES
from agents.followers.erasures import Erasures
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import InvalidEvent, Reason
from streams.kafka.bulk_read import Apply, pass_over, read_topics
from streams.kafka.errors import KafkaError
from streams.kafka.producer import OutgoingRecord, Producer
from tables import user_keys

logger = logging.getLogger(__name__)

HELD_BYTES = 32 * 1024 * 1024
ROUND_S = 0.5
#: So many refusals of a topic are said one by one, then only how many there are, at each power of ten.
SAID_ONE_BY_ONE = 5
#: What a held dead letter takes beyond key and value, about.
_OVERHEAD_BYTES = 1_000


class Report(Protocol):
    """Says that a record cannot be used as it is, and keeps it as a dead letter.

    Whoever takes such a record all the same, a profile that is read with the strictest restriction for example, reports
    it too: the dead letter says what is wrong with it. A record has one dead letter, so the last report counts.
    """

    def __call__(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        """`detail` says to people which field and what was expected."""


def say(record: ConsumerRecord, reason: Reason, detail: str) -> None:
    """The `Report` of whoever keeps no dead letters, commands for example: a line in the log."""
    logger.warning("%s:%d:%d cannot be used: %s: %s", record.topic, record.partition, record.offset, reason, detail)


def guarded(apply: Apply, report: Report) -> Apply:
    """`apply`, but a record that makes it raise is reported instead.

    `InvalidEvent` says why itself. Anything else is a mistake of ours, `fold_failed`, and no reason to stop everything
    that is made from all other records.
    """

    def take(record: ConsumerRecord) -> None:
        try:
            apply(record)
        except InvalidEvent as refusal:
            report(record, refusal.reason, refusal.detail)
        except MemoryError:  # says nothing about the record
            raise
        except Exception as error:
            logger.debug("taking a record raised", exc_info=error)
            report(record, Reason.FOLD_FAILED, f"{type(error).__name__}: {error}")

    return take


async def read_usable(bootstrap: str, topics: Sequence[str], apply: Apply) -> None:
    """Applies all records that the topics hold now, for commands: those that cannot be used are passed over, and said.
    Raises `TopicMissing`."""
    await read_topics(bootstrap, topics, guarded(apply, say), pass_over)


@dataclass(frozen=True, slots=True)
class _HeldRefusal:
    record: ConsumerRecord  # its value as the dead letter has it
    dead_letter: DeadLetter
    size_bytes: int


class Refusals:
    """What one worker refused. `covers` tells whether a record is about somebody who was erased before it."""

    def __init__(
        self,
        bootstrap: str,
        dead_letters: DeadLetters,
        partitions: int,
        covers: Callable[[ConsumerRecord], bool],
    ) -> None:
        self._bootstrap = bootstrap
        self._dead_letters = dead_letters
        self._partitions = partitions
        self._covers = covers
        self._held: deque[_HeldRefusal] = deque()
        self._held_bytes = 0
        self._writing = asyncio.Lock()
        self.counts: Counter[tuple[str, Reason]] = Counter()

    @property
    def total(self) -> int:
        """How many records were reported since the process began."""
        return self.counts.total()

    def report(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        """See `Report`."""
        self.counts[record.topic, reason] += 1
        self._say(record, reason)
        dead_letter = dead_letter_of(record, reason, detail).cut()
        size_bytes = len(dead_letter.key or b"") + len(dead_letter.value or b"") + _OVERHEAD_BYTES
        self._held.append(_HeldRefusal(replace(record, value=dead_letter.value), dead_letter, size_bytes))
        self._held_bytes += size_bytes

    async def run(self, owned: Callable[[], Collection[int]]) -> None:
        """Writes the dead letters of the partitions of interactions that are owned, until cancelled."""
        while True:
            mine = set(owned())
            try:
                await self._write(
                    [held for held in self._held if held.dead_letter.partition % self._partitions in mine]
                )
            except KafkaError as error:  # brokers come and go; the dead letters wait
                logger.warning("dead letters of followed topics wait: %s", error)
            await asyncio.sleep(ROUND_S)

    async def drain(self) -> None:
        """Writes everything when too much is held. For followers, between two polls."""
        while self._held_bytes > HELD_BYTES:
            try:
                await self._write(list(self._held))
            except KafkaError as error:
                logger.warning("dead letters of followed topics wait, and so does what follows them: %s", error)
                await asyncio.sleep(ROUND_S)

    async def _write(self, wanted: list[_HeldRefusal]) -> None:
        if not wanted:
            return
        async with self._writing:
            records = [record for held in wanted for record in self._records(held)]
            if records:
                async with Producer(self._bootstrap, max_request_bytes=MAX_REQUEST_BYTES) as producer:
                    await producer.publish_all(records)
            done = {id(held) for held in wanted}
            self._held = deque(held for held in self._held if id(held) not in done)
            self._held_bytes = sum(held.size_bytes for held in self._held)

    def _records(self, held: _HeldRefusal) -> list[OutgoingRecord]:
        dead_letter = held.dead_letter.blank() if self._covers(held.record) else held.dead_letter
        return [
            OutgoingRecord(one.topic, one.key, one.value, one.partition % self._partitions, one.headers)
            for one in self._dead_letters.records(dead_letter)
        ]

    def _say(self, record: ConsumerRecord, reason: Reason) -> None:
        """Without the detail: it quotes what the record holds, users' ids among it."""
        count = sum(number for (topic, _), number in self.counts.items() if topic == record.topic)
        if count <= SAID_ONE_BY_ONE:
            level = logging.CRITICAL if reason is Reason.FOLD_FAILED else logging.WARNING
            logger.log(
                level,
                "%s:%d:%d cannot be used: %s; `freshet dlq show` has the record and what is wrong with it",
                record.topic,
                record.partition,
                record.offset,
                reason,
            )
        elif str(count).rstrip("0") == "1":
            by_reason = ", ".join(
                f"{number} {why}" for (topic, why), number in self.counts.items() if topic == record.topic
            )
            logger.warning(
                "%d records of %s cannot be used so far (%s); `freshet dlq list` names them",
                count,
                record.topic,
                by_reason,
            )


class RowLetters:
    """Dead letters of what others wrote to the changelog of an owner. Of a user's row it is under their id, by which an
    erasure finds it, and blank when they were erased."""

    def __init__(self, dead_letters: DeadLetters, erasures: Erasures, users_topic: str) -> None:
        self._dead_letters = dead_letters
        self._erasures = erasures
        self._users_topic = users_topic

    def __call__(self, record: ConsumerRecord, detail: str) -> list[Outgoing]:
        """What the transaction writes that puts the row right."""
        dead_letter = dead_letter_of(record, Reason.FOLD_FAILED, detail).cut()
        user_id = user_keys.user_of(record.key) if record.topic == self._users_topic else None
        if user_id is not None:
            dead_letter = replace(dead_letter, key=user_id)
        is_erased = (user_id or b"").decode(errors="replace") in self._erasures.of(record.partition).ends
        return self._dead_letters.records(
            dead_letter.blank() if is_erased or self._erasures.cover(record) else dead_letter
        )
