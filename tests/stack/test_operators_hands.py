"""What operators do to a running system: look, redrive, pause, erase. Each command is a process of its own."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from harness import commands
from harness.cluster import PARTITIONS, Cluster, own_namespace
from harness.polling import eventually
from harness.processes import WorkerProcess

from ops.local_stack.stack import LocalStack
from ops.operator.dead_letters.records import rewriter_of
from ops.operator.dead_letters.redrive import _note_ends, _plan, publish
from ops.operator.dead_letters.sole_producer import sole_producer
from ops.operator.inspect.pauses import read_pauses
from ops.operator.inspect.user import inspect_user
from streams.contract.identities import PLAIN
from streams.contract.user_records import record_key, user_partition
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

REDIS_DB = 10
#: The workers of the module's cluster, the present one last.
RUNNING: list[WorkerProcess] = []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A namespace of this module's own with one worker and a little history."""
    async with own_namespace(stack, REDIS_DB, tmp_path_factory.mktemp("operator")) as made:
        await made.publish_traffic(300)
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def worker(cluster: Cluster) -> WorkerProcess:
    """The one worker, which a former test may have replaced."""
    if not RUNNING:
        RUNNING.append(cluster.start_worker("first"))
    await cluster.wait_until_caught_up()
    return RUNNING[-1]


def replace_killed(cluster: Cluster) -> None:
    """Starts the worker's successor."""
    RUNNING.append(cluster.start_worker(f"next-owner-{len(RUNNING)}"))


