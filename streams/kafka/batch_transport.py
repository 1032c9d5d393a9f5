"""A Faust transport whose unit of work is a batch of records of one partition, not a record.

Stock Faust walks every record through conductor, channel, stream and event objects and remembers it until it is
acknowledged: about 1 ms of CPU each. This transport hands one event per fetched run of records to the stream, so that
cost is paid once a batch. Seven more differences, each needed for exactly-once work:

* The consumer reads committed records only, and polls every 100 ms instead of 1.5 s.
* It never commits offsets. The owner of a partition commits them inside its own Kafka transaction
  (`agents.delivery`), so an acknowledgement here only tells Faust that the batch was handed over.
* It begins where the owners of the partitions say, not at the group's committed offsets: a seek to those leaves a
  partition that has none wherever it is, even behind records that were fetched and thrown away.
* What the log does not hold any more may come from elsewhere (`BeforeLog`), under the same offsets.
* Records that retention removed before anybody read them are reported, where Kafka's clients jump to what is left.
* Records that took the offsets of others are reported: a log that was made anew, or cut off by an unclean election.
* Every batch says what it follows. Faust drops fetched records silently in several places around a rebalance; the
  owner of the partition compares positions and stops on a gap instead of losing records.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, ClassVar

import aiokafka
from aiokafka.structs import ConsumerRecord
from faust.serializers import codecs
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from streams.kafka import bounded_close, record_guard
from streams.kafka.before_log import BeforeLog, NothingBefore
from streams.kafka.leader_epochs import LeaderEpochs
from streams.kafka.log_begin import MARKERS, gaps
from streams.kafka.log_position import NO_EPOCH, LogMismatch, LogNow, LogPosition, log_mismatch
from streams.kafka.log_state import read_epoch_ends
from streams.kafka.read_progress import ReadProgress
from streams.kafka.record_batch import RecordBatch, split

record_guard.install()
bounded_close.install()

FETCH_MAX_WAIT_MS = 100
#: How long one poll waits while a partition is paused: a poll that is under way does not see the end of the pause.
PAUSED_POLL_S = 0.1

#: Where each partition that this process owns goes on.
Places = Callable[[], Mapping[TP, LogPosition]]
#: Partitions to leave alone at this moment; called in the consumer's thread.
Paused = Callable[[], Set[TP]]
#: Called with a partition, where it was to go on, and where its log begins instead; in the consumer's thread.
Removed = Callable[[TP, int, int], None]
#: Called with a partition, where it was to go on, and why the log is not the one it was in; in the consumer's thread.
Changed = Callable[[TP, LogPosition, LogMismatch], None]


class _BatchCodec(codecs.Codec):
    """Passes the batch through Faust's decoding untouched: the owner of the partition parses record by record."""

    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, obj: Any) -> Any:
        return obj


