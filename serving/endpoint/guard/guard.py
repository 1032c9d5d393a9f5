"""Stands before the routes that show lists: who asks, for whom, how often; and notes it for the audit."""

from __future__ import annotations

import time
from typing import Any

from serving.endpoint.guard.rate_limit import RateLimit
from serving.endpoint.guard.tokens import Reader, Tokens, check_subject
from serving.endpoint.line_log import LineLog
from serving.endpoint.messages import Request, Response
from serving.endpoint.problems import Problem
from serving.endpoint.routes import Route
from streams.identities import Identities


class Guard:
    """Token, then limit, then answer. Each part can be None."""

    def __init__(
        self, tokens: Tokens | None, limit: RateLimit | None, audit: LineLog | None, identities: Identities
    ) -> None:
        self._stored_id = identities.of
        self._tokens = tokens
        self._limit = limit
        self._audit = audit

    async def answer(self, route: Route, request: Request, client: str) -> Response:
        """The route's answer. Raises 401, 403 and 429 Problems."""
        user_id: str | None = request.parameters.get("user_id")
        reader: Reader | None = None
        try:
            if self._tokens is not None:
                reader = self._tokens.reader(request.headers.get(b"authorization"))
                check_subject(reader, user_id)
            if self._limit is None:
                response = await route.handler(request)
            else:
                # Asked in the same turn as the read, so both leave in one write and the verdict costs no round trip.
                question = self._limit.ask(self._stored_id(reader.subject if reader else user_id or client))
                response = await route.handler(request)
                await self._limit.check(question)
        except Problem as problem:
            self._note(route, user_id, reader, client, problem.status)
            raise
        self._note(route, user_id, reader, client, response.status)
        return response

    def _note(self, route: Route, user_id: str | None, reader: Reader | None, client: str, status: int) -> None:
        if self._audit is None:
            return
        line: dict[str, Any] = {
            "log": "audit",
            "time_ms": time.time_ns() // 1_000_000,
            "reader": self._stored_id(reader.subject) if reader else None,
            "serves": reader.serves if reader else None,
            "client": client,
            "user_id": user_id and self._stored_id(user_id),
            "route": route.operation,
            "status": status,
        }
        self._audit.add(line)
