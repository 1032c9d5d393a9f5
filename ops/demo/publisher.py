"""Events at a live pace, in their order, counted by acknowledgement."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import partial

from aiokafka.errors import KafkaError as AiokafkaError

from offline.pacing import paced
from offline.traffic import TimedRecord
from streams.kafka.errors import PublishError
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer

OnAcknowledged = Callable[[OutgoingRecord, Acknowledgement], None]

_RATE_WINDOW_S = 3.0


class DemoPublisher:
    """Sends one record after the other when it is due, without waiting for earlier acknowledgements."""

    def __init__(self, producer: Producer, topic: str, on_acknowledged: OnAcknowledged) -> None:
        """Counts, and tells of, the records of `topic`; others pass along."""
        self._producer = producer
        self._topic = topic
        self._on_acknowledged = on_acknowledged
        self._acknowledged: Counter[int] = Counter()
        self._recent_s: deque[float] = deque()
        self._in_flight: set[asyncio.Future[Acknowledgement]] = set()
        self._failure: BaseException | None = None

    @property
    def acknowledged(self) -> int:
        """Records that are in the log."""
        return self._acknowledged.total()

    @property
    def acknowledged_by_partition(self) -> dict[int, int]:
        """Records that are in the log, by partition."""
        return dict(self._acknowledged)

    def events_per_s(self) -> float:
        """Acknowledged events a second over the last seconds."""
        oldest_s = time.monotonic() - _RATE_WINDOW_S
        while self._recent_s and self._recent_s[0] < oldest_s:
            self._recent_s.popleft()
        return len(self._recent_s) / _RATE_WINDOW_S

    async def run(self, records: Iterable[TimedRecord]) -> None:
        """Publishes every record when it is due, or at once when it is late, and waits for the last acknowledgement.

        Raises `PublishError` when a record was not acknowledged.
        """
        async for record in paced(records, speed=1.0):
            if self._failure is not None:
                break
            await self._send(record)
        await asyncio.gather(*self._in_flight, return_exceptions=True)  # failures were noted by the callback
        if self._failure is not None:
            raise PublishError(f"an event was not acknowledged: {self._failure}") from self._failure

    async def _send(self, record: OutgoingRecord) -> None:
        future = await self._producer.send(record)
        self._in_flight.add(future)
        future.add_done_callback(partial(self._settle, record))

    def _settle(self, record: OutgoingRecord, future: asyncio.Future[Acknowledgement]) -> None:
        self._in_flight.discard(future)
        if future.cancelled():
            return
        failure = future.exception()
        if isinstance(failure, AiokafkaError):
            self._failure = self._failure or failure
            return
        if record.topic != self._topic:
            return
        acknowledgement = future.result()
        self._acknowledged[acknowledgement.partition] += 1
        self._recent_s.append(time.monotonic())
        self._on_acknowledged(record, acknowledgement)
