"""Profiles are where their users are: two workers hold their own each, and a hand-over shows no child anything else."""

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.structs import ConsumerRecord
from harness.cluster import PARTITIONS, Cluster
from harness.metrics import Probed, Scraped, probed_worker
from harness.polling import eventually
from harness.traffic import event_record
from harness.watch import live_load

from serving.audience import decode
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

CHILDREN = 24
#: Whoever has no profile sees everything: a list that was made without it shows.
SETTINGS = {"FRESHET_DEFAULT_MATURITY": "18"}
CHILD, GROWN_UP = b'{"kids":true}', b'{"maturity_max":"18"}'


async def said(cluster: Cluster) -> dict[int, int]:
    """How many profiles the topic holds now, by partition of their user."""
    last: dict[bytes, bytes | None] = {}

    def apply(record: ConsumerRecord) -> None:
        if record.key and user_partition(record.key.decode(), PARTITIONS) == record.partition:
            last[record.key] = record.value

    await read_topics(cluster.place.bootstrap, [cluster.topics.profiles], apply, pass_over)
    return Counter(user_partition(key.decode(), PARTITIONS) for key, value in last.items() if value is not None)


def owned(cluster: Cluster, page: Scraped) -> set[int]:
    """The partitions of users that a worker owns."""
    places = [dict(labels) for labels in page.samples.get("freshet_position", ())]
    return {int(place["partition"]) for place in places if place["topic"] == cluster.topics.interactions}


async def each_holds_its_own(cluster: Cluster, *workers: Probed) -> None:
    """Waits until all partitions are owned, each worker holds the profiles of its own, and of no others."""

    async def they_do() -> bool:
        pages, there = [await worker.scrape() for worker in workers], await said(cluster)
        shares = [owned(cluster, page) for page in pages]
        said_held = [page.values("freshet_profiles_held", "partition") for page in pages]
        held = [{int(partition): int(count) for partition, count in one.items()} for one in said_held]
        wanted = [{number: there.get(number, 0) for number in share} for share in shares]
        return sorted(itertools.chain(*shares)) == list(range(PARTITIONS)) and all(shares) and held == wanted

    await eventually("each worker holds the profiles of its users", they_do)


class Family:
    """Children who are seen to do something all the time, and whose lists are looked at all the time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        tag = secrets.token_hex(4)
        self.children = [f"child-{tag}-{number}" for number in range(CHILDREN)]
        self._turns = itertools.cycle(self.children)
        self._numbers = itertools.count()
        self.looks: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None

    async def say(self, user: str, value: bytes | None, partition: int | None = None) -> None:
        record = OutgoingRecord(self._cluster.topics.profiles, user.encode(), value, partition)
        await self._cluster.publish_one(record)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """As long as the body runs. Fails when a child's list ever showed what is for grown-ups."""
        self._looking = looking = asyncio.create_task(self._look())
        try:
            async with live_load(self._use, per_s=60, chunk=12):
                yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _use(self, count: int) -> None:
        topic = self._cluster.topics.interactions
        items = (f"i{next(self._numbers) % 50}" for _ in range(count))
        await self._cluster.publish(event_record(topic, next(self._turns), item, event_type="like") for item in items)

    async def _look(self) -> None:
        while True:
            for user in self.children:
                value = self._cluster.list_bytes(user)
                if value is None:
                    continue
                shown = [entry["item_id"] for entry in self._cluster.listed(value)["recommendations"]]
                wrong = [item for item in shown if int(item[1:]) % 5 == 0]
                assert not wrong, f"{user} is shown {wrong}, on a list of {user_partition(user, PARTITIONS)}"
                self.looks[user] += 1
                await asyncio.sleep(0)
            await asyncio.sleep(0.05)

    async def all_are_seen_again(self) -> None:
        """Returns when every child's list was looked at since the call."""
        self.looks.clear()

        async def they_are() -> bool:
            assert self._looking is not None
            if self._looking.done():
                self._looking.result()
            return all(self.looks[user] for user in self.children)

        await eventually("every child has a list", they_are)

    def age(self, user: str) -> int | None:
        """Up to which the user may see what answers come from."""
        value = self._cluster.redis.get(self._cluster.keys.audience(user))
        audience = decode(value, user) if isinstance(value, bytes) else None
        return None if audience is None else audience.limits.age


async def test_workers_hold_the_profiles_of_their_users_and_a_hand_over_forgets_no_restriction(
    cluster: Cluster,
) -> None:
    family = Family(cluster)
    for user in family.children:
        await family.say(user, CHILD)
    await family.say(family.children[1], b'{"kids":"true"}')  # a child too
    astray = [f"{family.children[0]}-astray-{number}" for number in range(2)]
    for user in astray:
        await family.say(user, CHILD, (user_partition(user, PARTITIONS) + 1) % PARTITIONS)
    await family.say(astray[1], GROWN_UP)  # later, and where it belongs
    first = probed_worker(cluster, "first", SETTINGS)
    await first.ready()
    await each_holds_its_own(cluster, first)
    async with family.watched():
        await family.all_are_seen_again()
        refused = (await first.scrape()).values("freshet_dead_letters_total", "reason")
        second = probed_worker(cluster, "second", SETTINGS)
        growing, former = family.children[0], family.children.pop()
        for number in itertools.count():  # changes while partitions are handed over
            await family.say(growing, b'{"kids":true,"country":"%s"}' % (b"DE", b"NL")[number % 2])
            page = await second.scrape()
            if len(owned(cluster, page)) == PARTITIONS // 2:
                break
        await family.say(former, None)
        await each_holds_its_own(cluster, first, second)
        await family.all_are_seen_again()
        await second.process.terminate()
        await each_holds_its_own(cluster, first)
        await cluster.group.all_partitions_move()
        await family.all_are_seen_again()

    async def told() -> bool:
        ages = {user: family.age(user) for user in (*family.children, former, *astray)}
        return ages == dict.fromkeys(family.children, 7) | {former: 18, astray[0]: 0, astray[1]: 18} and ages

    await eventually("Redis knows who may see what", told)
    assert (
        sum((await first.scrape()).values("freshet_profiles_misplaced", "partition").values()) == 1
    )  # the other's is behind a later one
    for user in (growing, astray[0]):
        await family.say(user, GROWN_UP)

    async def grown_up() -> bool:
        return family.age(growing) == family.age(astray[0]) == 18

    await eventually("who has partitions again follows their profiles", grown_up)
    assert (await first.scrape()).values("freshet_dead_letters_total", "reason") == refused
    assert refused["wrong_type"] > 0, "it is said once by a process that reads it twice"
