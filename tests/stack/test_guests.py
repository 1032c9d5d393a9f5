"""Guests are linked with users while workers are killed: who did what is told by a parser that shares no code with the
workers (`recount`), in rows, parts, features and lists, live and in a replay; who is erased goes with their guests."""

import json
import random
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from harness import commands
from harness.cluster import PARTITIONS, Cluster, assert_equal_state, own_namespace
from harness.polling import eventually
from harness.traffic import ITEMS
from harness.watch import live_load
from recount import (
    Entry,
    Findings,
    Recount,
    check_features,
    check_guests,
    check_items,
    check_people,
    links_in_force,
    with_guests,
)
from remains import Remains, scan_redis, scan_topics

from ops.local_stack.stack import LocalStack
from streams.contract.partitioning import partition_of
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.producer import OutgoingRecord
from tables.item_rows import COUNTS

pytestmark = pytest.mark.stack

REDIS_DB = 12
#: Events, and into how many parts the links of a round are cut, one with every tenth of a second's events.
LOAD_PER_S = 100
CHUNKS_A_ROUND = 20
#: Links that must not hold, of a hundred.
BAD_OF_100 = 5


@pytest.fixture
async def cluster(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with own_namespace(stack, REDIS_DB, tmp_path) as made:
        yield made


class Crowd:
    """Guests g0.. and users u0.., some of whom never did anything under their own id; each guest is linked once, some
    again with somebody else, with themselves, or in a chain, which must not hold."""

    def __init__(self, links: int) -> None:
        self._random = random.Random(links)
        self.guests = [f"g{number}" for number in range(links)]
        self.users = [f"u{number}" for number in range(links // 2)]
        self._left = list(self.guests)
        self._random.shuffle(self._left)
        self._count = 0

    def events(self, topic: str, count: int) -> list[OutgoingRecord]:
        """Of guests for the most part, before they are linked and after it."""
        return [self._event(topic) for _ in range(count)]

    def _event(self, topic: str) -> OutgoingRecord:
        pick, self._count = self._random, self._count + 1
        who = pick.choice(self.guests) if pick.random() < 0.7 else pick.choice(self.users[: len(self.users) * 3 // 4])
        kind = pick.choice(("view", "click", "like", "dislike", "rating", "watch_progress", "impression"))
        event = {"event_id": f"e{self._count}", "event_type": kind, "user_id": who}
        event |= {
            "item_id": f"i{pick.randrange(ITEMS)}",
            "timestamp": time.time_ns() // 1_000_000 - pick.randrange(60_000),
        }
        if kind == "rating":
            event["rating"] = pick.randrange(1, 6)
        return OutgoingRecord(topic, who.encode(), orjson.dumps(event))

    def links(self, topic: str, count: int) -> list[OutgoingRecord]:
        """The next guests turn out to be users."""
        found = []
        for guest in self._left[:count]:
            found.append(_link(topic, guest, self._random.choice(self.users)))
            if self._random.randrange(100) < BAD_OF_100:
                other = self._random.choice((guest, self._random.choice(self.users), self._random.choice(self.guests)))
                found.append(_link(topic, guest, other))
        del self._left[:count]
        return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _link(topic: str, guest: str, user: str) -> OutgoingRecord:
    return OutgoingRecord(topic, guest.encode(), orjson.dumps({"guest_id": guest, "user_id": user}), 0)


async def log_of(cluster: Cluster, topic: str) -> list[Entry]:
    found: list[Entry] = []
    await read_topics(
        cluster.place.bootstrap,
        [topic],
        lambda record: found.append(
            Entry(record.partition, record.offset, record.key, record.value, record.timestamp, dict(record.headers))
        ),
        pass_over,
    )
    return sorted(found, key=lambda entry: (entry.partition, entry.offset))


async def parts_of(cluster: Cluster) -> dict[tuple[int, str], bytes]:
    """What is told of guests, by the user's partition, and user and guest."""
    last = {(one.partition, one.key): one.value for one in await log_of(cluster, cluster.topics.guest_parts)}
    return {(number, (key or b"").decode()): value for (number, key), value in last.items() if value is not None}


async def told(cluster: Cluster) -> tuple[Recount, dict[str, str]]:
    """Who did what by the log, and who is linked."""
    return (
        Recount(await log_of(cluster, cluster.topics.interactions)),
        links_in_force(await log_of(cluster, cluster.topics.links)),
    )


async def rows_differ(cluster: Cluster) -> dict[str, Any]:
    """What rows, parts and items have that the log does not say, and the other way round."""
    (recount, links), parts, findings = await told(cluster), await parts_of(cluster), Findings()
    rows = {key[1:].decode(): value for (_, key), value in (await cluster.user_rows()).items() if key[:1] == b"r"}
    check_people(findings, recount, rows)
    counts = (await cluster.item_counts()).items()
    check_items(findings, recount, {key[1:].decode(): value for (_, key), value in counts if key[:1] == COUNTS})
    check_guests(findings, recount, links, {name: value for (_, name), value in parts.items()})
    for number, name in parts:
        if number != partition_of(name.partition("\0")[0].encode(), PARTITIONS):
            findings.found("wrong", f"{name!r} is in partition {number}")
    return dict(findings.counts) and findings.as_dict()


async def lists_differ(cluster: Cluster) -> dict[str, Any]:
    """Whose features or list in Redis do not know what the user's guests did, and whose list is still a guest's."""
    (recount, links), findings = await told(cluster), Findings()
    for guest in links:
        if cluster.list_bytes(guest) is not None:
            findings.found("wrong", f"{guest} has a list although they are linked")
    for user in sorted(set(links.values())):
        person = with_guests(recount, links, user)
        if not person.events:
            continue
        value = cluster.list_bytes(user)
        if value is None:
            findings.found("stale", f"{user} has no list")
            continue
        for entry in cluster.listed(value)["recommendations"]:
            if entry["item_id"] in person.met and entry["reason_code"] != "seen_again":
                findings.found("wrong", f"{user} is shown {entry['item_id']}, which was met")
        if person.last_offset >= 0:
            key = cluster.keys.at(partition_of(user.encode(), PARTITIONS), cluster.keys.user_features(user))
            check_features(findings, person, user, cluster.redis.get(key))
    return dict(findings.counts) and findings.as_dict()


async def settled(cluster: Cluster, what: str) -> None:
    """Fails with the differences that stay."""
    await cluster.wait_until_caught_up()
    found: dict[str, Any] = {}

    async def agree() -> bool:
        cluster.workers.tend()
        found.clear()
        found.update(await rows_differ(cluster) or await lists_differ(cluster))
        return not found

    try:
        await eventually(what, agree)
    except AssertionError:
        raise AssertionError(f"{what}: {found}") from None


async def link_under_kill_9(cluster: Cluster, links: int, rounds: int) -> None:
    """Two workers; in each round one of them is killed in the middle of events and links."""
    crowd, topics = Crowd(links), cluster.topics
    a_round = -(-links // rounds)

    async def publish(count: int) -> None:
        await cluster.publish(crowd.links(topics.links, max(1, a_round // CHUNKS_A_ROUND)))
        await cluster.publish(crowd.events(topics.interactions, count))

    running = [cluster.start_worker(f"w{number}") for number in range(2)]
    await cluster.group.members_are(2)
    for number in range(rounds):
        async with live_load(publish, LOAD_PER_S, LOAD_PER_S // 10):
            await cluster.group.all_partitions_move()
            running.pop(0).kill()
            running.append(cluster.start_worker(f"w{number + 2}"))
            await cluster.group.all_partitions_move()
    await cluster.publish(crowd.links(topics.links, links))
    await cluster.publish(crowd.events(topics.interactions, LOAD_PER_S))


async def same_parts(cluster: Cluster, replay: Cluster) -> dict[tuple[int, str], bytes]:
    """What both tell of guests, byte for byte."""
    live = await parts_of(cluster)

    async def equal() -> bool:
        return await parts_of(replay) == live

    await eventually("the replay has the same parts", equal)
    return live


async def freshet(cluster: Cluster, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = await commands.freshet(*arguments, "--json", environment=cluster.place.environment(cluster.version))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


async def remains_of(cluster: Cluster, name: str) -> dict[Any, int]:
    """Where somebody is named, but for the log and the topic of erasures, which say so."""
    remains, topics = Remains(name), cluster.topics
    compacted = {spec.name for spec in topics.specs(1, 1) if "compact" in spec.config["cleanup.policy"]}
    await scan_topics(cluster.place.bootstrap, f"{cluster.place.namespace}.", compacted, remains)
    scan_redis(cluster.redis, remains)
    return {at: count for at, count in remains.found.items() if at[0] not in (topics.interactions, topics.erasure)}


async def test_guests_linked_under_kill_9_erased_and_replayed(cluster: Cluster) -> None:
    guest, user = f"zoë-{secrets.token_hex(6)}", f"max-{secrets.token_hex(6)}"
    topics = cluster.topics
    await link_under_kill_9(cluster, links=200, rounds=2)
    for who, item in ((guest, "i1"), (user, "i2")):
        event = {"event_id": secrets.token_hex(8), "event_type": "like", "user_id": who, "item_id": item}
        event |= {"timestamp": _now_ms()}
        await cluster.publish_one(OutgoingRecord(topics.interactions, who.encode(), orjson.dumps(event)))
    await cluster.publish_one(_link(topics.links, guest, user))
    elsewhere = (partition_of(user.encode(), PARTITIONS) + 1) % PARTITIONS  # a profile that is misplaced goes too
    await cluster.publish_one(OutgoingRecord(topics.profiles, user.encode(), b'{"kids":true}', elsewhere))
    await settled(cluster, "rows, features and lists are those of the log")
    refused = {str(letter.reason) for letter in await cluster.dead_letters() if letter.topic == topics.links}
    assert refused
    assert refused <= {"already_linked", "link_chain", "self_link"}

    found = (await freshet(cluster, "inspect", "user", user))[1]
    assert [(one["guest_id"], one["events"]) for one in found["guests"]] == [(guest, 1)]
    assert (await freshet(cluster, "inspect", "user", guest))[1]["linked_with"] == user

    async def told() -> bool:
        return len({one.value for one in await log_of(cluster, topics.misplaced_profiles)}) == 1

    await eventually("its owner says where the profile lies", told)
    code, erased = await freshet(cluster, "erase", user, "--wait-s", "600")
    assert (code, erased["total"], erased["guests"]) == (0, 0, [guest]), erased
    assert await remains_of(cluster, guest) == await remains_of(cluster, user) == {}

    async with Cluster(cluster.place, "v2") as replay:
        replay.start_worker("replay")
        await replay.wait_until_caught_up()
        # Items have learned from the guest, and a replay never does.
        assert await replay.user_rows() == await cluster.user_rows()
        live = await same_parts(cluster, replay)
    assert len(live) > 150
    assert await remains_of(cluster, guest) == {}


@pytest.mark.slow
async def test_two_thousand_links_under_kill_9_and_a_replay(cluster: Cluster) -> None:
    began_s = time.monotonic()
    await link_under_kill_9(cluster, links=2_000, rounds=8)
    await settled(cluster, "rows, features and lists are those of the log")
    async with Cluster(cluster.place, "v2") as replay:
        replay.start_worker("replay")
        await assert_equal_state(cluster, replay)
        live = await same_parts(cluster, replay)
    recount, links = await told(cluster)
    print(
        json.dumps(
            {
                "links": len(links),
                "parts": len(live),
                "events": sum(len(person.events) for person in recount.people.values()),
                "kills": 8,
                "differences": (await rows_differ(cluster)).get("first", {}),
                "took_s": round(time.monotonic() - began_s),
            }
        )
    )
