"""Which requests are traced, and what is told of them."""

from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from serving.endpoint.asgi import Message, Receive, Scope, Send
from serving.endpoint.traced import TracedEndpoint

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
HOME = "/api/v1/recommendations/homepage/{user_id}"


class Plain:
    """In the endpoint's place."""

    status = 200

    def template_of(self, raw_path: bytes) -> str:
        return HOME if b"homepage" in raw_path else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.status == 0:
            raise RuntimeError("of the server")
        start: Message = {"type": "http.response.start", "status": self.status, "headers": []}
        await send(start)
        await send({"type": "http.response.body", "body": b"{}"})


class World:
    def __init__(self, share: float) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.plain, self.closed = Plain(), 0
        plain: Any = self.plain
        self.app = TracedEndpoint(plain, provider.get_tracer("test"), share, self._close)

    def _close(self) -> None:
        self.closed += 1

    async def spans(self, path: str, **headers: str) -> list[ReadableSpan]:
        app: Any = self.app
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            answer = await client.get(path, headers=headers)
            assert answer.status_code == self.plain.status
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found


async def test_the_share_of_requests_without_a_parent() -> None:
    assert not await World(0.0).spans("/api/v1/recommendations/homepage/u1")
    (span,) = await World(1.0).spans("/api/v1/recommendations/homepage/u1")
    assert (span.name, span.parent) == (f"GET {HOME}", None)
    assert span.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": HOME,
        "http.response.status_code": 200,
    }
    assert "u1" not in span.to_json()


async def test_a_parent_decides_whatever_the_share() -> None:
    assert not await World(1.0).spans("/healthz", traceparent=f"{PARENT}-00")
    (span,) = await World(0.0).spans("/healthz", traceparent=f"{PARENT}-01")
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert span.name == "GET"  # there is nothing at this path


@pytest.mark.parametrize(
    "parent",
    ["", "1", f"{'f' * 5000}1", f"00-{'0' * 32}-b7ad6b7169203331-01", f"{PARENT[:36]}{'0' * 16}-01", f"{PARENT}-1"],
)
async def test_a_parent_that_is_none(parent: str) -> None:
    assert not await World(0.0).spans("/healthz", traceparent=parent), "nobody is traced for an odd header"
    (span,) = await World(1.0).spans("/healthz", traceparent=parent)
    assert span.parent is None


async def test_a_state_without_a_parent_is_none() -> None:
    assert not await World(0.0).spans("/healthz", tracestate="a=1")
    (span,) = await World(1.0).spans("/healthz", tracestate="a=1")
    assert span.parent is None


async def test_what_failed_is_an_error() -> None:
    world = World(1.0)
    world.plain.status = 503
    (span,) = await world.spans("/healthz")
    assert not span.status.is_ok
    world.plain.status = 0
    with pytest.raises(RuntimeError, match="of the server"):
        await world.spans("/healthz")
    assert len(world.exporter.get_finished_spans()) == 1


async def test_the_end_of_the_process_sends_what_is_left() -> None:
    world = World(1.0)

    async def nothing(*_: object) -> Any: ...

    world.plain.status = 404
    await world.app({"type": "lifespan"}, nothing, nothing)
    assert world.closed == 1
