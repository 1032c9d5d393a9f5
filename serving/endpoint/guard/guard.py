"""Stands before the routes that show lists: who asks, for whom, how often; and notes it for the audit."""

from __future__ import annotations

import time
from typing import Any

from serving.endpoint.guard.rate_limit import RateLimit
from serving.endpoint.guard.tokens import TokenHolder, Tokens, check_access
from serving.endpoint.line_log import LineLog
from serving.endpoint.messages import Given, Response
from serving.endpoint.problems import Problem
from serving.endpoint.routes import Route
from streams.contract.identities import Identities


class Guard:
    """Token, then limit, then answer. Each part can be None. What a token says of what its holder may see goes to the
    route among what is given, as `token_age` in years."""

    def __init__(
        self, tokens: Tokens | None, limit: RateLimit | None, audit: LineLog | None, identities: Identities
    ) -> None:
        self._stored_id = identities.of
        self._tokens = tokens
        self._limit = limit
        self._audit = audit

    async def answer(self, route: Route, given: Given, authorization: bytes | None, client: str) -> Response:
        """The route's answer. Raises 401, 403 and 429 Problems."""
        user_id: str | None = given.get("user_id")
        reader: TokenHolder | None = None
        try:
            if self._tokens is not None:
                reader = self._tokens.reader(authorization)
                check_access(reader, user_id, route.scope)
                if reader.age is not None:
                    given["token_age"] = reader.age
            if self._limit is None:
                response = await route.handler(given)
            else:
                # Asked in the same turn as the read, so both leave in one write and the verdict costs no round trip.
                question = self._limit.ask(self._stored_id(_counted(reader, user_id) or client))
                response = await route.handler(given)
                await self._limit.check(question)
        except Problem as problem:
            self._note(route, user_id, reader, client, problem.status)
            raise
        except Exception:
            self._note(route, user_id, reader, client, 500)
            raise
        self._note(route, user_id, reader, client, response.status)
        return response

    def _note(self, route: Route, user_id: str | None, reader: TokenHolder | None, client: str, status: int) -> None:
        if self._audit is None or route.scope is not None:  # only lists are anybody's
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


def _counted(reader: TokenHolder | None, user_id: str | None) -> str | None:
    """Whose request it is. A service asks in the name of its users: its own name would be one limit for all of them."""
    if reader is not None and not (reader.serves and user_id):
        return reader.subject
    return user_id
