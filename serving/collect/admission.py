"""Who sends, for whom, how much: token, then a limit for each user whose events they are; noted for the audit."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from serving.collect.request_body import RefusedEvent, SentEvents
from serving.endpoint.guard.rate_limit import RateLimit
from serving.endpoint.guard.tokens import WRITE_ANY, TokenHolder, Tokens, check_writer
from serving.endpoint.line_log import LineLog
from serving.endpoint.problems import Problem
from streams.contract.identities import Identities

RATE_LIMITED = "rate_limited"
TOO_MANY_AT_ONCE = "too_many_at_once"


class Admission:
    """Each part can be None. A token that sets no header may be in the body (`access_token`)."""

    def __init__(
        self, tokens: Tokens | None, limit: RateLimit | None, audit: LineLog | None, identities: Identities
    ) -> None:
        self._tokens, self._limit, self._audit = tokens, limit, audit
        self._stored_id = identities.of

    def check_token(self, route: str, authorization: bytes, client: str) -> None:
        """Before a body is read for whoever sends it. Raises a 401 Problem."""
        if self._tokens is None:
            return
        try:
            self._tokens.reader(authorization)
        except Problem as problem:
            self._note(route, SentEvents(), None, client, problem.status)
            raise

    async def admit(self, route: str, sent: SentEvents, authorization: bytes | None, client: str) -> int:
        """Moves events beyond their user's limit to the refused ones; after how many ms the last of those may come.
        Raises 401 and 403 Problems."""
        writer: TokenHolder | None = None
        status = 202
        try:
            users = Counter(event.user_id for event in sent.checked)
            if self._tokens is not None:
                if authorization is None and sent.access_token is not None:
                    authorization = b"Bearer " + sent.access_token.encode("utf-8", "replace")
                writer = self._tokens.reader(authorization)
                check_writer(writer, users)
            return await self._limited(sent, users)
        except Problem as problem:
            status = problem.status
            raise
        finally:
            self._note(route, sent, writer, client, status)

    async def _limited(self, sent: SentEvents, users: Counter[str]) -> int:
        limit = self._limit
        if limit is None:
            return 0
        why: dict[str, tuple[str, str]] = {}
        asked: dict[str, asyncio.Future[int] | None] = {}
        for user_id, count in users.items():
            if count <= limit.most_at_once:
                asked[user_id] = limit.ask(self._stored_id(user_id), count)
            else:  # waiting would not help, so nothing is counted
                detail = f"{count} events of this user; at most {limit.most_at_once} may be sent at once"
                why[user_id] = TOO_MANY_AT_ONCE, detail
        longest_ms = 0
        for user_id, question in asked.items():
            if wait_ms := await limit.wait_ms(question):
                longest_ms = max(longest_ms, wait_ms)
                why[user_id] = (
                    RATE_LIMITED,
                    f"this user's events are too many; try again in {-(-wait_ms // 1000)} s",
                )
        if why:
            refused = [RefusedEvent(one.place, *why[one.user_id]) for one in sent.checked if one.user_id in why]
            sent.refused = sorted(sent.refused + refused)
            sent.checked = [event for event in sent.checked if event.user_id not in why]
        return longest_ms

    def _note(self, route: str, sent: SentEvents, writer: TokenHolder | None, client: str, status: int) -> None:
        if self._audit is None:
            return
        users = {event.user_id for event in sent.checked}
        self._audit.add(
            {
                "log": "audit",
                "time_ms": time.time_ns() // 1_000_000,
                "reader": self._stored_id(writer.subject) if writer else None,
                "serves": WRITE_ANY in writer.scopes if writer else None,
                "client": client,
                "user_id": self._stored_id(next(iter(users))) if len(users) == 1 else None,
                "users": len(users),
                "events": len(sent.checked),
                "route": route,
                "status": status,
            }
        )