#: Name of the serializer to give to `app.topic(value_serializer=...)` for topics read through this transport.
BATCH_SERIALIZER = "freshet_record_batch"
codecs.register(BATCH_SERIALIZER, _BatchCodec())


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer thread: fetches runs of records and notes generation and position where they are known for sure."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._delivered: dict[TP, int] = {}
        self._delivered_generation = -1
        self._fetched_epochs = LeaderEpochs()
        self._epochs: dict[TP, int] = {}  # of the last records that were handed over

    @property
    def _owner(self) -> "BatchConsumer":
        owner: BatchConsumer = self.consumer  # type: ignore[assignment]  # Faust says its base class
        return owner

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes both. They are plain attributes that aiokafka reads when it starts its fetcher.
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        self._fetched_epochs.listen(consumer._client)
        return consumer

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  Faust names it
        max_records: int | None = None,
    ) -> dict[TP, list[RecordBatch]]:
        self._owner.reading.polled_s = time.monotonic()
        paused = self._owner.paused()
        if paused & active_partitions:
            active_partitions, timeout = active_partitions - paused, PAUSED_POLL_S
        if not active_partitions:  # to aiokafka that means all
            with consumer._fetcher._subscriptions.fetch_context():  # else the group thinks that this member hangs
                await asyncio.sleep(PAUSED_POLL_S)
            return {}
        earlier = await self._read_before_log(consumer, active_partitions)
        if earlier:
            active_partitions, timeout = active_partitions - earlier.keys(), 0.0
        runs: Mapping[TP, Sequence[ConsumerRecord]] = {}
        if active_partitions:
            # What was fetched of a paused partition stays in aiokafka's buffer: no position moves without its records.
            runs = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        # No await from here: aiokafka returns no records while a reassignment is under way, so generation and
        # positions read now belong to these very records.
        generation = consumer._coordinator.generation
        if generation != self._delivered_generation:
            self._delivered, self._delivered_generation = {}, generation
        subscription = consumer._subscription
        if not runs and not earlier and (subscription.reassignment_in_progress or not self._owner.flow_active):
            return {}
        assignment = subscription.subscription.assignment
        batches = {}
        places: dict[TP, LogPosition] = {}  # where to look whether the log was cut off before
        for tp in active_partitions & self._delivered.keys():  # nobody owns others yet; whoever will seeks
            records, follows, state = runs.get(tp, ()), self._delivered[tp], assignment.state_value(tp)
            if state and state.has_valid_position:
                self._owner.reading.note(tp, state.position, records)
            if not records and not (state and state.has_valid_position and state.position > follows + MARKERS):
                continue
            before, epoch = self._epochs.get(tp, NO_EPOCH), NO_EPOCH
            if records:
                epoch = self._fetched_epochs.at(tp, records[-1].offset)
                if epoch != before or records[0].offset < follows:
                    places[tp] = LogPosition(follows, leader_epoch=before)
                self._epochs[tp] = epoch
            # Without records: markers and aborted ones, which must not be taken for unread when retention removes them.
            batches[tp] = [RecordBatch(records, generation, follows, state.position, epoch)]
            self._delivered[tp] = state.position
        for tp, (position, records, next_offset) in earlier.items():
            if self._delivered.get(tp) == position:  # else a rebalance came in between
                if records:
                    batches[tp] = [RecordBatch(records, generation, position, next_offset)]
                self._delivered[tp] = next_offset
        firsts = {
            tp: batch.records[0].offset for tp, (batch,) in batches.items() if batch.records and tp not in earlier
        }
        follows_of = {tp: batches[tp][0].follows for tp in firsts}
        await self._check_epochs(consumer, places, firsts)
        await self._check_begins(
            consumer, {tp: follows for tp, follows in follows_of.items() if firsts[tp] > follows + MARKERS}
        )
        return batches

    async def _check_epochs(
        self, consumer: aiokafka.AIOKafkaConsumer, places: Mapping[TP, LogPosition], firsts: Mapping[TP, int]
    ) -> None:
        """Reports partitions whose log was cut off before the place that records were read up to."""
        if not places:
            return
        known = {tp: place.leader_epoch for tp, place in places.items() if place.leader_epoch != NO_EPOCH}
        with consumer._fetcher._subscriptions.fetch_context():  # else the group thinks that this member hangs
            ends = await read_epoch_ends(consumer._client, known)
        for tp, place in places.items():
            found = log_mismatch(place, LogNow("", place.offset, ends.get(tp)))
            if found is None and firsts[tp] < place.offset:
                found = LogMismatch(
                    f"the log ended before that, and was read again from offset {firsts[tp]}", firsts[tp]
                )
            if found is not None:
                self._owner.changed(tp, place, found)

    async def _check_begins(self, consumer: aiokafka.AIOKafkaConsumer, positions: Mapping[TP, int]) -> None:
        if positions:
            for tp, begin in gaps(positions, await consumer.beginning_offsets(list(positions))).items():
                self._owner.removed(tp, positions[tp], begin)

    async def _read_before_log(
        self, consumer: aiokafka.AIOKafkaConsumer, partitions: Set[TP]
    ) -> dict[TP, tuple[int, Sequence[ConsumerRecord], int]]:
        """What comes next of partitions that are not at the log yet: position, records, next position."""
        before_log = self._owner.before_log
        if not self._owner.flow_active:  # nothing is handed over during a rebalance
            return {}
        wanted = {
            tp: (position, end)
            for tp in partitions
            if (position := self._delivered.get(tp)) is not None
            and (end := before_log.end(tp.topic, tp.partition, position)) is not None
        }
        if not wanted:
            return {}
        with consumer._fetcher._subscriptions.fetch_context():  # else the group thinks that this member hangs
            read = await asyncio.gather(
                *(before_log.read(tp.partition, position) for tp, (position, _) in wanted.items())
            )
            found = {
                tp: (position, *records) for (tp, (position, _)), records in zip(wanted.items(), read, strict=True)
            }
            done = {tp: end for tp, (_, end) in wanted.items() if found[tp][2] >= end}
            if done:
                begins = await consumer.beginning_offsets(list(done))
                for tp, end in done.items():
                    before_log.hand_over(tp.partition, end, begins[tp])
        return found

    async def check_begins(self, positions: Mapping[TP, int]) -> None:
        """Reports partitions whose log begins behind their position, unless what precedes the log goes on there."""
        end = self._owner.before_log.end
        in_log = {tp: at for tp, at in positions.items() if end(tp.topic, tp.partition, at) is None}
        await self.call_thread(self._check_begins, self._ensure_consumer(), in_log)

    async def seek_all(self, places: Mapping[TP, LogPosition]) -> None:
        """Begins each partition that is still assigned at its place."""
        await self.call_thread(self._seek_all, places)

    async def _seek_all(self, places: Mapping[TP, LogPosition]) -> None:
        consumer = self._ensure_consumer()
        self._delivered, self._delivered_generation = {}, consumer._coordinator.generation
        self._epochs = {tp: place.leader_epoch for tp, place in places.items()}
        assigned = consumer.assignment()
        for tp, (position, *_) in places.items():
            if tp in assigned:
                end = self._owner.before_log.end(tp.topic, tp.partition, position)
                consumer.seek(tp, position if end is None else end)  # the log waits where it takes over
                self._delivered[tp] = position


