"""The page's own server: its files, new persons, figures as they come (server-sent events), and operators' acts.

Lists and events are none of its business: the page asks the endpoint and posts to collect, as a shop's page would.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

import msgspec
import orjson

from ops.storefront.figures import Figures
from ops.storefront.people import NewPerson, profile_of
from serving.endpoint.asgi import Receive, Scope, Send
from streams.contract.reasons import InvalidEvent
from streams.kafka.errors import KafkaError
from streams.kafka.producer import Producer
from streams.kafka.topics import Topics

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 10_000
PAGE = {
    b"/": ("index.html", b"text/html; charset=utf-8"),
    b"/store.js": ("store.js", b"text/javascript; charset=utf-8"),
    b"/operators.js": ("operators.js", b"text/javascript; charset=utf-8"),
    b"/posters.js": ("posters.js", b"text/javascript; charset=utf-8"),
    b"/icon.svg": ("icon.svg", b"image/svg+xml"),
    b"/style.css": ("style.css", b"text/css; charset=utf-8"),
}
_JSON = b"application/json"


class Storefront:
    """ASGI. `config` is what the page has to know; `acts` are what operators may do, by name. It answers on `port` of
    this machine under its own names only: a page whose name is made to mean this machine would be of its origin."""

    def __init__(
        self,
        config: dict[str, Any],
        producer: Producer,
        topics: Topics,
        figures: Figures,
        acts: Mapping[str, Callable[[], Awaitable[str]]],
        port: int,
    ) -> None:
        self._hosts = {f"{name}:{port}".removesuffix(":80").encode() for name in ("127.0.0.1", "localhost")}
        self._config = config
        self._producer, self._topics = producer, topics
        self._figures, self._acts = figures, acts
        self._files = {
            path: (files("ops").joinpath("storefront/page", name).read_bytes(), kind)
            for path, (name, kind) in PAGE.items()
        }
        allowed = f"connect-src 'self' {config['endpoint']} {config['collect']}".encode()
        self._headers = [
            (
                b"content-security-policy",
                b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
                b"form-action 'none'; frame-ancestors 'none'; " + allowed,
            ),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-store"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        path, method = scope["raw_path"], scope["method"]
        headers = dict(scope["headers"])
        if headers.get(b"host", b"").lower() not in self._hosts:
            await self._send(send, 403, orjson.dumps({"detail": "the storefront has other names"}), _JSON)
            return
        if method == "GET" and path == b"/operators/figures":
            await self._stream(receive, send)
            return
        try:
            status, body, kind = await self._answer(path, method, headers, receive)
        except (msgspec.DecodeError, msgspec.ValidationError) as wrong:
            status, body, kind = 400, orjson.dumps({"detail": str(wrong)}), _JSON
        except InvalidEvent as wrong:
            status, body, kind = 422, orjson.dumps({"detail": wrong.detail}), _JSON
        except KafkaError as failure:
            status, body, kind = 503, orjson.dumps({"detail": str(failure)}), _JSON
        await self._send(send, status, body, kind)

    async def _send(self, send: Send, status: int, body: bytes, kind: bytes) -> None:
        headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *self._headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, path: bytes, method: str, headers: dict[bytes, bytes], receive: Receive
    ) -> tuple[int, bytes, bytes]:
        if method == "GET" and path in self._files:
            body, kind = self._files[path]
            return 200, body, kind
        if method == "GET" and path == b"/config.json":
            return 200, orjson.dumps(self._config), _JSON
        # What changes something is asked for in a way that pages of other origins cannot: with a JSON body.
        if method == "POST" and headers.get(b"content-type", b"") == _JSON:
            if path == b"/people":
                return await self._create(await _body(receive))
            act = self._acts.get(path.removeprefix(b"/operators/").decode("ascii", "replace"))
            if act is not None and path.startswith(b"/operators/"):
                await _body(receive)
                said = await act()
                self._figures.notices.append(said.splitlines()[0])
                return 200, orjson.dumps({"said": said}), _JSON
        return 404, orjson.dumps({"detail": "there is nothing here"}), _JSON

    async def _create(self, body: bytes) -> tuple[int, bytes, bytes]:
        user_id, record = profile_of(msgspec.json.decode(body, type=NewPerson), self._topics)
        await self._producer.publish(record)
        return 201, orjson.dumps({"user_id": user_id}), _JSON

    async def _stream(self, receive: Receive, send: Send) -> None:
        """Figures, one event a look, until the page is closed."""
        headers = [(b"content-type", b"text/event-stream"), *self._headers]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        changed = asyncio.Event()
        changed.set()
        end = self._figures.listen(changed.set)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while not gone.done():
                await asyncio.wait(
                    (waiting := asyncio.ensure_future(changed.wait()), gone), return_when="FIRST_COMPLETED"
                )
                waiting.cancel()
                changed.clear()
                text = orjson.dumps(self._figures.latest)
                await send({"type": "http.response.body", "body": b"data: %b\n\n" % text, "more_body": True})
        finally:
            end()
            gone.cancel()


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body") and len(body) <= MAX_BODY_BYTES:
        message = await receive()
        body += message.get("body", b"")
    return body[: MAX_BODY_BYTES + 1]


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
