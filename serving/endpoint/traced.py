"""The endpoint with traces: around the plain one, and only made when they are on."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from opentelemetry.trace import SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from serving.endpoint.app import Endpoint, Message, Receive, Scope, Send

_PROPAGATOR: Final = TraceContextTextMapPropagator()
#: The last character of a `traceparent` that is sampled.
_SAMPLED: Final = frozenset(b"13579bdf")
_W3C: Final = (b"traceparent", b"tracestate")


class TracedEndpoint:
    """ASGI. Traces requests that come with a sampled `traceparent`, and the `share` of those that come with none.
    `close` is called at the end of the process.

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
        parent = w3c.get(_W3C[0])
        is_traced = parent[-1:] and parent[-1] in _SAMPLED if parent is not None else random.random() < self._share
        if not is_traced:
            await self._endpoint(scope, receive, send)
            return
        carrier = {name.decode(): value.decode("ascii", "replace") for name, value in w3c.items()}
        await self._trace(carrier, scope, receive, send)

    async def _trace(self, carrier: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        method, route = str(scope["method"]), self._endpoint.template_of(scope["raw_path"])
        attributes = {"http.request.method": method, "url.scheme": str(scope.get("scheme", "http"))}
        if route:
            attributes["http.route"] = route
        span = self._tracer.start_span(
            f"{method} {route}".rstrip(), _PROPAGATOR.extract(carrier), SpanKind.SERVER, attributes
        )

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
