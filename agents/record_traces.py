"""Traces of single records: those whose producer sampled them go on here, from the fold to the list in Redis.

A batch mixes the traces of many producers, so a span of the batch could be in one of them only. Each traced record gets
spans of its own instead, in its producer's trace: `process`, which folds it, below that `make lists` and `write lists`
with the times of the batch that its user's list was made in, linked with the other traced records of that batch. Who
made no decision (no `traceparent`, or one that is not sampled) is not traced and costs a look at the headers.

Spans hold no user id and no record key: places in the log, sizes, reasons.

Whatever a trace meets costs the trace and never the record: what the fold and the lists call is `never_raising`.

Names and attributes: OpenTelemetry semantic conventions for messaging and for databases, 1.27.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from aiokafka.structs import ConsumerRecord
from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from streams.contract.reasons import Reason

logger = logging.getLogger(__name__)

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
#: Hexadecimal digits with the lowest bit set: the last character of a `traceparent` that is sampled.
_SAMPLED: Final = frozenset(b"13579bdf")
#: Records whose list was not written yet; the oldest of more are forgotten.
MAX_WAITING: Final = 1_000
#: Records of one user among them; the oldest of more are forgotten.
MAX_WAITING_OF_USER: Final = 32
#: Other records of a batch that a span names.
MAX_LINKS: Final = 32

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_told: Final[set[type[Exception]]] = set()

P = ParamSpec("P")
T = TypeVar("T")


def never_raising(trace_something: Callable[P, T]) -> Callable[P, T | None]:
    """None instead of an error, which is logged: the first of each kind in a process, since producers choose how many
    records are traced, and with what headers."""

    @wraps(trace_something)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T | None:
        try:
            return trace_something(*args, **kwargs)
        except Exception as error:
            if type(error) not in _told:
                _told.add(type(error))
                logger.exception("a record is not traced further; others of this kind are not told")
            return None

    return guarded


def sampled_parent(record: ConsumerRecord) -> dict[str, str] | None:
    """The W3C headers of a record whose producer traces it; None for all others."""
    found = {
        name: value
        for name, value in record.headers
        if name in (TRACEPARENT, TRACESTATE) and value is not None  # as Kafka allows
    }
    parent = found.get(TRACEPARENT)
    if not parent or parent[-1] not in _SAMPLED:
        return None
    return {name: value.decode("ascii", "replace") for name, value in found.items()}


@dataclass(slots=True)
class ListsOfBatch:
    """Lists that are made and written together, some of them of traced records, by user."""

    tracer: Tracer
    records: dict[str, list[SpanContext]]
    lists: int
    began_ns: int
    made_ns: int = 0

    @never_raising
    def made(self) -> None:
        """The lists are made, and the write begins."""
        self.made_ns = time.time_ns()

    @never_raising
    def written(self, users: Iterable[str]) -> list[str]:
        """Redis took the lists of `users`: their records are told; whose they are."""
        written_ns, told = time.time_ns(), [user_id for user_id in users if user_id in self.records]
        contexts = [context for user_id in told for context in self.records[user_id]]
        for context in contexts:
            parent = trace.set_span_in_context(trace.NonRecordingSpan(context))
            links = [Link(other) for other in contexts if other is not context][:MAX_LINKS]
            self.tracer.start_span(
                "make lists", parent, attributes={"freshet.lists": self.lists}, links=links, start_time=self.began_ns
            ).end(self.made_ns)
            self.tracer.start_span(
                "write lists",
                parent,
                SpanKind.CLIENT,
                {"db.system.name": "redis", "db.operation.batch.size": self.lists},
                links,
                self.made_ns,
            ).end(written_ns)
        return told


class RecordTraces:
    """Of one partition of `topic`, read by `group`."""

    def __init__(self, tracer: Tracer, topic: str, partition: int, group: str) -> None:
        self._tracer = tracer
        self._name = f"process {topic}"
        self._attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
            "messaging.consumer.group.name": group,
        }
        self._waiting: dict[str, list[SpanContext]] = {}  # the longest first

    @never_raising
    def begin(self, record: ConsumerRecord) -> Span | None:
        """A span for the fold of a record that its producer traces."""
        parent = sampled_parent(record)
        if parent is None:
            return None
        context = _PROPAGATOR.extract(parent)
        if not trace.get_current_span(context).get_span_context().is_valid:
            return None
        attributes = {**self._attributes, "messaging.kafka.offset": record.offset}
        return self._tracer.start_span(self._name, context, SpanKind.CONSUMER, attributes)

    @never_raising
    def rejected(self, span: Span, reason: Reason) -> None:
        """It became a dead letter."""
        span.set_attribute("error.type", reason.value)
        span.set_status(StatusCode.ERROR)
        span.end()

    @never_raising
    def folded(self, span: Span, user_id: str) -> None:
        """It is in the rows of this user, whose list is to come."""
        span.end()
        of_user = self._waiting.setdefault(user_id, [])
        of_user.append(span.get_span_context())
        del of_user[:-MAX_WAITING_OF_USER]
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]

    @never_raising
    def lists_of(self, users: Sequence[str]) -> ListsOfBatch | None:
        """Lists of `users` are about to be made; None when no traced record waits for any."""
        waiting = self._waiting
        records = {user_id: waiting[user_id] for user_id in users if user_id in waiting} if waiting else None
        return ListsOfBatch(self._tracer, records, len(users), time.time_ns()) if records else None

    @never_raising
    def done(self, users: Iterable[str]) -> None:
        """What waited for the lists of these users is told."""
        for user_id in users:
            self._waiting.pop(user_id, None)
