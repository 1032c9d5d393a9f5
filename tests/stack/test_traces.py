"""A real worker and a real endpoint send their spans to a collector that is a server of its own."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from harness.cluster import Cluster, own_namespace
from harness.collector import Collector, collecting
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.traffic import event_record

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

REDIS_DB = 11


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(
    stack: LocalStack, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    async with own_namespace(stack, REDIS_DB, tmp_path_factory.mktemp("traces")) as made:
        sent = {"FRESHET_OTLP_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        environment = made.place.environment("v1") | sent
        made.workers.add(WorkerProcess("worker", [str(FRESHET), "worker"], environment, made.place.folder))
        yield made


async def test_a_producers_trace_goes_on_to_the_list_in_redis(cluster: Cluster, collector: Collector) -> None:
    trace_id, span_id, user = secrets.token_hex(16), secrets.token_hex(8), f"traced-{secrets.token_hex(4)}"
    traced = event_record(cluster.topics.interactions, user, "i3")._replace(
        headers=[("traceparent", f"00-{trace_id}-{span_id}-01".encode())]
    )
    others = [event_record(cluster.topics.interactions, f"u{number}", "i4") for number in range(20)]
    await cluster.publish([*others, traced])

    async def all_came() -> bool:
        return "write lists" in collector.of(trace_id)

    await eventually("the trace has come to the collector", all_came)
    spans = collector.of(trace_id)
    process = spans[f"process {cluster.topics.interactions}"]
    assert (process.parent_id, process.service) == (span_id, "freshet-worker")
    assert spans["make lists"].parent_id == spans["write lists"].parent_id == process.span_id
    assert process.start_ns <= spans["make lists"].start_ns <= spans["write lists"].start_ns
    assert spans["write lists"].attributes["db.system.name"] == "redis"
    assert cluster.list_bytes(user), "what the trace says is written is there"
    assert {span.trace_id for span in collector.spans} == {trace_id}, "nobody asked for others"
    assert not any(user in str(span) for span in collector.spans)


async def test_a_request_is_a_span_of_whoever_sent_it(cluster: Cluster, collector: Collector, tmp_path: Path) -> None:
    port, trace_id = free_port(), secrets.token_hex(16)
    more = {
        "FRESHET_OTLP_URL": collector.url,
        "FRESHET_TRACE_SHARE": "0",
        "FRESHET_ENDPOINT_PORT": str(port),
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    environment = cluster.place.environment("v1") | more
    endpoint = WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, tmp_path)
    cluster.workers.add(endpoint)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def is_ready() -> bool:
            try:
                return (await client.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually("the endpoint is ready", is_ready)
        sent = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
        answer = await client.get("/api/v1/trending", headers=sent)
        assert answer.status_code == 200

    async def came() -> bool:
        return bool(collector.of(trace_id))

    await eventually("the span has come to the collector", came)
    (span,) = collector.of(trace_id).values()
    assert (span.name, span.service) == ("GET /api/v1/trending", "freshet-endpoint")
    assert span.attributes["http.response.status_code"] == 200
