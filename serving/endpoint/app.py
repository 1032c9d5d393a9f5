"""The ASGI application: lifespan, one request from bytes to bytes, and the loop that keeps fallbacks fresh.

Raw ASGI on purpose: a framework costs 200–400 µs a request where all of this costs a tenth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.endpoint.config import EndpointConfig
from serving.endpoint.cors import Cors
from serving.endpoint.messages import Request, Response
from serving.endpoint.problems import Problem
from serving.endpoint.routes import Routes, routes_of
from serving.endpoint.store import Store
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_ALLOW = [(b"allow", b"GET, HEAD, OPTIONS")]


class Endpoint:
    """One process's endpoint. Runs under any ASGI server that supports the lifespan protocol."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._cors = Cors(config.cors_origins)
        self._address = RedisAddress.from_url(config.redis_url)  # a wrong URL ends the start, not the first request
        self._routes: Routes
        self._store: Store
        self._refresher: asyncio.Task[None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._http(scope, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self) -> None:
        link = RedisLink(self._address, deadline_s=self._config.redis_deadline_ms / 1000)
        self._store = Store(self._config, link)
        self._routes = routes_of(self._store, self._config.max_age_s)
        await link.start()
        await self._refresh_once()
        self._refresher = asyncio.create_task(self._keep_fresh())

    async def _stop(self) -> None:
        self._refresher.cancel()
        await asyncio.gather(self._refresher, return_exceptions=True)
        await self._store.link.close()

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._config.refresh_ms / 1000)
            await self._refresh_once()

    async def _refresh_once(self) -> None:
        try:
            await self._store.refresh()
        except RedisUnavailable as error:
            log.debug("not refreshed: %s", error)  # the link counts it; what we hold stays in use

    async def _http(self, scope: Scope, send: Send) -> None:
        headers = dict(scope["headers"])
        response = await self._answer(scope, headers)
        body = response.body
        status = response.status
        if response.etag and b"if-none-match" in headers and _matches(headers[b"if-none-match"], response.etag):
            status, body = 304, b""
        sent = [*response.headers, *self._cors.headers(headers.get(b"origin"))]
        if status not in (204, 304):
            sent.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes]) -> Response:
        try:
            route, raw_id = self._routes.find(scope["raw_path"])
            method = scope["method"]
            if method not in ("GET", "HEAD"):
                if method == "OPTIONS":
                    return self._cors.preflight(headers.get(b"origin"))
                raise Problem(405, f"{method[:20]} is not allowed; nothing here changes state", sent_headers=_ALLOW)
            values = route.parameters.read(scope["query_string"])
            if route.path_parameter is not None:
                values[route.path_parameter.name] = route.path_parameter.read(raw_id, plus_is_space=False)
            return await route.handler(Request(values, headers))
        except Problem as problem:
            return problem.response()
        except Exception:
            log.exception("an answer failed: %s", scope["path"])
            return Problem(500, "the answer failed; the log of the service says why").response()


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    if if_none_match == etag:
        return True
    asked = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return b"*" in asked or etag.removeprefix(b"W/") in asked
