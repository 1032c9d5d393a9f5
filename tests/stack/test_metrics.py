"""What processes export is what happened, and what docs/metrics.md says they export."""

import secrets
from collections import Counter

import httpx
import pytest
from aiokafka.structs import TopicPartition
from harness.cluster import Cluster
from harness.metrics import Probed, Scraped, differences, probed_worker
from harness.polling import eventually
from harness.traffic import publish_event

from ops.metrics_docs import table
from ops.operator.inspect.pauses import set_pause

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

#: Nothing in these tests causes what they count.
QUIET = {"freshet_worker_task_restarts_total", "freshet_endpoint_task_restarts_total"}


def documented(kind: str) -> dict[str, frozenset[str]]:
    """Labels by name."""
    return {name: frozenset(metric.labels) for name, (metric, kinds) in table().items() if kind in kinds}


async def caught_up(cluster: Cluster, worker: Probed) -> Scraped:
    """The page of a worker that has nothing to do any more."""
    await cluster.wait_until_caught_up()

    async def without_lag() -> Scraped | None:
        page = await worker.scrape()
        return page if page.samples.get("freshet_state_rows") and not page.value("freshet_lag_records") else None

    return await eventually("no record waits", without_lag)


async def test_a_worker_exports_what_the_docs_say_and_what_happened(reference: Cluster, cluster: Cluster) -> None:
    worker = probed_worker(cluster, "worker")
    await worker.ready()
    await caught_up(cluster, worker)
    user = f"fresh-{secrets.token_hex(4)}"
    await publish_event(cluster, user, "i3", event_type="like", event_id=f"twice-{user}")
    await publish_event(cluster, user, "i3", event_type="like", event_id=f"twice-{user}")
    await reference.wait_until_caught_up()
    page = await caught_up(cluster, worker)
    assert differences(page, documented("worker"), QUIET) == []

    account = await cluster.account()
    assert page.value("freshet_records_total", outcome="folded") == account.folded
    assert page.value("freshet_records_total", outcome="duplicate") == account.duplicates > 0
    letters = Counter(letter.reason.value for letter in await cluster.dead_letters())
    exported = page.values("freshet_dead_letters_total", "reason")
    assert {reason: int(count) for reason, count in exported.items() if count} == letters
    assert letters["too_old"] > 0
    assert page.value("freshet_events_late_total") > 0
    assert page.value("freshet_freshness_seconds_count", step="folded") >= account.folded
    assert page.value("freshet_worker_ready") == 1


async def test_the_lists_that_events_caused_are_counted_and_timed(cluster: Cluster) -> None:
    worker = probed_worker(cluster, "worker")
    await worker.ready()
    await caught_up(cluster, worker)

    async def writes_lists() -> bool:  # not before the version has caught up; then all there are first
        return (await worker.scrape()).value("freshet_lists_kept") > 0

    await eventually("lists of those who were there", writes_lists)
    before = await caught_up(cluster, worker)
    for number in range(5):
        where = await publish_event(cluster, f"timed-{number}-{secrets.token_hex(4)}", "i3")
    assert where.offset
    page = await caught_up(cluster, worker)

    def more(name: str, **labels: str) -> float:
        return page.value(name, **labels) - before.value(name, **labels)

    async def are_written() -> bool:  # a record is folded before its list is written
        nonlocal page
        page = await worker.scrape()
        return more("freshet_lists_written_total", cause="event") >= 5

    await eventually("five lists that follow from events", are_written)
    assert more("freshet_freshness_seconds_count", step="list") >= 5
    assert more("freshet_freshness_seconds_count", step="folded") == 5
    for stage in ("decide", "rank", "encode", "write"):
        assert more("freshet_list_seconds_total", stage=stage) > 0
    assert page.value("freshet_lists_kept") > 0
    assert page.value("freshet_items_listed_30d") > 0
    assert page.value("freshet_redis_seconds_count") > 0


async def test_lag_is_what_waits_and_markers_are_none(cluster: Cluster) -> None:
    worker = probed_worker(cluster, "worker")
    await worker.ready()
    page = await caught_up(cluster, worker)
    behind = page.value("freshet_lag_records", topic=cluster.topics.deltas)
    assert behind == 0, "deltas are written in transactions, and end in a marker"
    assert page.value("freshet_lag_seconds") == 0
    partition = {"topic": cluster.topics.interactions, "partition": "0"}
    first = TopicPartition(cluster.topics.interactions, 0)
    await set_pause(cluster.place.bootstrap, cluster.topics, first, paused=True)

    async def is_paused() -> bool:
        return (await worker.scrape()).value("freshet_partition_paused", **partition) == 1

    await eventually("the partition is paused", is_paused)

    async def waits() -> bool:
        page = await worker.scrape()
        lag, position = (page.value(f"freshet_{name}", **partition) for name in ("lag_records", "position"))
        if not lag:  # a poll that was under way has handed over what came while it waited
            await cluster.publish_traffic(50)
        return lag == (await cluster.progress.ends(first.topic))[0] - position > 0

    await eventually("the lag is what was appended since", waits)
    await set_pause(cluster.place.bootstrap, cluster.topics, first, paused=False)
    await caught_up(cluster, worker)


async def test_who_restores_is_alive_and_not_ready_and_says_why(cluster: Cluster) -> None:
    first = probed_worker(cluster, "first")
    await first.ready()
    health = await first.get("/healthz")
    assert health is not None
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    second = probed_worker(cluster, "second")
    seen: dict[str, int] = {}

    async def is_ready() -> bool:
        alive, ready = await second.get("/healthz"), await second.get("/readyz")
        if alive is None or ready is None:
            return False
        assert alive.status_code == 200, alive.text
        if ready.status_code != 200:
            assert ready.json()["status"] == "not ready"
            seen[ready.json()["reason"].partition(" for ")[0]] = ready.status_code
        return ready.status_code == 200

    await eventually("the second one works", is_ready)
    assert set(seen.values()) == {503}
    assert seen, "nobody asked while it started"
    await first.process.terminate()

    async def owns_all() -> bool:
        return len((await second.scrape()).samples["freshet_position"]) == 4 * 2 + 1

    await eventually("the second one owns everything", owns_all)


async def test_an_endpoint_exports_what_the_docs_say(reference: Cluster, endpoint: httpx.AsyncClient) -> None:
    await reference.wait_until_caught_up()
    user = "u1"

    async def listed() -> bool:
        return reference.list_prefix(user) is not None

    await eventually("a list", listed)
    for path in (
        f"recommendations?user_id={user}",
        f"recommendations/homepage/{user}",
        "items/i3/similar",
        "trending?region=DE",
        "recommendations?user_id=nobody-at-all",
    ):
        assert (await endpoint.get(f"/api/v1/{path}")).status_code == 200, path

    async def timed() -> Scraped | None:
        page = Scraped.of((await endpoint.get("/metrics")).text)
        return page if page.value("freshet_endpoint_redis_seconds_count") else None

    page = await eventually("Redis is timed", timed)
    quiet = QUIET | {"freshet_endpoint_experiment_answers_total"}
    assert differences(page, documented("endpoint"), quiet) == []
    assert page.value("freshet_endpoint_answers_total", route="recommendations", source="personal") == 1
    assert page.value("freshet_endpoint_fallbacks_total", route="recommendations") == 1
    assert page.value("freshet_endpoint_fallbacks_total", route="homepage") == 0
    assert page.value("freshet_endpoint_version_answers_total", version=reference.version) == 5
    assert page.value("freshet_endpoint_processes") == 1
    assert page.value("freshet_endpoint_redis_connected_processes") == 1
