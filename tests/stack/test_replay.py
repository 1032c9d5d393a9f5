"""A replay that is killed half-way ends in the live version's rows, byte for byte; and one that begins later."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import TopicPartition
from harness import commands
from harness.cluster import Cluster, Rows, StackConfig, assert_equal_state
from harness.polling import eventually
from harness.replays import Replays, caught_up, said
from harness.traffic import catalogue, event_record
from kafka.admin import KafkaAdminClient

from agents.delivery.producer import PartitionProducer
from ops.configuration.settings_sources import load_settings
from ops.group_progress import GroupProgress
from ops.local_stack.stack import LocalStack
from ops.operator.archive.run import run_archive
from ops.operator.erasure.check import Names, check
from ops.operator.erasure.erase import erase
from ops.operator.inspect.pauses import set_pause
from ops.operator.replay.leaks import audit
from ops.operator.replay.start import Beginning, prepare
from ops.operator.snapshots.kept_files import RetainedFiles
from streams.contract.identities import PLAIN
from tables.user_keys import PARTITION

pytestmark = pytest.mark.stack

EVENTS = 3_000
#: The first replay leaves this partition alone, so that it is killed half-way for certain.
PAUSED = 2
LATER_EVENTS = 500
HOUR_MS = 3_600_000
#: More than any machine needs.
LONG_S = 600
DATABASE = 11


class Quick(StackConfig):
    """A live version that is caught up soon: its batches are a worker's, not those of a test of interruptions."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {
            "FRESHET_BATCH_MAX_RECORDS": "200",
            "FRESHET_REPLAY_MAX_SKEW_S": "1",  # so that partitions wait for each other
        }


@pytest.fixture
def place(stack: LocalStack, namespace: str, tmp_path: Path) -> StackConfig:
    return Quick(stack.bootstrap, f"{stack.redis_url.rpartition('/')[0]}/{DATABASE}", namespace, tmp_path)


@pytest.fixture
async def live(place: StackConfig) -> AsyncIterator[Cluster]:
    """Version v1 with two workers, caught up."""
    async with Cluster(place, "v1") as made:
        await made.publish(catalogue(made.topics.catalog))
        await made.publish_traffic(EVENTS)
        for name in ("a", "b"):
            made.start_worker(name)
        await made.wait_until_caught_up()
        yield made
        made.redis.flushdb()


@pytest.fixture
def replays(place: StackConfig) -> Iterator[Replays]:
    made = Replays(place)
    yield made
    made.end()


async def test_a_killed_replay_ends_in_the_rows_of_the_live_version(live: Cluster, replays: Replays) -> None:
    async with Cluster(live.place, "v2") as candidate:
        paused = TopicPartition(candidate.topics.interactions, PAUSED)
        await set_pause(live.place.bootstrap, candidate.topics, paused, paused=True)
        first = replays.start("v2", "--workers", "1")
        await folded_some(candidate.progress, candidate.topics.interactions)
        first.kill()  # its worker is killed with it
        await set_pause(live.place.bootstrap, candidate.topics, paused, paused=False)
        dead_letters = len(await live.dead_letters())
        second = replays.start("v2", "--workers", "2")
        arrived = await caught_up(second)
        assert arrived["behind"] == 0
        assert arrived["folded"] == arrived["total"] == (await live.account()).published

        await live.publish_traffic(LATER_EVENTS)  # and it follows
        await assert_equal_state(candidate, live)
        assert len(await live.dead_letters()) >= dead_letters
        users = [key[1:].decode() for _, key in await candidate.user_rows() if key[:1] == b"r"]
        await eventually("every user has a list", lambda: all_listed(candidate, users))

        audited = await audit(live.place.bootstrap, candidate.topics, HOUR_MS)
        assert audited.batches > 0
        assert audited.leaks == []
        assert await second.terminate() == 0
        ended = said(second, "ended")
        assert ended is not None
        assert ended["version"] == "v2"
        assert ended["behind"] == 0


async def test_a_replay_from_a_time_begins_there(live: Cluster, replays: Replays) -> None:
    before = (await live.account()).published
    began_ms = time.time_ns() // 1_000_000
    await asyncio.sleep(0.01)  # append times have ms
    await live.publish_traffic(LATER_EVENTS)
    await live.wait_until_caught_up()
    replay = replays.start("v3", "--from", str(began_ms))
    await caught_up(replay)
    async with Cluster(live.place, "v3") as candidate:
        account = await candidate.account()
    assert account.published == before + LATER_EVENTS
    assert 0 < account.folded + account.duplicates <= LATER_EVENTS
    refused = replays.start("v3")
    assert refused.wait() == 2
    assert "was begun with --from" in refused.log_text


