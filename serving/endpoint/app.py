"""The ASGI application: lifespan, one request from bytes to bytes, and the loop that keeps fallbacks fresh.

Raw ASGI on purpose: a framework costs 200–400 µs a request where all of this costs a tenth.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from serving.endpoint.config import EndpointConfig
from serving.endpoint.cors import Cors
from serving.endpoint.messages import Request, Response
from serving.endpoint.problems import Problem
from serving.endpoint.routes import Handler, Routes, routes_of
from serving.endpoint.store import Store
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

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
        """ASGI. One coroutine from the address to the answer: every layer of them costs half a microsecond."""
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        headers = dict(scope["headers"])
        try:
            if scope["method"] == "OPTIONS":
                response = self._cors.preflight(headers.get(b"origin"))
            else:
                handler, request = self._checked(scope, headers)
                response = await handler(request)
        except Problem as problem:
            response = problem.response()
        except Exception:
            log.exception("an answer failed: %s", scope["path"])
            response = Problem(500, "the answer failed; the log of the service says why").response()
        start, body = self._messages(response, headers, scope["method"])
        await send(start)
        await send(body)

    def _messages(self, response: Response, headers: dict[bytes, bytes], method: str) -> tuple[Message, Message]:
        status, sent, body, etag = response
        if etag and b"if-none-match" in headers and _matches(headers[b"if-none-match"], etag):
            status, body = 304, b""
        sent += self._cors.headers(headers.get(b"origin"))
        if status not in (204, 304):
            sent.append((b"content-length", b"%d" % len(body)))
        start = {"type": "http.response.start", "status": status, "headers": sent}
        return start, {"type": "http.response.body", "body": b"" if method == "HEAD" else body}

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
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
        # Requests leave no reference cycles behind, so the collector only needs to look now and then.
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)

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

    def _checked(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[Handler, Request]:
        route, raw_id = self._routes.find(scope["raw_path"])
        if scope["method"] not in ("GET", "HEAD"):
            raise Problem(
                405, f"{scope['method'][:20]} is not allowed; nothing here changes state", sent_headers=_ALLOW
            )
        values = route.parameters.read(scope["query_string"])
        if route.path_parameter is not None:
            values[route.path_parameter.name] = route.path_parameter.read(raw_id, plus_is_space=False)
        return route.handler, Request(values, headers)


def _matches(if_none_match: bytes, etag: bytes) -> bool:
    if if_none_match == etag:
        return True
    asked = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
    return b"*" in asked or etag.removeprefix(b"W/") in asked
