"""The ASGI application that takes events: one request from bytes to Kafka's acknowledgement and back.

POST /api/v1/events                 events as the log has them
POST /api/v1/interactions/track     the same; one without a timestamp happened now
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Mapping
from importlib.resources import files
from time import perf_counter
from typing import Any, Final

import orjson

from serving.collect.admission import RATE_LIMITED, Admission
from serving.collect.config import CollectConfig
from serving.collect.event_writer import EventWriter, LogPlace, QueueFull, Receipt
from serving.collect.metrics import CollectMetrics
from serving.collect.request_body import MAX_BODY_BYTES, SentEvents, read_body
from serving.endpoint.app import CAUTIOUS
from serving.endpoint.asgi import Receive, Scope, Send, live
from serving.endpoint.cors import Cors
from serving.endpoint.guard.rate_limit import LOAD, RateLimit, too_many
from serving.endpoint.guard.tokens import METRICS, Tokens, check_access
from serving.endpoint.line_log import LineLog
from serving.endpoint.messages import JSON_TYPE, NOSNIFF, Response, cache_control, json_response
from serving.endpoint.problems import Problem
from serving.endpoint.sampled_log import SampledLog
from serving.keys import Keys
from serving.redis_address import RedisUrl
from serving.redis_link import DEADLINE_S, Link
from serving.redis_links import link_to
from serving.supervisor import LoopSupervisor

log = logging.getLogger(__name__)

EVENTS: Final = b"/api/v1/events"
TRACK: Final = b"/api/v1/interactions/track"
#: By path: its name, and whether events get the time of their arrival when they have none.
WRITES: Final = {EVENTS: ("events", False), TRACK: ("track", True)}
#: A page's `navigator.sendBeacon` sends text/plain, which browsers send to other origins without asking before.
TYPES: Final = (b"", b"application/json", b"text/plain")
RETRY_AFTER_S: Final = 2
#: How long a body may take to arrive.
BODY_S: Final = 10.0
#: Kafka that was away for so long makes the process unready: a balancer may know one that reaches it.
UNREADY_AFTER_S: Final = 15.0
_NO_STORE = cache_control(b"no-store")


class Collector:
    """One process. Runs under any ASGI server that supports the lifespan protocol."""

    def __init__(self, config: CollectConfig) -> None:
        self._config = config
        self._cors = Cors(config.cors_origins, b"POST", b"authorization, content-type")
        self._redis = RedisUrl.parse(config.redis_url)
        self._added_headers = CAUTIOUS if config.tokens else []
        self._document = files("serving").joinpath("collect/openapi.json").read_bytes()
        self._access_log: SampledLog | None = None
        self._admission: Admission | None = None
        self._link: Link | None = None
        self._arriving_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await live(receive, send, self._start, self._stop, lambda: log.exception("collecting cannot start"))
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        began_s = perf_counter()
        headers = dict(scope["headers"])
        route = "none"
        try:
            route, response = await self._respond(scope, headers, receive)
        except Problem as problem:
            route, response = WRITES.get(scope["raw_path"], (route, False))[0], problem.response()
        except Exception:
            log.exception("an answer failed")
            response = Problem(500, "the answer failed; the log of the service says why").response()
        status, sent, body, _, _ = response
        sent += self._cors.headers(headers.get(b"origin"))
        sent += self._added_headers
        if status != 204:
            sent.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        duration_s = perf_counter() - began_s
        self._metrics.observe(route, status, duration_s)
        if self._access_log is not None:
            self._access_log.add(route, status, len(body), duration_s)

    async def _respond(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> tuple[str, Response]:
        path, method = scope["raw_path"], scope["method"]
        if method == "OPTIONS":
            return "none", self._cors.preflight(headers.get(b"origin"))
        if path in WRITES:
            if method != "POST":
                raise Problem(405, f"{method[:20]} is not allowed: events are posted", sent_headers=[_ALLOW_POST])
            route, adds_time = WRITES[path]
            if scope["query_string"]:
                raise Problem(400, "there are no parameters here; everything is in the body")
            return route, await self._take(route, adds_time, scope, headers, receive)
        read = self._reads.get(path)
        if read is None:
            raise Problem(404, "there is nothing at this path; /openapi.json lists what there is")
        if method not in ("GET", "HEAD"):
            raise Problem(405, f"{method[:20]} is not allowed: read only", sent_headers=[_ALLOW_GET])
        return path[1:].decode(), read(headers)

    # -- events ---------------------------------------------------------------------------------------------------

    async def _take(
        self, route: str, adds_time: bool, scope: Scope, headers: dict[bytes, bytes], receive: Receive
    ) -> Response:
        # A page's text/plain is sent by browsers without asking before, whatever a preflight would have said.
        if not self._cors.may_send(headers.get(b"origin")):
            raise Problem(403, "pages of this origin may not send; FRESHET_COLLECT_CORS_ORIGINS lists those that may")
        content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if content_type not in TYPES:
            raise Problem(415, "events are application/json, or the same as text/plain", allowed="application/json")
        announced = headers.get(b"content-length", b"0")
        if len(announced) > 9 or int(announced) > MAX_BODY_BYTES:
            raise _too_large()
        client = (scope.get("client") or ("",))[0]
        authorization = headers.get(b"authorization")
        if self._admission is not None and authorization is not None:  # else a token may be in the body
            self._admission.check_token(route, authorization, client)
        body = await self._read(receive)
        sent = read_body(body, time.time_ns() // 1_000_000, adds_time=adds_time)
        wait_ms = 0
        if self._admission is not None:
            wait_ms = await self._admission.admit(route, sent, authorization, client)
        receipt: Receipt | None = None
        away = ""
        if sent.checked:
            try:
                receipt = await self._writer.write(sent.checked)
            except QueueFull as full:
                away = str(full)
            else:
                if len(receipt.kept) < len(sent.checked):
                    away = self._writer.why_away or "Kafka did not acknowledge in time"
        for refused in sent.refused:
            self._metrics.refused[refused.reason] += 1
        return _answer(sent, receipt.kept if receipt is not None else {}, away, wait_ms)

    async def _read(self, receive: Receive) -> bytes:
        """The whole of a body, which may arrive in pieces; read no further than is too large. All that are being read
        are bounded together, as what waits for Kafka is."""
        pieces: list[bytes] = []
        length = 0
        try:
            async with asyncio.timeout(BODY_S):
                more = True
                while more:
                    message = await receive()
                    pieces.append(message.get("body", b""))
                    length += len(pieces[-1])
                    self._arriving_bytes += len(pieces[-1])
                    if length > MAX_BODY_BYTES:
                        raise _too_large()
                    more = message.get("more_body", False)
                    if more and self._arriving_bytes > max(length, self._config.queue_bytes):
                        sent_headers = [(b"retry-after", b"%d" % RETRY_AFTER_S)]
                        detail = "too many bodies arrive at once; none of this one's events is in the log"
                        raise Problem(503, detail, sent_headers=sent_headers, retry_after_s=RETRY_AFTER_S)
        except TimeoutError:
            raise Problem(408, f"the body did not arrive within {BODY_S:g} s") from None
        finally:
            self._arriving_bytes -= length
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # -- about the process ----------------------------------------------------------------------------------------

    def _health(self, _headers: dict[bytes, bytes]) -> Response:
        return json_response(b'{"status":"ok"}', _NO_STORE)

    def _ready(self, _headers: dict[bytes, bytes]) -> Response:
        writer = self._writer
        state: dict[str, Any] = {
            "kafka": writer.why_away or "up",
            "queued_bytes": writer.queued_bytes,
            "failing": sorted(self._supervisor.failing),  # why names hosts: that is in the log
        }
        if not writer.was_connected or (writer.why_away and time.monotonic() - writer.away_since_s > UNREADY_AFTER_S):
            raise Problem(503, f"Kafka takes no events: {writer.why_away}", **state)
        if self._tokens is not None and (why := self._tokens.unusable):
            raise Problem(503, why, **state)
        return json_response(orjson.dumps({"status": "ready", **state}), _NO_STORE)

    def _metrics_page(self, headers: dict[bytes, bytes]) -> Response:
        if self._tokens is not None:
            check_access(self._tokens.reader(headers.get(b"authorization")), None, METRICS)
        kind = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        return Response(200, [kind, _NO_STORE], self._metrics.page())

    def _openapi(self, _headers: dict[bytes, bytes]) -> Response:
        return json_response(self._document, cache_control(b"public, max-age=300"))

    # -- its life -------------------------------------------------------------------------------------------------

    async def _start(self) -> None:
        config = self._config
        self._supervisor = LoopSupervisor()
        self._writer = EventWriter(
            config.kafka_bootstrap,
            config.topic,
            queue_bytes=config.queue_bytes,
            wait_s=config.wait_s,
            supervisor=self._supervisor,
        )
        self._metrics = CollectMetrics(self._writer)
        self._lines = LineLog(supervisor=self._supervisor)
        self._tokens = Tokens(config.tokens) if config.tokens else None
        limit: RateLimit | None = None
        if config.rate_per_minute:
            self._link = link_to(self._redis, DEADLINE_S, (LOAD,), self._supervisor)
            limit = RateLimit(self._link, Keys(config.namespace, "v1").root, config.rate_per_minute, "events")
            await self._link.start()
        audit = self._lines if config.audit else None
        if self._tokens is not None or limit is not None or audit is not None:
            self._admission = Admission(self._tokens, limit, audit, config.identities)
        if config.access_log_share:
            self._access_log = SampledLog(self._lines, config.access_log_share)
        self._reads = {
            b"/healthz": self._health,
            b"/readyz": self._ready,
            b"/metrics": self._metrics_page,
            b"/openapi.json": self._openapi,
        }
        if self._tokens is not None:
            await self._tokens.start(self._supervisor)
        self._lines.start()
        self._writer.start()
        gc.freeze()  # as in the endpoint: requests leave no cycles behind
        gc.set_threshold(100_000, 50, 100)

    async def _stop(self) -> None:
        await self._writer.close()
        await self._lines.close()
        await self._supervisor.close()
        if self._link is not None:
            await self._link.close()


_ALLOW_POST = (b"allow", b"POST, OPTIONS")
_ALLOW_GET = (b"allow", b"GET, HEAD, OPTIONS")


def _as_member(position: LogPlace) -> bytes:
    return b"null" if position.offset < 0 else b'{"partition":%d,"offset":%d}' % position


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {MAX_BODY_BYTES} bytes", allowed=MAX_BODY_BYTES)


def _answer(sent: SentEvents, kept: Mapping[int, LogPlace], away: str, wait_ms: int) -> Response:
    """What became of every event. 202 means that all of them are in the log, acknowledged. `wait_ms`: after so long no
    event is beyond a limit. Raises 422, 429 and 503 Problems."""
    if not sent.refused and not away:
        ids = b",".join([orjson.dumps(event.event_id) for event in sent.checked])
        positions = b",".join([_as_member(kept[event.place]) for event in sent.checked])
        body = b'{"accepted":%d,"event_ids":[%b],"positions":[%b]}' % (len(sent.checked), ids, positions)
        return Response(202, [JSON_TYPE, _NO_STORE, NOSNIFF], body)
    ids_by_place = {event.place: event.event_id for event in sent.checked}
    told: dict[str, Any] = {
        "accepted": len(kept),
        "event_ids": [ids_by_place.get(n) if n in kept else None for n in range(len(ids_by_place) + len(sent.refused))],
        "rejected": [refused.as_member() for refused in sent.refused],
    }
    if away:
        told["unconfirmed"] = {str(place): event_id for place, event_id in ids_by_place.items() if place not in kept}
        raise Problem(
            503,
            f"Kafka did not acknowledge every event: {away}. Send those of `unconfirmed` again with the same event_id.",
            sent_headers=[(b"retry-after", b"%d" % RETRY_AFTER_S)],
            retry_after_s=RETRY_AFTER_S,
            **told,
        )
    if wait_ms and not kept and all(refused.reason == RATE_LIMITED for refused in sent.refused):
        raise too_many("events", wait_ms, **told)
    raise Problem(422, f"{len(sent.refused)} events are refused; the others are in the log", **told)
