"""ClickHouse and the topics say the same of who was shown what and did what."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from made_up_experiments import STARTED_MS, running

from offline.experiments.exposures import ShownList, exposed_users
from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import free_port
from ops.operator.experiments.measure_clickhouse import measure_clickhouse
from streams.contract.events import EventType, Interaction
from streams.contract.served import ServedItem, ServedList
from streams.contract.units import DAY_MS, HOUR_MS
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.clickhouse.rows import rows_of
from streams.sinks.clickhouse.schema import apply
from streams.sinks.clickhouse.server import Server
from streams.sinks.clickhouse.sink import ClickHouseSink
from streams.sinks.sink import Block, Event, Shown

GENRES = {"i0": ("a", "b"), "i1": ("a",), "i2": ("c",)}
EXPERIMENT = running(state="stopped", stopped_ms=STARTED_MS + 5 * DAY_MS)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The tables in a real ClickHouse of the test's own."""
    if clickhouse_command() is None:
        pytest.skip(HOW_TO_INSTALL)
    clickhouse = ClickHouseServer(tmp_path, free_port())
    clickhouse.start()
    server = Server(ClickHouseAddress.from_url(f"clickhouse://{clickhouse.address}", "test"))
    apply(server, 30)
    yield server
    server.close()
    clickhouse.stop()


def lists() -> list[ServedList]:
    """Of twenty users, half and half, some in another experiment too, some in none, some too late."""
    made = []
    for number in range(60):
        user, at_ms = number % 20, STARTED_MS + number * 3 * HOUR_MS
        experiment_id, variant = ("a", "treatment" if user % 2 else "control") if user < 16 else ("", "v1")
        if user == 3:
            experiment_id, variant = "z,a", "q,treatment"
        if user == 5 and number > 20:
            variant = "control"  # which there should not be
        items = tuple(ServedItem(f"i{n}", n) for n in range(1 + number % 3))
        source = "personal" if user % 3 else "popular"
        surface = "continue_watching" if number == 7 else "recommendations"
        labels = {"source": source, "experiment_id": experiment_id, "variant": variant}
        made.append(ServedList(f"r{number}", surface, at_ms, items, f"u{user}", **labels))
    return made


def events() -> list[Interaction]:
    kinds = (EventType.CLICK, EventType.WATCH_END, EventType.RATING, EventType.LIKE, EventType.WATCH_START)
    made = []
    for number in range(400):
        kind = kinds[number % 5]
        more = {"watch_duration_s": 60.0, "completion_pct": 95.0} if kind is EventType.WATCH_END else {}
        if kind is EventType.RATING:
            more = {"rating": 1 + number % 9 / 2}
        at_ms = STARTED_MS - DAY_MS + number * 30 * 60_000
        made.append(Interaction(f"e{number}", kind, f"u{number * 7 % 20}", f"i{number % 3}", at_ms, **more))
    return made


def test_both_sources_count_the_same(server: Server) -> None:
    shown = tuple(Shown(n, one.timestamp, f"s{n}", one) for n, one in enumerate(lists()))
    did = tuple(Event(n, one.timestamp_ms, one) for n, one in enumerate(events()))
    sink = ClickHouseSink(server)
    for block in (Block("served", 0, 0, 60, lists=shown), Block("interactions", 0, 0, 400, events=did)):
        for _ in range(2):  # sent again
            sink.write(rows_of(block), block.name)

    users, changed = measure_clickhouse(server, EXPERIMENT, GENRES, DAY_MS)

    listed = [
        ShownList(
            one.user_id,
            one.timestamp,
            one.experiment_id,
            one.variant,
            one.source,
            [item.item_id for item in one.items],
            one.model_version,
        )
        for one in lists()
        if one.surface == "recommendations"
    ]
    wanted, wanted_changed = exposed_users(EXPERIMENT, listed, events(), GENRES, DAY_MS)
    assert (changed, len(users)) == (wanted_changed, len(wanted)) == (1, 15)
    order, wanted_order = np.argsort(users.exposed_ms), np.argsort(wanted.exposed_ms)
    assert users.exposed_ms[order].tolist() == wanted.exposed_ms[wanted_order].tolist()
    assert users.variant[order].tolist() == wanted.variant[wanted_order].tolist()
    np.testing.assert_array_equal(users.columns[order], wanted.columns[wanted_order])
    assert (wanted.columns.sum(axis=0) > 0).all(), "everything is counted of somebody"
