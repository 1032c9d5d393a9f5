"""Rows of `recommendation_events`: one of an event, one of each item of a list that was shown. Pure.

What replaces what: rows with one hour, user, event id and item number are one row. A record that is written again is
the same row; of two records with one event id (a producer that sent twice) the earlier one stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from streams.contract.units import HOUR_MS, SECOND_MS
from streams.sinks.clickhouse.schema import EVENTS, TABLES
from streams.sinks.sink import Block, Event, Shown, StoreRow

COLUMNS: Final = tuple(next(table for table in TABLES if table.name == EVENTS).columns)
HOUR_AT: Final = COLUMNS.index("event_hour")
TIMESTAMP_AT: Final = COLUMNS.index("timestamp")
#: What a list that was shown is called among the types of events.
SERVED: Final = "served"
#: How a row says that it is of the list itself.
SHOWN: Final = "shown"
NOWHERE: Final = -1
_LATEST: Final = 2**63 - 1


def rows_of(block: Block) -> Sequence[StoreRow]:
    """The rows of a block, in the order of the log."""
    topic, partition = block.topic, block.partition
    rows = [StoreRow(topic, partition, event.offset, _of_event(event, topic, partition)) for event in block.events]
    for shown in block.lists:
        rows += [StoreRow(topic, partition, shown.offset, values) for values in _of_list(shown, topic, partition)]
    return rows


def _hour_s(time_ms: int) -> int:
    return time_ms // HOUR_MS * HOUR_MS // SECOND_MS


def _of_event(event: Event, topic: str, partition: int) -> tuple[Any, ...]:
    said, found = event.interaction, event.attribution
    shown, item = (found.shown, found.item) if found is not None else (None, None)
    sent_position = NOWHERE if said.position is None else said.position
    return (
        _hour_s(said.timestamp_ms),
        said.timestamp_ms,
        said.timestamp_ms,
        said.event_id,
        0,
        said.user_id,
        said.session_id or "",
        said.item_id,
        said.event_type.value,
        item.algorithm if item else "",
        item.position if item else sent_position,
        item.row if item else "",
        item.score if item else 0.0,
        said.device_type or (shown.device_type if shown else ""),
        said.country or (shown.country if shown else ""),
        said.language or "",
        said.experiment_id or (shown.experiment_id if shown else ""),
        said.variant or (shown.variant if shown else ""),
        shown.model_version if shown else "",
        said.recommendation_id or (shown.recommendation_id if shown else ""),
        found.by if found is not None else "",
        shown.surface if shown else "",
        shown.context if shown else "",
        shown.source if shown else "",
        said.referrer or "",
        said.query or "",
        said.watch_duration_s,
        said.completion_pct,
        said.rating,
        event.append_time_ms,
        topic,
        partition,
        event.offset,
        _LATEST - event.offset,
    )


def _of_list(record: Shown, topic: str, partition: int) -> Iterator[tuple[Any, ...]]:
    shown = record.shown
    for number, item in enumerate(shown.items):
        yield (
            _hour_s(shown.timestamp),
            shown.timestamp,
            shown.timestamp,
            record.record_id,
            number,
            shown.user_id,
            "",
            item.item_id,
            SERVED,
            item.algorithm,
            item.position,
            item.row,
            item.score,
            shown.device_type,
            shown.country,
            "",
            shown.experiment_id,
            shown.variant,
            shown.model_version,
            shown.recommendation_id,
            SHOWN,
            shown.surface,
            shown.context,
            shown.source,
            "",
            "",
            None,
            None,
            None,
            record.append_time_ms,
            topic,
            partition,
            record.offset,
            _LATEST - record.offset,
        )
