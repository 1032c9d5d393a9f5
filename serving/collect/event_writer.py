"""Events on their way into the log: a bounded queue, one lane a partition, and an answer only when Kafka has answered.

    waiting ──taken by its partition's lane──▸ under way ──acknowledged──▸ kept
       │ too late, or the process ends            │ refused, or no answer in time
       ▾                                          ▾
    not in the log                             perhaps in the log

A lane sends what has gathered as one batch of Kafka's (2 µs an event, where a send each costs 40) and takes no more
until that is acknowledged, so a user's events stay in order. Every in-sync replica confirms a batch, and retries
within the client cannot double it (idempotent producer). After a failure the producer is ended for good and made anew:
what was under way then, in any partition, may be in the log, and is sent again by whoever asked, under the same
`event_id`, which counts once. So a partition without a leader costs the others a new producer for each batch of its own
that fails.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from aiokafka.errors import KafkaError as ClientError

from serving.collect.request_body import CheckedEvent
from serving.supervisor import LoopSupervisor
from streams.contract.partitioning import partition_of
from streams.contract.wire import MAX_RECORD_BYTES
from streams.kafka import clients
from streams.kafka.errors import KafkaError

log = logging.getLogger(__name__)

#: What an event occupies besides its value and its user.
OVERHEAD_BYTES = 200
BATCH_BYTES = 256 * 1024
#: How long events gather before lanes take them.
GATHER_S = 0.004
#: How exact the longest wait of a request is.
EXPIRY_S = 0.1
RECONNECT_S = 0.5
STOP_S = 2.0
_REMEMBERED_USERS = 65_536


#: What anybody may know; why, which names hosts, is for the log.
AWAY = "Kafka does not answer"


class MissingTopic(KafkaError):
    """Kafka answers, and has no such topic. What it says is for anybody."""


class QueueFull(Exception):
    """What waits for Kafka is as much as may wait."""


class LogPlace(NamedTuple):
    """Where in the log an event is. `offset` is -1 when only an earlier attempt of the client knew it."""

    partition: int
    offset: int


class Receipt:
    """What became of one request's events: `kept` are those that Kafka acknowledged, by their places."""

    __slots__ = ("done", "kept", "left", "withdrawn")

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.left = count
        self.kept: dict[int, LogPlace] = {}
        self.withdrawn = False
        self.done = done

    def settle(self, place: int, position: LogPlace | None) -> None:
        """One event's fate; None: Kafka did not acknowledge it."""
        self.left -= 1
        if position is not None:
            self.kept[place] = position
        if not self.left:
            self.end()

    def end(self) -> None:
        """Ends the wait, if it is not over."""
        if not self.done.done():
            self.done.set_result(None)


_Waiting = tuple[Receipt, CheckedEvent]


