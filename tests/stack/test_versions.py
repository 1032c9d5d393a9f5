"""Two versions over one log: promote under reads, roll back, lose Redis, retire."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.cluster import Cluster, StackConfig
from harness.commands import run_freshet
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.traffic import USERS, catalogue

from agents.versions.code_revision import code_revision
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from serving.live_pointer import LivePointer
from streams.kafka.bulk_read import bulk_consumer

pytestmark = pytest.mark.stack

EVENTS = 1_000
READERS, SATURATING_S, TICK_S = 16, 1.0, 0.01
MOST_WAITING = 4 * READERS
#: A database of Valkey that this test may empty.
DATABASE = 10


class Judging(StackConfig):
    """Every event is evaluated; what people do here is chance, so quality may be whatever it is."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {"FRESHET_EVALUATION_SAMPLE_RATE": "1", "FRESHET_QUALITY_MARGIN": "1"}


class Two:
    """Version v1, which was first, and v2, which came later, with the endpoint before them."""

    def __init__(self, place: StackConfig, v1: Cluster, v2: Cluster, client: httpx.AsyncClient) -> None:
        self.place, self.v1, self.v2, self.client = place, v1, v2, client
        self.active: list[str] = []

    def freshet(self, *arguments: str, version: str = "v1") -> tuple[int, dict[str, Any]]:
        """A command's exit code and result; `version` is what FRESHET_MODEL_VERSION says."""
        environment = self.place.environment(version)
        done = run_freshet(*arguments, "--json", environment=environment, folder=self.place.folder)
        lines = done.stdout.splitlines()
        return done.returncode, json.loads(lines[-1]) if lines else {"said": done.stderr}

    async def switch(self, *arguments: str) -> dict[str, Any]:
        """A switch that is not refused."""
        code, result = await asyncio.to_thread(self.freshet, *arguments)
        assert code == 0, result
        return result

    async def promoted_as_soon_as_it_may_be(self, version: str, percent: int) -> None:
        """Asks until nothing speaks against the version."""
        while True:
            code, result = await asyncio.to_thread(self.freshet, "promote", version, "--percent", str(percent))
            if code == 0:
                return
            known = (" old ", " yet", "undecided")
            assert all(any(word in reason for word in known) for reason in result["reasons"]), result

    async def answer(self, user: str) -> dict[str, Any]:
        response = await self.client.get("/api/v1/recommendations", params={"user_id": user})
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def own_list(self, user: str) -> dict[str, Any]:
        """The answer from the user's own list. On a busy machine Redis may miss a deadline: then it is everybody's."""

        async def own() -> dict[str, Any] | None:
            body = await self.answer(user)
            return None if body["recommendation_id"].startswith("shared.") else body

        return await eventually(f"{user} gets their own list", own)

    async def served_by(self, versions: set[str]) -> None:
        """Waits until the endpoint serves the active users from exactly these versions."""

        async def are() -> bool:
            return {(await self.answer(user))["model_version"] for user in self.active} == versions

        await eventually(f"served by {versions}", are)

    def pointer(self) -> LivePointer | None:
        value = self.v1.redis.get(self.v1.keys.live)
        return LivePointer.decode(value) if isinstance(value, bytes) else None


@pytest.fixture
async def two(stack: LocalStack, namespace: str, tmp_path: Path) -> AsyncIterator[Two]:
    redis_url = f"{stack.redis_url.rpartition('/')[0]}/{DATABASE}"
    place = Judging(stack.bootstrap, redis_url, namespace, tmp_path)
    port = free_port()
    async with AsyncExitStack() as opened:
        v1 = await opened.enter_async_context(Cluster(place, "v1"))
        v2 = await opened.enter_async_context(Cluster(place, "v2"))
        await v1.publish(catalogue(v1.topics.catalog))
        await v1.publish_traffic(EVENTS)
        v1.start_worker("a")
        await v1.wait_until_caught_up()
        environment = place.environment("v1") | {"FRESHET_ENDPOINT_PORT": str(port)}
        v1.workers.add(WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, tmp_path))
        client = await opened.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30))
        made = Two(place, v1, v2, client)
        await eventually("the endpoint is ready", lambda: is_ready(client))
        yield made
        v1.redis.flushdb()


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def saturation_per_s(two: Two) -> float:
    """Requests a second that the endpoint and this client manage together."""
    begun_s, count = time.monotonic(), 0

    async def read() -> None:
        nonlocal count
        while time.monotonic() - begun_s < SATURATING_S:
            await two.answer(f"u{count % USERS}")
            count += 1

    await asyncio.gather(*(read() for _ in range(READERS)))
    return count / (time.monotonic() - begun_s)


@asynccontextmanager
async def steady_reads(two: Two, per_s: float) -> AsyncIterator[Counter[str]]:
    """So many requests a second while the body runs; every one is to be answered, by one version, and counted by it.

    What a machine that became slower cannot send is left out: a queue that only grows would hide the switches.
    """
    seen: Counter[str] = Counter()
    sent: list[asyncio.Task[None]] = []
    in_flight = asyncio.Semaphore(READERS)

    async def read(number: int) -> None:
        async with in_flight:
            body = await two.answer(f"u{number % USERS}")
        version = body["model_version"]
        if body["source"] == "personal":
            assert body["recommendation_id"].startswith(f"{version}."), body
        seen[version] += 1

    async def send() -> None:
        begun_s, left_out = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - begun_s) * per_s) - left_out
            waiting = len(sent) - seen.total()
            new = max(0, min(due - len(sent), MOST_WAITING - waiting))
            left_out += due - len(sent) - new
            sent.extend(asyncio.create_task(read(number)) for number in range(len(sent), len(sent) + new))
            await asyncio.sleep(TICK_S)

    sender = asyncio.create_task(send())
    try:
        yield seen
    finally:
        sender.cancel()
        answers = await asyncio.gather(*sent, return_exceptions=True)
    assert [answer for answer in answers if answer is not None] == []
    assert seen.total() == len(sent) > 0


