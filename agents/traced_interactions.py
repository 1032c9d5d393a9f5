"""The user plane's step and lists with traces of single records; made instead of the plain ones when traces are on, so
that there is nothing to skip when they are off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord
from opentelemetry.trace import Span

from agents.interactions import InteractionsStep
from agents.lists.list_keeper import ListKeeper
from agents.record_traces import ListsOfBatch, RecordTraces, never_raising
from serving.redis_writer import Group
from streams.contract.identities import Identities
from streams.contract.reasons import Reason
from tables.user import User
from tables.user_plane import UserPlane


class TracedStep(InteractionsStep):
    """Ends the span of each traced record with what became of it."""

    def __init__(self, traces: RecordTraces, identities: Identities, *parts: Any) -> None:
        super().__init__(*parts)
        self._traces = traces
        self._identities = identities
        self._reason: Reason | None = None

    def fold(self, record: ConsumerRecord) -> None:
        """As the plain one."""
        span = self._traces.begin(record) if record.headers else None
        if span is None:
            super().fold(record)
            return
        self._reason = None
        super().fold(record)
        if self._reason is not None:
            self._traces.rejected(span, self._reason)
        else:  # so the key is the user id
            self._folded(span, record)

    @never_raising
    def _folded(self, span: Span, record: ConsumerRecord) -> None:
        self._traces.folded(span, self._identities.of(record.key.decode()))

    def _reject(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        self._reason = reason
        super()._reject(record, reason, detail)


class TracedLists(ListKeeper):
    """Tells traced records when the list of their user is made, and written."""

    def __init__(self, traces: RecordTraces, *parts: Any) -> None:
        super().__init__(*parts)
        self._traces = traces
        self._batch: ListsOfBatch | None = None

    async def _write_some(self, plane: UserPlane, users: list[str], next_offset: int) -> None:
        self._batch = self._traces.lists_of(users)
        await super()._write_some(plane, users, next_offset)

    async def _make(self, users: Mapping[str, User], now_ms: int) -> dict[str, Group]:
        made = await super()._make(users, now_ms)
        if self._batch is not None:
            self._batch.made()
        return made

    def _note_written(self, plane: UserPlane, listed: Sequence[str]) -> None:
        super()._note_written(plane, listed)
        if self._batch is not None:
            self._traces.done(self._batch.written(listed) or ())
            self._batch = None