class EventWriter:
    """Made within the event loop. `acknowledged` and `failed` count events, `why_away` says in public that Kafka takes
    none."""

    def __init__(
        self, bootstrap: str, topic: str, *, queue_bytes: int, wait_s: float, supervisor: LoopSupervisor
    ) -> None:
        self.acknowledged = self.failed = self.withdrawn = 0
        self.queued_bytes = 0
        self.was_connected = False
        self.why_away = "Kafka was not reached yet"
        self.away_since_s = time.monotonic()
        self._said = ""
        self._bootstrap, self._topic = bootstrap, topic
        self._queue_bytes, self._wait_s = queue_bytes, wait_s
        self._supervisor = supervisor
        self._producer: clients.EndableProducer | None = None
        self._connected = asyncio.Event()
        self._broken = asyncio.Event()
        self._lanes: list[_Lane] = []
        #: What came before the number of partitions was known.
        self._early: deque[_Waiting] = deque()
        self._loop = asyncio.get_running_loop()
        self._receipts: deque[tuple[float, Receipt]] = deque()
        self._call: asyncio.TimerHandle | None = None
        self._place = lru_cache(_REMEMBERED_USERS)(self._partition_of)

    def start(self) -> None:
        """Begins to connect; Kafka need not be there."""
        self._supervisor.keep("kafka", self._keep_connected)
        self._supervisor.keep("waiting requests", self._keep_expiring)

    async def write(self, events: Sequence[CheckedEvent]) -> Receipt:
        """Returns when the fate of all is known, or after `wait_s`. Raises QueueFull at once; never while nothing
        waits, or what is larger than the queue could not be sent at all."""
        size = sum(map(_size, events))
        if self.queued_bytes and self.queued_bytes + size > self._queue_bytes:
            raise QueueFull(f"{self.queued_bytes} bytes wait for Kafka")
        self.queued_bytes += size
        receipt = Receipt(len(events), self._loop.create_future())
        for event in events:
            if self._lanes:
                self._lanes[self._place(event.user_id)].waiting.append((receipt, event))
            else:
                self._early.append((receipt, event))
        self.call_lanes()
        self._receipts.append((self._loop.time() + self._wait_s, receipt))
        try:
            await receipt.done  # or until `_keep_expiring` says that it is enough
        finally:
            receipt.withdrawn = True  # whatever of it still waits is not sent: its sender is told to do it again
            self.queued_bytes -= size
        return receipt

    async def close(self) -> None:
        """Ends the connection. No request waits any more by then, so nothing that is under way matters for long."""
        self._connected.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.gather(asyncio.wait_for(producer.stop(), STOP_S), return_exceptions=True)
            await producer.abandon()

    async def _keep_expiring(self) -> None:
        """Ends the wait of requests whose time is over. All wait equally long, so who came first is over first, and
        nobody needs a timer of their own."""
        receipts = self._receipts
        while True:
            await asyncio.sleep(EXPIRY_S)
            now_s = self._loop.time()
            while receipts and (receipts[0][1].done.done() or receipts[0][0] <= now_s):
                receipts.popleft()[1].end()
            # Lanes take nothing while Kafka is away: what is not counted as queued any more is not kept either.
            for waiting in (self._early, *(lane.waiting for lane in self._lanes)):
                while waiting and waiting[0][0].done.done():
                    waiting.popleft()
                    self.withdrawn += 1

    def _partition_of(self, user_id: str) -> int:
        return partition_of(user_id.encode(), len(self._lanes))

    # -- the connection -------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        while True:
            try:
                await self._connect()
                await self._broken.wait()
            except MissingTopic as error:
                self._note_away(str(error), str(error))
            except (ClientError, KafkaError, OSError, TimeoutError) as error:
                self._note_away(AWAY, f"{type(error).__name__}: {error}")
            finally:
                producer, self._producer = self._producer, None
                self._connected.clear()
                if producer is not None:
                    await producer.abandon()
            await asyncio.sleep(RECONNECT_S)

    async def _connect(self) -> None:
        self._broken.clear()
        # The client gives a batch up before its sender does, so that "perhaps in the log" is rare.
        timeout_ms = max(500, int(self._wait_s * 900))
        producer = self._producer = clients.producer(
            self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=BATCH_BYTES + MAX_RECORD_BYTES,
            request_timeout_ms=timeout_ms,
            compression_type="zstd",
        )
        async with asyncio.timeout(self._wait_s):
            await producer.start()
            topics = await producer.client.fetch_all_metadata()  # asking for one topic may create it
        partitions = topics.partitions_for_topic(self._topic)
        if not partitions:
            raise MissingTopic(f"topic {self._topic} does not exist: create it with `freshet topics create`")
        if len(self._lanes) != len(partitions):
            self._spread(len(partitions))
        self.why_away, self._said, self.was_connected = "", "", True
        self._connected.set()

    def _spread(self, partitions: int) -> None:
        """Begins a lane for each partition, with what waits for one."""
        waiting = [*self._early, *(entry for lane in self._lanes for entry in lane.waiting)]
        self._early.clear()
        for lane in self._lanes:
            lane.task.cancel()
        self._lanes = [_Lane(self, number, self._supervisor) for number in range(partitions)]
        self._place.cache_clear()
        for entry in waiting:
            self._lanes[self._place(entry[1].user_id)].waiting.append(entry)
        self.call_lanes()

    def _note_away(self, public: str, why: str) -> None:
        if why != self._said:
            log.warning("events cannot be written: %s", why)
        if not self.why_away:
            self.away_since_s = time.monotonic()
        self.why_away, self._said = public, why

    def call_lanes(self) -> None:
        """In a moment, every lane takes what has gathered: together they cost Kafka one request, not one each."""
        if self._call is None:
            self._call = self._loop.call_later(GATHER_S, self._begin_turn)

    def _begin_turn(self) -> None:
        self._call = None
        for lane in self._lanes:
            if lane.waiting:
                lane.turn.set()

    # -- for lanes ------------------------------------------------------------------------------------------------

    async def send(self, partition: int, entries: Sequence[_Waiting]) -> int | None:
        """Sends entries of one partition as one batch. The first one's offset, the others follow it; -1 when Kafka had
        the batch already; None when Kafka did not acknowledge it."""
        producer = self._producer
        assert producer is not None
        batch = producer.create_batch()
        for _, event in entries:
            if batch.append(key=event.user_id.encode(), value=event.value, timestamp=None) is None:
                raise AssertionError(f"{len(entries)} events do not fit into a batch of {BATCH_BYTES} bytes")
        try:
            async with asyncio.timeout(self._wait_s):
                metadata = await (await producer.send_batch(batch, self._topic, partition=partition))
        except (ClientError, OSError, TimeoutError) as error:
            self.failed += len(entries)
            if producer is self._producer:  # and not one that was ended meanwhile
                self._note_away(AWAY, f"{type(error).__name__}: {error}")
                self._connected.clear()  # no lane begins another batch with this producer
                self._broken.set()
            return None
        self.acknowledged += len(entries)
        first: int = metadata.offset
        return first

    async def connected(self) -> None:
        """Returns once there is a producer, in the turn in which there is one."""
        while not self._connected.is_set():
            await self._connected.wait()