class BatchConsumer(driver.Consumer):
    """Yields one Faust message per batch."""

    #: Upper bound of records in one batch; `batch_transport` sets it.
    batch_max_records: ClassVar[int] = 500
    #: What precedes the log; `batch_transport` sets it.
    before_log: ClassVar[BeforeLog] = NothingBefore()
    #: How far it has read; `batch_transport` sets it.
    reading: ClassVar[ReadProgress] = ReadProgress()

    _thread: BatchConsumerThread

    def places(self) -> Mapping[TP, LogPosition]:
        """Where each owned partition goes on; `batch_transport` replaces it."""
        return {}

    def paused(self) -> Set[TP]:
        """Partitions to hand nothing over from, for now; `batch_transport` replaces it."""
        return frozenset()

    def removed(self, tp: TP, position: int, begin: int) -> None:
        """Records from `position` to `begin` are gone unread; `batch_transport` replaces it."""

    def changed(self, tp: TP, place: LogPosition, found: LogMismatch) -> None:
        """The log is not the one that was read up to `place`; `batch_transport` replaces it."""

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109  Faust names it
    ) -> Mapping[TP, list[Any]]:
        fetched = await self._thread.getmany(active_partitions, timeout)
        return {tp: split(batch, self.batch_max_records) for tp, (batch,) in fetched.items()}

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        batch: RecordBatch = record
        last = batch.records[-1] if batch.records else None
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.next_offset - 1 if last is None else last.offset,
            0.0 if last is None else last.timestamp / 1000.0,
            0 if last is None else last.timestamp_type,
            None,  # headers and keys stay on the records
            None,
            batch,  # type: ignore[arg-type]  # bytes to everybody but our codec
            None,
            0,
            0,
            tp,
            generation_id=batch.generation,
        )

    def ack(self, message: Message) -> bool:
        """Marks the batch as handed over; its offset is committed by the partition's own transaction."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def perform_seek(self) -> None:
        """Begins every owned partition where its owner goes on."""
        places = self.places()
        positions = {tp: place.offset for tp, place in places.items()}
        await self._thread.check_begins(positions)
        await self._thread.seek_all(places)
        self._read_offset.update({tp: position or None for tp, position in positions.items()})

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Never commits: see the module's docstring."""
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignores gaps: offsets are committed by position, not by counting acknowledgements."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Skips Faust's livelock detector, which reads the acknowledgement state that this consumer does not keep."""


class BatchTransport(driver.Transport):
    """Give an instance of this to `faust.App.transport` before the app starts."""

    Consumer: ClassVar[Any] = BatchConsumer


def batch_transport(
    app: Any,
    batch_max_records: int,
    places: Places,
    paused: Paused = frozenset,
    before_log: BeforeLog | None = None,
    removed: Removed = lambda *_: None,
    changed: Changed = lambda *_: None,
    reading: ReadProgress | None = None,
) -> BatchTransport:
    """A transport for `app` (not started yet) with batches of at most `batch_max_records` (1 or more).

    `places()` is asked after every rebalance, once the partitions have owners. Nothing is handed over from
    partitions in `paused()`, which is asked at every poll. Partitions begin in `before_log` where that holds what
    follows their position. `removed` hears of records that are in neither, `changed` of
    logs that are not the ones they were; `reading` is kept up to date.
    """
    if batch_max_records < 1:
        raise ValueError(f"batch_max_records must be at least 1, not {batch_max_records}")
    transport = BatchTransport(app.conf.broker_consumer, app)
    settings = {
        "batch_max_records": batch_max_records,
        "places": lambda _: places(),
        "paused": lambda _: paused(),
        "before_log": before_log or NothingBefore(),
        "reading": reading or ReadProgress(),
        "removed": staticmethod(removed),
        "changed": staticmethod(changed),
    }
    consumer = type("BatchConsumer", (BatchConsumer,), settings)
    transport.Consumer = consumer  # type: ignore[misc]
    return transport