async def freshet(cluster: Cluster, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and object of `freshet ARGUMENTS --json`."""
    done = await commands.freshet(*arguments, "--json", environment=cluster.place.environment(cluster.version))
    lines = done.stdout.splitlines()
    assert lines, done.stderr
    return done.returncode, json.loads(lines[-1])


async def done(cluster: Cluster, *arguments: str) -> dict[str, Any]:
    code, result = await freshet(cluster, *arguments)
    assert code == 0, result
    return result


async def noted(cluster: Cluster, command: str) -> list[tuple[str, dict[str, str], str]]:
    """Commands that begin so, by the log of commands: what they were given, and their results."""
    found = (await done(cluster, "audit-log", "--command", command, "--limit", "1000"))["commands"]
    return [(one["command"], one["arguments"], one["result"]) for one in found]


def view(cluster: Cluster, user: str, item: str = "i1", partition: int | None = None, **more: Any) -> OutgoingRecord:
    event = {"event_type": "view", "user_id": user, "item_id": item, "timestamp": time.time_ns() // 1_000_000, **more}
    return OutgoingRecord(cluster.topics.interactions, user.encode(), orjson.dumps(event), partition)


def held_in_redis(cluster: Cluster, user: str) -> list[bytes]:
    """The user's keys, found by their hash tag."""
    found: list[bytes] = cluster.redis.keys(f"*{{u:{user}}}*")
    return found


def stray_views(cluster: Cluster, users: list[str]) -> list[OutgoingRecord]:
    """Two views of every user, in a partition that is not theirs."""
    return [
        view(cluster, user, item, (user_partition(user, PARTITIONS) + 1) % PARTITIONS)
        for user in users
        for item in ("i1", "i2")
    ]


def new_users(count: int) -> list[str]:
    return [f"u-{secrets.token_hex(4)}" for _ in range(count)]


async def history(cluster: Cluster, user: str) -> list[str]:
    """The user's items, oldest first."""
    found = await inspect_user(cluster.place.bootstrap, cluster.place.redis_url, cluster.topics, user, 0, PLAIN)
    return [entry["item_id"] for entry in reversed(found["history"])]


@pytest.mark.usefixtures("worker")
async def test_redrive_publishes_once_in_order(cluster: Cluster) -> None:
    users = new_users(3)
    await cluster.publish(stray_views(cluster, users))
    await cluster.wait_until_caught_up()
    dead_letters = await done(cluster, "dlq", "list", "--reason", "wrong_partition")
    shown = await done(cluster, "dlq", "show", dead_letters["letters"][0]["letter"])
    assert orjson.loads(shown["value"])["user_id"] == shown["key"]

    planned = await done(cluster, "dlq", "redrive", "--reason", "wrong_partition", "--dry-run")
    assert (planned["published"], planned["would_publish"]) == (0, dead_letters["count"])
    first = await done(cluster, "dlq", "redrive", "--reason", "wrong_partition")
    assert first["published"] == dead_letters["count"] >= 6
    second = await done(cluster, "dlq", "redrive", "--reason", "wrong_partition")
    assert (second["published"], second["already_redriven"]) == (0, dead_letters["count"])

    await cluster.wait_until_caught_up()
    assert [await history(cluster, user) for user in users] == [["i1", "i2"]] * 3
    assert (await cluster.account()).unaccounted == 0


@pytest.mark.usefixtures("worker")
async def test_redrive_refuses_what_still_cannot_be_parsed(cluster: Cluster) -> None:
    where = await cluster.publish_one(OutgoingRecord(cluster.topics.interactions, b"u", b"{"))
    await cluster.wait_until_caught_up()
    result = await done(cluster, "dlq", "redrive", "--reason", "not_json")
    assert result["published"] == 0
    assert f"{where.topic}:{where.partition}:{where.offset}" in [refusal["letter"] for refusal in result["refused"]]


@pytest.mark.usefixtures("worker")
async def test_a_redrive_that_died_before_it_marked_is_finished_by_the_next(cluster: Cluster) -> None:
    (user,) = new_users(1)
    await cluster.publish(stray_views(cluster, [user]))
    await cluster.wait_until_caught_up()
    bootstrap, topics = cluster.place.bootstrap, cluster.topics
    async with sole_producer(bootstrap, rewriter_of(topics)) as producer:
        made = await _plan(bootstrap, topics, None)
        await _note_ends(bootstrap, topics, producer)
        await publish(bootstrap, topics.interactions, made.republish)

    result = await done(cluster, "dlq", "redrive")
    assert (result["published"], result["recovered"]) == (0, len(made.republish))
    await cluster.wait_until_caught_up()
    assert await history(cluster, user) == ["i1", "i2"]


@pytest.mark.usefixtures("worker")
async def test_inspect_says_what_is_held_and_why(cluster: Cluster) -> None:
    user, rater = new_users(2)
    where = await cluster.publish_one(view(cluster, user, "i3"))
    await cluster.publish_one(view(cluster, rater, "i3", event_type="rating", rating=4))
    await cluster.wait_until_caught_up()
    found = await done(cluster, "inspect", "user", user)
    assert (found["partition"], found["row"]["last_offset"]) == (where.partition, where.offset)
    assert found["list"]["as_of"] == {"partition": where.partition, "offset": where.offset}
    assert all(item["reason_code"] for item in found["list"]["items"])

    item = await done(cluster, "inspect", "item", "i3")
    assert item["counts"]["events"] >= 1
    assert item["facts"]["events"] == item["counts"]["events"]
    assert 1 <= item["facts"]["viewers"] <= item["facts"]["events"]
    assert 0.5 <= item["facts"]["average_rating"] <= 5
    assert item["catalogue"]["title"] == "Title 3"
    assert sum(sum(hour["events"].values()) for hour in item["hours"]) >= 1


@pytest.mark.usefixtures("worker")
async def test_why_explains_a_list_from_the_topics_alone(cluster: Cluster) -> None:
    (user,) = new_users(1)
    await cluster.publish_one(view(cluster, user, "i3"))
    await cluster.wait_until_caught_up()

    async def explained() -> dict[str, Any] | None:
        """What is said of the first of the list, if the list was not made again meanwhile."""
        before = cluster.list_bytes(user)
        listed = await done(cluster, "inspect", "user", user)
        found = await done(cluster, "why", user, listed["list"]["items"][0]["item_id"])
        return found if cluster.list_bytes(user) == before else None

    found = await eventually("a list that stays as it is", explained)
    assert found["verdict"].startswith("on the list, slot ")
    assert found["stored_slot"] == 1
    met = await done(cluster, "why", user, "i3")
    assert (met["verdict"], met["refusal"]["event_type"]) == ("dropped by seen", "view")


async def test_a_paused_partition_stays_so_over_a_kill_and_goes_on_where_it_was(
    cluster: Cluster, worker: WorkerProcess
) -> None:
    async def committed() -> dict[int, int]:
        return await cluster.progress.committed(cluster.topics.interactions)

    async def only_0_stands() -> bool:
        """Whether the other partitions moved, while partition 0 did not and has something to read."""
        before = await committed()
        await cluster.publish_traffic(100)

        async def others_moved() -> bool:
            now = await committed()
            return all(now[number] > before[number] for number in range(1, PARTITIONS))

        await eventually("the other partitions move", others_moved)
        ends = await cluster.progress.ends(cluster.topics.interactions)
        return (await committed())[0] == before[0] < ends[0]

    await done(cluster, "partition", "pause", "0")
    await eventually("partition 0 is left alone", only_0_stands)
    worker.kill()
    replace_killed(cluster)
    assert await only_0_stands()
    found = await done(cluster, "lag")
    (paused,) = [row for row in found["partitions"] if row["paused"]]
    assert (paused["topic"], paused["partition"]) == (cluster.topics.interactions, 0)
    assert found["total"] >= paused["lag"] > 0
    assert (await noted(cluster, "partition"))[-1] == ("partition pause", {"partition": "0"}, "done")
    assert len(found["workers"]) >= 1

    await done(cluster, "partition", "resume", f"{cluster.topics.interactions}:0")
    await cluster.wait_until_caught_up()
    assert (await cluster.account()).unaccounted == 0
    scale = await done(cluster, "scale")
    assert (scale["workers"], scale["useful_maximum"]) == (1, 2 * PARTITIONS + 1)


async def test_an_erased_user_is_gone_everywhere_and_for_every_version(cluster: Cluster, worker: WorkerProcess) -> None:
    user, later = new_users(2)
    partition = user_partition(user, PARTITIONS)
    await cluster.publish([view(cluster, user, f"i{n}") for n in range(5)])
    await cluster.publish([view(cluster, later)])
    await cluster.publish(stray_views(cluster, [user]))
    await cluster.publish_one(OutgoingRecord(cluster.topics.interactions, user.encode(), b"{"))
    for topic in (cluster.topics.requests, cluster.topics.served, cluster.topics.predictions):
        await cluster.publish_one(OutgoingRecord(topic, record_key(user, "r1"), b"{}", partition))
    profile = orjson.dumps({"user_id": user, "country": "DE"})
    await cluster.publish_one(OutgoingRecord(cluster.topics.profiles, user.encode(), profile))
    await cluster.wait_until_caught_up()
    held = held_in_redis(cluster, user)
    code, before = await freshet(cluster, "erase", user, "--verify")
    assert code == 1
    assert len(held) >= 4, "the list, the one for after playing, continue-watching, features; perhaps a vector"
    assert len(held) <= before["places"].pop("redis") <= len(held_in_redis(cluster, user))
    assert {name.rpartition(".")[2]: count for name, count in before["places"].items() if "rows" not in name} == {
        "profiles": 1,
        "misplaced": 0,
        "dlq": 3,
        "requests": 1,
        "served": 1,
        "predictions": 1,
        "links": 0,
        "v1": 0,  # what guests of theirs did
        "archive": 0,
        "snapshots": 0,
    }

    erased = await done(cluster, "erase", user, "--wait-s", "600")
    assert erased["versions"] == {"v1": "forgotten"}
    worker.kill()
    code, without_worker = await freshet(cluster, "erase", later, "--wait-s", "0")
    assert (code, without_worker["places"][cluster.topics.user_changelog] > 0) == (1, True)
    replace_killed(cluster)
    async with Cluster(cluster.place, "v2") as replay:
        replay.start_worker("replay")
        await replay.wait_until_caught_up()
        await cluster.wait_until_caught_up()

        async def the_later_is_forgotten() -> bool:  # by the worker that came back: nothing new is folded by it
            return (await freshet(cluster, "erase", later, "--verify"))[0] == 0

        await eventually("who comes back forgets the one who was erased meanwhile", the_later_is_forgotten)
        for erased_user in (user, later):
            left = await done(cluster, "erase", erased_user, "--verify")
            assert left["total"] == 0
            assert set(left["places"]) >= {cluster.topics.user_changelog, replay.topics.user_changelog, "redis"}
        for version in (cluster, replay):
            account = await version.account()
            assert (account.unaccounted, account.erased >= 6) == (0, True)

    await cluster.publish_one(view(cluster, user, "i9"))
    await cluster.wait_until_caught_up()
    assert await history(cluster, user) == ["i9"]
    again = await done(cluster, "dlq", "redrive", "--reason", "wrong_partition")
    assert again["published"] == 0
    wait = {"user_id": "********", "wait_s": "600.0"}
    assert await noted(cluster, "erase") == [
        ("erase", wait, "done"),
        ("erase", wait | {"wait_s": "0.0"}, "check_failed"),
    ]


async def test_a_command_that_cannot_be_noted_does_nothing(cluster: Cluster) -> None:
    audit = cluster.topics.audit
    with blocking_admin(cluster.place.bootstrap, timeout_s=30) as admin:
        admin.delete_topics([audit])

        async def is_gone() -> bool:
            return audit not in admin.list_topics()

        await eventually("the log of commands is gone", is_gone)
    refused = await commands.freshet("partition", "pause", "1", environment=cluster.place.environment("v1"))
    assert (refused.returncode, "nothing was done" in refused.stderr) == (2, True), refused.stderr
    assert not await read_pauses(cluster.place.bootstrap, cluster.topics)
    await done(cluster, "topics", "create")
    assert await noted(cluster, "") == [("topics create", {}, "done")]


async def test_commands_say_what_is_wrong_with_their_arguments(cluster: Cluster, tmp_path: Path) -> None:
    said = await commands.freshet("partition", "pause", "nonsense:1", environment={}, folder=tmp_path)
    assert (said.returncode, "user.interactions:N" in said.stderr) == (2, True)
    said = await commands.freshet("inspect", "user", "nobody", environment=cluster.place.environment("v1"))
    assert (said.returncode, "knows no user 'nobody'" in said.stderr) == (2, True)