class _Lane:
    """One partition's events, one batch under way at a time."""

    def __init__(self, writer: EventWriter, partition: int, supervisor: LoopSupervisor) -> None:
        self.waiting: deque[_Waiting] = deque()
        self._writer, self._partition = writer, partition
        self.turn = asyncio.Event()
        self.task = supervisor.keep(f"partition {partition}", self._keep_sending)

    async def _keep_sending(self) -> None:
        while True:
            await self.turn.wait()
            self.turn.clear()
            await self._writer.connected()
            if not (entries := self._next_batch()):
                continue
            first: int | None = None
            try:
                first = await self._writer.send(self._partition, entries)
            finally:
                for number, (receipt, event) in enumerate(entries):
                    receipt.settle(event.place, self._position(first, number))
                if self.waiting:
                    self._writer.call_lanes()

    def _position(self, first: int | None, number: int) -> LogPlace | None:
        if first is None:
            return None
        return LogPlace(self._partition, -1 if first < 0 else first + number)

    def _next_batch(self) -> list[_Waiting]:
        entries: list[_Waiting] = []
        size = 0
        waiting = self.waiting
        while waiting and size < BATCH_BYTES:
            receipt, event = entry = waiting[0]
            if receipt.withdrawn:
                waiting.popleft()
                self._writer.withdrawn += 1
                continue
            needed = _size(event)
            if entries and size + needed > BATCH_BYTES:
                break
            entries.append(entry)
            size += needed
            waiting.popleft()
        return entries


def _size(event: CheckedEvent) -> int:
    """At least what it occupies in a batch."""
    return len(event.value) + 4 * len(event.user_id) + OVERHEAD_BYTES
