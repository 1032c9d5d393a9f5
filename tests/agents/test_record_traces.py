"""Which records are traced, what their spans say, and which they are linked with."""

import asyncio
from collections.abc import Collection, Sequence
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiokafka.structs import ConsumerRecord
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from agents import record_traces
from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.interactions import OutgoingDeltas
from agents.lists.failed_lists import FailedLists
from agents.record_traces import ListsOfBatch, RecordTraces, sampled_parent
from agents.traced_interactions import TracedStep
from streams.contract.identities import Identities
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_800_000_000_000
IDENTITIES = Identities(b"0123456789abcdef0123456789abcdef")
TRACE = "0af7651916cd43dd8448eb211c80319c"


def parent(number: int = 1, flags: str = "01", trace_id: str = TRACE) -> tuple[str, bytes]:
    return "traceparent", f"00-{trace_id}-{number:016x}-{flags}".encode()


class World:
    """One partition whose records are traced; lists are made of whatever users are asked for."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = RecordTraces(provider.get_tracer("test"), "user.interactions", 0, "freshet.v1")
        lists: Any = SimpleNamespace(failed=FailedLists(), refresh=self.refresh)
        self.step = TracedStep(
            self.traces,
            IDENTITIES,
            lambda: UserPlane(0, 1, {}, FoldLimits(), identities=IDENTITIES),
            lists,
            OutgoingDeltas("deltas", 0, 1),
            DeadLetters("dlq"),
            Erasures(),
        )
        self.offset = 0

    async def refresh(self, _plane: UserPlane, users: Collection[str], *_: object, **__: object) -> None:
        self.make_lists(list(users))

    def make_lists(self, users: Sequence[str], *, written: bool = True) -> None:
        batch = self.traces.lists_of(users)
        if batch is not None:
            batch.made()
            if written:
                self.traces.done(batch.written(users) or ())

    def send(self, user: str, *headers: tuple[str, bytes | None], value: bytes | None = None) -> None:
        self.offset += 1
        event = {"event_type": "view", "user_id": user, "item_id": "i", "timestamp": NOW_MS, "event_id": self.offset}
        self.step.fold(
            ConsumerRecord(
                "t", 0, self.offset, NOW_MS, 1, user.encode(), value or orjson.dumps(event), None, 0, 0, headers
            )
        )

    def take(self) -> list[ReadableSpan]:
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found


def ids(span: ReadableSpan) -> tuple[str, int, int]:
    """Trace, own id and the parent's."""
    assert span.parent is not None
    return f"{span.context.trace_id:032x}", span.context.span_id, span.parent.span_id


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("other", b"1"),),
        (parent(flags="00"),),
        (("traceparent", b""),),
        (("traceparent", None),),
        (("traceparent", b"nonsense-01"),),
        (("traceparent", b"\xff\xfe1"),),
        (parent(0),),
        (parent(trace_id="0" * 32),),
    ],
)
def test_what_is_not_traced(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    world = World()
    world.send("u1", *headers)
    asyncio.run(world.step.effects(2, force=True))
    assert not world.take()


def test_the_state_of_the_trace_goes_along() -> None:
    record = ConsumerRecord("t", 0, 0, 0, 1, b"u", b"", None, 0, 0, (parent(), ("tracestate", b"a=1"), ("x", b"y")))
    assert sampled_parent(record) == {"traceparent": parent()[1].decode(), "tracestate": "a=1"}


def test_a_state_without_a_value_is_none() -> None:
    world = World()
    world.send("u1", parent(), ("tracestate", None))  # Kafka's headers may have no value
    assert world.step.plane.view(IDENTITIES.of("u1")) is not None
    assert len(world.take()) == 1


class BrokenTracer:
    """In the library's place: whatever it is asked for fails, from the start or once a span has begun."""

    def __init__(self, begins: int) -> None:
        self.begins = begins

    def start_span(self, *_: object, **__: object) -> Any:
        self.begins -= 1
        if self.begins < 0:
            raise RuntimeError("no span begins")
        return self

    def end(self, *_: object) -> None:
        raise RuntimeError("no span ends")

    set_attribute = set_status = end

    def get_span_context(self) -> Any:
        return SpanContext(1, 1, is_remote=False)


@pytest.mark.parametrize("begins", [0, 1_000])
def test_what_tracing_meets_costs_no_record(
    begins: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(record_traces, "_told", set())
    world = World()
    tracer: Any = BrokenTracer(begins)
    world.step._traces = RecordTraces(tracer, "user.interactions", 0, "freshet.v1")
    for number in range(3):
        world.send("u1", parent(number + 1))
    world.send("u1", parent(), value=b"{")
    effects = asyncio.run(world.step.effects(5, force=True))
    assert world.step.plane.view(IDENTITIES.of("u1")) is not None
    assert effects is not None
    assert len(effects.outgoing) >= 1, "the dead letter is told as without traces"
    assert len([record for record in caplog.records if record.name == "agents.record_traces"]) == 1


def test_lists_are_made_and_written_whatever_tracing_meets() -> None:
    tracer: Any = BrokenTracer(0)
    batch = ListsOfBatch(tracer, {"u1": [SpanContext(1, 1, is_remote=False)]}, 1, 0)
    batch.made()
    assert not batch.written(["u1"])


def test_a_record_is_traced_through_fold_list_and_write() -> None:
    world = World()
    world.send("u1", parent(7))
    (process,) = world.take()
    assert ids(process)[0::2] == (TRACE, 7)
    assert process.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "user.interactions",
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "freshet.v1",
        "messaging.kafka.offset": 1,
    }
    asyncio.run(world.step.effects(2, force=True))
    made, written = world.take()
    assert (made.name, written.name) == ("make lists", "write lists")
    for span in (made, written):
        assert ids(span)[0::2] == (TRACE, process.context.span_id)
        assert not span.links
    assert made.end_time == written.start_time
    world.make_lists([IDENTITIES.of("u1")])
    assert not world.take()  # told once


def test_records_of_one_batch_are_linked_each_in_its_own_trace() -> None:
    world = World()
    traces = [f"{number:032x}" for number in (1, 2, 3)]
    for number, trace_id in enumerate(traces):
        world.send(f"u{number}", parent(5, trace_id=trace_id))
    world.send("u9")
    processed = {span.context.span_id for span in world.take()}
    asyncio.run(world.step.effects(5, force=True))
    spans = world.take()
    assert sorted(ids(span)[0] for span in spans if span.name == "write lists") == traces
    for span in spans:
        assert span.parent is not None
        assert {link.context.span_id for link in span.links} == processed - {span.parent.span_id}
        attributes = dict(span.attributes or {})
        assert attributes.get("freshet.lists", attributes.get("db.operation.batch.size")) == 4


def test_a_dead_letter_says_why_and_no_list_follows() -> None:
    world = World()
    world.send("u1", parent(), value=b"{")
    (process,) = world.take()
    assert not process.status.is_ok
    assert process.attributes is not None
    assert process.attributes["error.type"] == "not_json"
    world.send("u1")
    asyncio.run(world.step.effects(3, force=True))
    assert not world.take()


def test_a_list_that_is_not_written_is_told_when_it_is() -> None:
    world = World()
    world.send("u1", parent())
    world.take()
    stored = [IDENTITIES.of("u1")]
    world.make_lists(stored, written=False)
    assert not world.take()
    world.make_lists(stored)
    assert [span.name for span in world.take()] == ["make lists", "write lists"]


def test_no_span_tells_a_user() -> None:
    world = World()
    world.send("somebody", parent())
    asyncio.run(world.step.effects(2, force=True))
    for span in world.take():
        told = span.to_json()
        assert "somebody" not in told
        assert IDENTITIES.of("somebody") not in told


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_traces, "MAX_WAITING", 2)
    world = World()
    for number in range(3):
        world.send(f"u{number}", parent(number + 1))
    world.take()
    world.make_lists([IDENTITIES.of(f"u{number}") for number in range(3)])
    assert len(world.take()) == 4  # of the two newest


def test_so_is_what_waits_of_one_user() -> None:
    world = World()
    sent = record_traces.MAX_WAITING_OF_USER + 3
    for number in range(sent):
        world.send("u1", parent(number + 1, trace_id=f"{number + 1:032x}"))
    world.take()
    world.make_lists([IDENTITIES.of("u1")])
    spans = world.take()
    assert [int(ids(span)[0], 16) for span in spans if span.name == "write lists"] == list(range(4, sent + 1))
