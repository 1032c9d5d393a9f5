"""What the users of an experiment were shown and did, read from ClickHouse: as long as its tables keep it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from offline.experiments.exposures import BEFORE_MS, SURFACES, WATCHES, Did, Exposures, ShownList
from offline.experiments.metrics import ExposedUsers
from serving.experiments import SEPARATOR
from streams.contract.events import EventType, Interaction
from streams.contract.experiments import Experiment
from streams.sinks.clickhouse.rows import SERVED
from streams.sinks.clickhouse.schema import EVENTS
from streams.sinks.clickhouse.server import Server

#: Events that are counted.
_COUNTED = (EventType.CLICK, EventType.RATING, *sorted(WATCHES))
#: Lists that name the experiment, alone or beside others.
_NAMED = (
    "event_type = %(served)s AND surface IN %(surfaces)s AND timestamp_ms >= %(begin)s AND timestamp_ms < %(end)s"
    " AND (experiment_id = %(id)s OR position(experiment_id, %(separator)s) > 0)"
)
_FOREVER_MS = 2**53


def measure_clickhouse(
    server: Server, experiment: Experiment, genres: Mapping[str, Sequence[str]], window_ms: int
) -> tuple[ExposedUsers, int]:
    """The exposed users, and how many are left out because they changed the variant. Raises `StoreUnavailable` and
    `SchemaMissing`."""
    exposures = Exposures(experiment, window_ms, genres)
    begin_ms = experiment.started_ms or 0
    asked: dict[str, Any] = {
        "served": SERVED,
        "surfaces": tuple(sorted(SURFACES)),
        "begin": begin_ms,
        "end": experiment.stopped_ms or _FOREVER_MS,
        "id": experiment.experiment_id,
        "separator": SEPARATOR,
        "before": begin_ms - BEFORE_MS,
        "counted": tuple(kind.value for kind in _COUNTED),
    }
    table = f"{server.address.database}.{EVENTS} FINAL"
    for shown in _lists(server, table, asked):
        exposures.show(shown)
    for event in _events(server, table, asked):
        if exposures.wants(event.user_id):
            exposures.add(event.user_id, event.event_id, Did.of(event))
    return exposures.users(), exposures.changed


def _lists(server: Server, table: str, asked: dict[str, Any]) -> Iterator[ShownList]:
    rows = server.ask(
        "SELECT any(user_id), any(timestamp_ms), any(experiment_id), any(variant), any(list_source),"
        f" any(model_version), groupArray(item_number), groupArray(content_id) FROM {table} WHERE {_NAMED}"
        " GROUP BY user_id, event_id",
        asked,
    )
    for user_id, at_ms, experiment_id, variant, source, version, numbers, items in rows:
        if user_id:
            ordered = [item for _, item in sorted(zip(numbers, items, strict=True))]
            yield ShownList(user_id, at_ms, experiment_id, variant, source, ordered, version)


def _events(server: Server, table: str, asked: dict[str, Any]) -> Iterator[Interaction]:
    rows = server.ask(
        "SELECT event_id, event_type, user_id, content_id, timestamp_ms, watch_duration_s, completion_pct, rating"
        f" FROM {table} WHERE timestamp_ms >= %(before)s AND timestamp_ms < %(end)s AND event_type IN %(counted)s"
        f" AND user_id IN (SELECT user_id FROM {table} WHERE {_NAMED})",
        asked,
    )
    for event_id, kind, *said in rows:
        yield Interaction(event_id, EventType(kind), *said)