async def test_an_erased_user_comes_back_by_no_replay_archive_or_snapshot(
    live: Cluster, replays: Replays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with the log's beginning gone, archive and snapshot lead to the live version's rows."""
    place, topics = live.place, live.topics
    storage = str(place.folder / "storage")
    await live.publish([event_record(topics.interactions, "gone", f"i{number}") for number in range(50)])
    await live.wait_until_caught_up()
    assert sum(found["added"] for found in (await freshet(place, "archive"))["partitions"]) > EVENTS
    async with live.load():  # between transactions of all partitions
        made = await freshet(place, "snapshot", "create", "--name", "s1")
    listed = await freshet(place, "snapshot", "list", "--check")
    assert [(found["name"], found["rows"], found["refusal"]) for found in listed["snapshots"]] == [
        ("s1", sum(file["rows"] for file in made["files"]), "")
    ]
    files = RetainedFiles(storage, topics)
    names = Names.of("gone", PLAIN)
    before = (await check(place.bootstrap, place.redis_url, topics, names, files)).found
    assert before["archive"] == 50
    assert before["snapshots"] >= 1
    erased = await erase(place.bootstrap, place.redis_url, topics, "gone", PLAIN, files, wait_s=LONG_S)
    assert not erased.left.total, erased

    await live.wait_until_caught_up()  # nobody may need what the log is about to forget
    run = await run_archive(place.bootstrap, storage, topics, PLAIN, only_check=False)  # the day goes on
    ends = {TopicPartition(topics.interactions, found.partition): found.end for found in run.partitions}
    await asyncio.to_thread(forget_log, place.bootstrap, ends)
    await live.publish_traffic(LATER_EVENTS)
    await restore_half(place, "v3", monkeypatch)
    from_snapshot = replays.start("v3", "--snapshot", "s1", "--archive")
    refused = replays.start("v4", "--snapshot", "s1")
    async with Cluster(place, "v2") as replayed:
        paused = TopicPartition(topics.interactions, PAUSED)
        await set_pause(place.bootstrap, replayed.topics, paused, paused=True)
        killed = replays.start("v2", "--archive")
        await folded_some(replayed.progress, topics.interactions)
        killed.kill()
        await set_pause(place.bootstrap, replayed.topics, paused, paused=False)
        from_archive = replays.start("v2", "--archive")
        await caught_up(from_snapshot)
        async with Cluster(place, "v3") as restored:
            await assert_equal_state(restored, live)
        await caught_up(from_archive)
        await replayed.wait_until_caught_up()
        assert of_users(await replayed.user_rows()) == of_users(await live.user_rows())
        account = await replayed.account()
    assert account.unaccounted == 0, account
    assert account.erased == 50
    assert (await check(place.bootstrap, place.redis_url, topics, names, files)).total == 0
    assert refused.wait() == 2
    assert "events are missing in between. An archive that holds them is read with --archive" in refused.log_text


async def restore_half(place: StackConfig, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore that ends between the rows of a partition and the transaction that makes them valid."""
    left, commit = [2], PartitionProducer.commit

    async def failing(self: PartitionProducer, outgoing: Any, source: Any, next_offset: int, note: str = "") -> None:
        left[0] -= source is not None
        if left[0] < 0:
            raise ConnectionResetError
        await commit(self, outgoing, source, next_offset, note)

    with monkeypatch.context() as patched:
        for name, value in place.environment("v1").items():
            patched.setenv(name, value)
        patched.setattr(PartitionProducer, "commit", failing)
        with pytest.raises(ConnectionResetError):
            await prepare(load_settings(), place.topics(version), Beginning(snapshot="s1", archive=True))


async def freshet(place: StackConfig, *arguments: str) -> dict[str, Any]:
    """What a command says at its end."""
    done = await commands.freshet(*arguments, "--json", environment=place.environment("v1"))
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def of_users(rows: Rows) -> Rows:
    return {place: row for place, row in rows.items() if place[1] != PARTITION}


def forget_log(bootstrap: str, ends: dict[TopicPartition, int]) -> None:
    """As retention does."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.delete_records(ends)
    finally:
        admin.close()


async def folded_some(progress: GroupProgress, topic: str) -> None:
    """Waits until some of the log is folded; not all of it can be."""

    async def some() -> bool:
        return sum((await progress.committed(topic)).values()) > 0

    await eventually("the replay folds", some)
    assert await progress.behind(topic) > 0


async def all_listed(cluster: Cluster, users: list[str]) -> bool:
    return all(cluster.list_bytes(user) for user in users)
