"""The ASGI application: lifespan, and one request from bytes to bytes.

Raw ASGI on purpose: a framework costs 200–400 µs a request where all of this costs a tenth.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from time import perf_counter

from serving.endpoint.asgi import Receive, Scope, Send, live
from serving.endpoint.config import EndpointConfig
from serving.endpoint.cors import Cors
from serving.endpoint.guard.guard import Guard
from serving.endpoint.messages import Headers
from serving.endpoint.problems import Problem
from serving.endpoint.routes import Route, Routes, routes_of
from serving.endpoint.sampled_log import SampledLog
from serving.endpoint.services import Services
from serving.endpoint.shown import ShownAnswer
from serving.redis_address import RedisUrl

log = logging.getLogger(__name__)

_ALLOW = [(b"allow", b"GET, HEAD, OPTIONS")]
#: What answers carry where security is on.
CAUTIOUS: Headers = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000"),
]


class Endpoint:
    """One process's endpoint. Runs under any ASGI server that supports the lifespan protocol."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._cors = Cors(config.cors_origins)
        self._redis = RedisUrl.parse(config.redis_url)  # a wrong URL ends the start, not the first request
        self._added_headers = CAUTIOUS if config.tokens else []
        self._adds_headers = bool(config.cors_origins or self._added_headers)
        self._services: Services
        self._routes: Routes
        self._guard: Guard | None = None
        self._tell: Callable[[ShownAnswer], None]
        self._observe: Callable[[str, int, float], None]
        self._access_log: SampledLog | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. One coroutine from the address to the answer: every layer of them costs half a microsecond."""
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        began_s, method = perf_counter(), scope["method"]
        headers = dict(scope["headers"])
        route: Route | None = None
        try:
            if method == "OPTIONS":
                response = self._cors.preflight(headers.get(b"origin"))
            else:
                route, raw_id = self._routes.find(scope["raw_path"])
                if method != "GET" and method != "HEAD":
                    raise Problem(405, f"{method[:20]} is not allowed: read only", sent_headers=_ALLOW)
                given = route.parameters.read(scope["query_string"])
                if route.path_parameter is not None:
                    given[route.path_parameter.name] = route.path_parameter.read(raw_id, plus_is_space=False)
                if self._guard is None or not route.guarded:
                    response = await route.handler(given)
                else:
                    client = scope.get("client") or ("", 0)
                    response = await self._guard.answer(route, given, headers.get(b"authorization"), client[0])
        except Problem as problem:
            response = problem.response()
        except Exception:
            log.exception("an answer failed: %s", route.operation if route is not None else "no route")
            response = Problem(500, "the answer failed; the log of the service says why").response()
        status, sent, body, etag, shown = response
        if etag and b"if-none-match" in headers and _matches(headers[b"if-none-match"], etag):
            status, body = 304, b""
        if self._adds_headers:
            sent += self._cors.headers(headers.get(b"origin"))
            sent += self._added_headers
        if status != 204 and status != 304:
            sent.append((b"content-length", b"%d" % len(body)))
        if method == "HEAD":
            body = b""
        elif shown is not None:
            self._tell(shown)
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": body})
        name, duration_s = route.operation if route is not None else "none", perf_counter() - began_s
        self._observe(name, status, duration_s)
        if self._access_log is not None:
            self._access_log.add(name, status, len(body), duration_s)

    def template_of(self, raw_path: bytes) -> str:
        """The address with names in the place of ids; "" when there is nothing at this path."""
        try:
            return self._routes.find(raw_path)[0].template
        except Problem:
            return ""

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(
                receive,
                send,
                self._start,
                lambda: self._services.stop(),
                lambda: log.exception("the endpoint cannot start"),
            )
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _start(self) -> None:
        config = self._config
        services = self._services = Services(config, self._redis)
        self._observe, self._tell = services.metrics.observe, services.tell
        self._routes = routes_of(services)
        if services.tokens or services.limit or config.audit:
            audit = services.lines if config.audit else None
            self._guard = Guard(services.tokens, services.limit, audit, config.identities)
        if config.access_log_share:
            self._access_log = SampledLog(services.lines, config.access_log_share)
        await services.start()
        # Requests leave no reference cycles behind, so the collector only needs to look now and then.
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    if if_none_match == etag:
        return True
    asked = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return b"*" in asked or etag.removeprefix(b"W/") in asked
