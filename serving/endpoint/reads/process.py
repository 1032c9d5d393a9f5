"""GET /healthz, /readyz, /openapi.json: about the process itself."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import orjson

from serving.endpoint.messages import Given, Response, cache_control, json_response
from serving.endpoint.problems import Problem
from serving.endpoint.services import Services

NO_STORE = cache_control(b"no-store")


class Health:
    """The process runs and its event loop turns; says nothing about Redis."""

    async def __call__(self, _given: Given) -> Response:
        """200."""
        return json_response(b'{"status":"ok"}', NO_STORE)


class Ready:
    """Whether to send readers here, and why not.

    A Redis that is away does not make a process unready that has fallback lists: a balancer would then take all
    processes out at once, where all of them can still answer. A process that has not read them yet is not ready, though
    Redis is there: for whoever has no list, or at the first late reply, its answer would be empty. One that cannot
    bring up to date what may be shown is not ready either; other background tasks that fail are only named.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    async def __call__(self, _given: Given) -> Response:
        """200 with the state, or a 503 problem with the same state."""
        link, versions = self._store.link, self._store.versions
        state: dict[str, Any] = {
            "redis": "up" if link.is_up else link.why_down or "the circuit is open",
            "redis_trips": link.trips,
            "redis_connects": link.connects,
            "fallback_lists": len(self._store.shared),
            "readers_known": len(self._store.audiences),
            "live_sequence": versions.sequence,
            "versions": [version.keys.version for version in versions.all],
            "failing": self._services.supervisor.failing,
        }
        if not self._store.refreshed:
            why = "no fallback list was ever seen"
            if not link.is_up:
                why = f"Redis is away and {why}; whoever reads is a stranger, unless their token says what they may see"
            raise Problem(503, why, **state)
        if why := self._services.unready:
            raise Problem(503, why, **state)
        return json_response(orjson.dumps({"status": "ready", **state}), NO_STORE)


class MetricsPage:
    """Prometheus metrics of all processes of this endpoint."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, _given: Given) -> Response:
        """200, as text."""
        self._services.count()
        headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), NO_STORE]
        return Response(200, headers, self._services.metrics.page())


class OpenApi:
    """The checked-in description of every route."""

    def __init__(self) -> None:
        self._body = files("serving").joinpath("endpoint/openapi.json").read_bytes()

    async def __call__(self, _given: Given) -> Response:
        """200."""
        return json_response(self._body, cache_control(b"public, max-age=300"))
