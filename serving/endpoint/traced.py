"""The endpoint with traces: around the plain one, and only made when they are on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from serving.endpoint.app import Endpoint
from serving.endpoint.asgi import Message, Receive, Scope, Send

_PROPAGATOR: Final = TraceContextTextMapPropagator()
_W3C: Final = (b"traceparent", b"tracestate")


class TracedEndpoint:
    """ASGI. Traces requests that come with a sampled `traceparent`, and the `share` of those that come with none, or
    with one that is invalid. `close` is called at the end of the process.

    Spans have the route's template, never the address: that may hold a user id. Names and attributes: OpenTelemetry
    semantic conventions for HTTP servers, 1.27.
    """

    def __init__(self, endpoint: Endpoint, tracer: Tracer, share: float, close: Callable[[], None]) -> None:
        self._endpoint = endpoint
        self._tracer = tracer
        self._share = share
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._endpoint(scope, receive, send)
            self._close()
            return
        if scope["type"] != "http":
            await self._endpoint(scope, receive, send)
            return
        w3c = {name: value for name, value in scope["headers"] if name in _W3C}
        parent = _context_of(w3c) if w3c else None
        if not (random.random() < self._share if parent is None else _is_sampled(parent)):
            await self._endpoint(scope, receive, send)
            return
        await self._trace(parent, scope, receive, send)

    async def _trace(self, parent: Context | None, scope: Scope, receive: Receive, send: Send) -> None:
        method, route = str(scope["method"]), self._endpoint.template_of(scope["raw_path"])
        attributes = {"http.request.method": method, "url.scheme": str(scope.get("scheme", "http"))}
        if route:
            attributes["http.route"] = route
        span = self._tracer.start_span(f"{method} {route}".rstrip(), parent, SpanKind.SERVER, attributes)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_attribute("error.type", str(status))
                    span.set_status(StatusCode.ERROR)
            await send(message)

        try:
            await self._endpoint(scope, receive, noting)
        finally:
            span.end()


def _context_of(w3c: dict[bytes, bytes]) -> Context | None:
    """What a request's headers say; None unless they name a trace and a span of it."""
    context = _PROPAGATOR.extract({name.decode(): value.decode("ascii", "replace") for name, value in w3c.items()})
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _is_sampled(parent: Context) -> bool:
    return trace.get_current_span(parent).get_span_context().trace_flags.sampled