async def test_from_candidate_to_everybody_and_back(two: Two) -> None:
    code, refused = two.freshet("promote", "v2")
    assert (code, refused["reasons"]) == (1, ["there is no version v2: `freshet versions` lists them"])

    worker = two.v2.start_worker("a")
    await two.v2.wait_until_caught_up()
    await two.v1.publish_traffic(EVENTS)  # which both evaluate live
    for version in (two.v1, two.v2):
        await version.wait_until_caught_up()
    two.active = sorted({key[1:].decode() for _, key in await two.v1.user_rows() if key[:1] == b"r"})
    two.v1.redis.flushdb()  # lists were written while items were still being learned: now all are made anew
    await eventually("both versions have lists", lambda: has_lists(two.active, two.v1, two.v2))
    dead_letters = len(await two.v1.dead_letters())
    assert dead_letters
    lists = {user: two.v1.list_bytes(user) for user in two.active}  # first: a list may be made again at any time
    before = {user: await two.own_list(user) for user in two.active}
    assert {body["model_version"] for body in before.values()} == {"v1"}

    report = two.place.folder / "report.html"
    code, compared = two.freshet("compare", "v1", "v2", "--html", str(report))
    assert code == 0, compared
    assert compared["users"] == compared["compared"] == len(two.active)
    assert compared["overlap"] > 0.5
    assert compared["b"]["version"] == "v2"
    assert "<svg" in report.read_text()
    quality = compared["quality"]
    assert (quality["against"], quality["metric"]) == ("v1", "ndcg@10")
    assert quality["events"] >= 100
    assert quality["low"] <= quality["difference"] <= quality["high"]

    async with steady_reads(two, min(500.0, await saturation_per_s(two) / 2)) as seen:
        await two.promoted_as_soon_as_it_may_be("v2", 5)
        await two.switch("promote", "v2", "--percent", "25")
        await two.served_by({"v1", "v2"})
        await two.switch("promote", "v2")
        await two.served_by({"v2"})
        assert seen["v1"]
        assert seen["v2"]
        assert (await two.switch("rollback"))["weights"] == {"v1": 100}
        await two.served_by({"v1"})
    after = {user: await two.own_list(user) for user in two.active}
    assert {body["model_version"] for body in after.values()} == {"v1"}
    # Switching touches no list. v1's worker itself goes on making lists again whose items have learned since.
    untouched = [user for user in two.active if two.v1.list_bytes(user) == lists[user]]
    assert untouched
    assert {user: after[user] for user in untouched} == {user: before[user] for user in untouched}
    assert len(await two.v1.dead_letters()) == dead_letters  # the candidate's are not written twice

    await two.switch("promote", "v2")
    two.v1.redis.flushdb()  # everything, the pointer too
    restored = await eventually("the pointer is back", lambda: asyncio.to_thread(two.pointer))
    assert restored.weights == {"v2": 100}
    await eventually("v1 has lists again", lambda: has_lists(two.active, two.v1))
    await two.switch("rollback")

    code, refused = two.freshet("retire", "v1")
    assert code == 1
    assert "v1 serves 100 % of the users" in refused["said"]
    retired = await two.switch("retire", "v2")
    assert retired["groups"] == [two.v2.topics.consumer_group]
    assert worker.wait() == 0  # it ended by itself
    async with bulk_consumer(two.place.bootstrap) as consumer:
        assert not await consumer.topics() & set(two.v2.topics.versioned())
    assert not list(two.v1.redis.scan_iter(match=f"{two.v2.keys.prefix}*"))
    code, refused = two.freshet("topics", "create", version="v2")
    assert (code, "v2 was retired" in refused["said"]) == (2, True), refused
    _, listed = two.freshet("versions")
    assert {row["version"]: row["state"] for row in listed["versions"]} == {"v1": "live", "v2": "retired"}
    assert {row["version"]: row["code"] for row in listed["versions"]} == {"v1": [code_revision()], "v2": []}
    assert [switch["action"] for switch in listed["switches"]] == [
        "first",
        *["promote"] * 3,
        "rollback",
        "promote",
        "rollback",
    ]
    assert all(switch["who"] and switch["when"] for switch in listed["switches"])
    figures = [switch["figures"] for switch in listed["switches"] if switch["action"] == "promote"]
    assert all(known["quality"]["events"] >= 100 and known["against"] == [] for known in figures)
    measured = {row["version"]: row["figures"] for row in listed["versions"]}
    assert measured["v1"]["judged_events"] >= quality["events"]
    assert measured["v1"]["events_per_cpu_s"] > 0
    assert measured["v2"] == {}  # went with its topics


async def has_lists(users: list[str], *versions: Cluster) -> bool:
    return all(version.list_bytes(user) for version in versions for user in users)
