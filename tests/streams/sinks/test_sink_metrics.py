"""What a sink exports is what it wrote, and what docs/metrics.md says."""

import pytest
from harness.metrics import Probed, Scraped, differences
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.sinks import SinkWorld, shown_record
from harness.traffic import event_record

from ops.local_stack.ports import free_port
from ops.metrics_docs import table
from streams.kafka.producer import OutgoingRecord

pytestmark = pytest.mark.stack

DOCUMENTED = {name: frozenset(metric.labels) for name, (metric, kinds) in table().items() if "sink" in kinds}


async def test_a_sink_exports_what_the_docs_say_and_what_it_wrote(world: SinkWorld) -> None:
    port = free_port()
    environment = world.environment | {"FRESHET_METRICS_PORT": str(port)}
    process = WorkerProcess("sink", [str(FRESHET), "sink", "clickhouse"], environment, world.place.folder)
    sink = Probed(world.workers.add(process), port)
    await world.publish_traffic(1_000)
    list_id = {"recommendation_id": "list-1"}
    await world.producer.publish_all([shown_record(world.topics.served, "reader", ["i1", "i2"], **list_id)])
    clicks = [event_record(world.topics.interactions, "reader", "i1", event_type="click", **list_id)]
    unusable = OutgoingRecord(world.topics.interactions, b"reader", b'{"event_type":')
    await world.producer.publish_all([*clicks, *clicks, unusable])
    await sink.ready()
    await world.caught_up()

    async def without_lag() -> Scraped | None:
        page = await sink.scrape()
        known = page.samples.get("freshet_sink_lag_records")
        return page if known and not sum(known.values()) else None

    page = await eventually("nothing waits", without_lag)
    assert differences(page, DOCUMENTED, ()) == []
    rows = world.ask("SELECT count() FROM {db}.recommendation_events FINAL")
    shown = world.ask("SELECT sum(served) FROM {db}.recommendation_metrics FINAL")
    assert isinstance(rows, int)
    assert page.value("freshet_sink_rows_total") >= rows > 0
    assert page.value("freshet_sink_shown_items_total") == shown
    assert page.value("freshet_sink_clicks_total", surface="recommendations") >= 2
    assert page.value("freshet_sink_attributed_events_total") >= 2
    assert page.value("freshet_sink_skipped_records_total", reason="not_json") >= 1
