"""What a follower of some partitions holds: a copy of theirs, from the beginning, and nothing of others."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.followers import follower
from agents.followers.follower import Follower
from agents.followers.profiles import Profiles
from streams.contract.reasons import Reason
from streams.contract.user_records import user_partition

PARTITIONS, TOPIC = 4, "users.profiles"
USERS = [next(f"u{n}" for n in range(100) if user_partition(f"u{n}", PARTITIONS) == p) for p in range(PARTITIONS)]
"""One of each partition."""


class Log:
    """A topic in memory, and its one consumer: what a follower asks of aiokafka's."""

    def __init__(self) -> None:
        self.records: dict[int, list[ConsumerRecord]] = {number: [] for number in range(PARTITIONS)}
        self.ends = dict.fromkeys(range(PARTITIONS), 0)
        self.handed_over = 0
        self.may_poll = asyncio.Event()
        self.may_poll.set()
        self._positions: dict[TopicPartition, int] = {}
        self._client = SimpleNamespace(add_topic=self._nothing)

    async def _nothing(self, _topic: str) -> None: ...

    def say(self, user: str, value: bytes | None, partition: int | None = None) -> None:
        number = user_partition(user, PARTITIONS) if partition is None else partition
        offset, self.ends[number] = self.ends[number], self.ends[number] + 1
        record = ConsumerRecord(TOPIC, number, offset, 5, 0, user.encode(), value, None, 0, 0, ())
        self.records[number].append(record)

    def compact(self, number: int) -> None:
        """Removes the records of a partition; offsets go on."""
        self.records[number].clear()

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(PARTITIONS))

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, -1)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._positions |= dict.fromkeys(partitions, 0)
        await asyncio.sleep(0)

    async def position(self, tp: TopicPartition) -> int:
        return max(0, self._positions[tp])

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        await asyncio.sleep(0)
        return {tp: self.ends[tp.partition] for tp in partitions}

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        """One record of each."""
        assert timeout_ms
        await asyncio.sleep(0)
        await self.may_poll.wait()
        found = {}
        for tp in partitions or tuple(self._positions):
            more = [record for record in self.records[tp.partition] if record.offset >= self._positions[tp]]
            self._positions[tp] = more[0].offset + 1 if more else self.ends[tp.partition]
            found[tp] = more[:1]
            self.handed_over += len(found[tp])
        return found


class World:
    """A follower of profiles beside its log."""

    def __init__(self) -> None:
        self.log, self.profiles = Log(), Profiles(PARTITIONS)
        self.refused: list[tuple[int, int, Reason]] = []
        self.follower = Follower("nowhere", {TOPIC: self.profiles.apply}, report=self._refuse)

    def _refuse(self, record: ConsumerRecord, reason: Reason, _detail: str) -> None:
        self.refused.append((record.partition, record.offset, reason))

    async def own(self, *numbers: int) -> None:
        await self.follower.follow(numbers, self.profiles.drop)

    def countries(self) -> dict[str, str | None]:
        """What is known of whom, of everybody that anything is held of."""
        held = [self.profiles.of(number) for number in self.profiles.held()]
        return {user: profile.country for one in held for user in one.users() if (profile := one.get(user))}

    async def polls(self) -> None:
        """The follower polls twice: whatever it may know by itself, it knows."""
        for _ in range(2):
            async with self.follower._polled:
                await self.follower._polled.wait()


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World()

    @asynccontextmanager
    async def consumer(_bootstrap: str) -> AsyncIterator[Log]:
        yield made.log

    monkeypatch.setattr(follower, "bulk_consumer", consumer)
    monkeypatch.setattr("streams.kafka.leader_epochs.LeaderEpochs.listen", lambda *_: None)
    for number, user in enumerate(USERS):
        made.log.say(user, b'{"country":"N%c"}' % (ord("A") + number))
    await made.follower.start(())
    yield made
    await made.follower.stop()


async def test_profiles_of_owned_partitions_are_known_before_the_call_returns_and_no_others_are(world: World) -> None:
    assert (world.countries(), world.log.handed_over) == ({}, 0)
    await world.own(1, 3)
    assert world.countries() == {USERS[1]: "NB", USERS[3]: "ND"}
    assert world.profiles.held() == {1: 1, 3: 1}
    assert world.log.handed_over == 2


async def test_what_an_owned_partition_says_later_is_followed_and_what_others_say_is_not(world: World) -> None:
    await world.own(1)
    world.log.say(USERS[1], b'{"country":"DE"}')
    world.log.say(USERS[2], b'{"country":"DE"}')
    await world.polls()
    assert world.countries() == {USERS[1]: "DE"}


async def test_what_is_kept_is_read_on_with_and_known_to_the_end(world: World) -> None:
    await world.own(1)
    kept = world.profiles.of(1)
    world.log.say(USERS[1], b'{"country":"DE"}')
    await world.own(1, 2)
    assert world.countries() == {USERS[1]: "DE", USERS[2]: "NC"}
    assert world.profiles.of(1) is kept
    assert world.log.handed_over == 3


async def test_what_is_lost_is_dropped_and_read_from_the_beginning_when_it_comes_back(world: World) -> None:
    await world.own(1, 2)
    await world.own(2)
    assert world.profiles.held() == {2: 1}
    world.log.say(USERS[1], None)
    world.log.compact(1)  # nobody can read any more that the profile was removed
    await world.own(1, 2)
    assert world.countries() == {USERS[2]: "NC"}


async def test_a_call_that_is_cancelled_leaves_nothing_half_known_behind(world: World) -> None:
    await world.own(2)
    world.log.may_poll.clear()
    call = asyncio.create_task(world.own(1))
    while world.profiles.held() != {}:  # the second partition was left
        world.log.may_poll.set()
        await asyncio.sleep(0)
        world.log.may_poll.clear()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    world.log.may_poll.set()
    await world.own(1, 2)
    assert world.countries() == {USERS[1]: "NB", USERS[2]: "NC"}


async def test_a_refused_profile_is_reported_once_by_a_process_that_owns_its_partition_twice(world: World) -> None:
    world.log.say(USERS[1], b'{"kids":"true"}')
    for owned in ((1,), (2,), (1, 2)):
        await world.own(*owned)
    assert world.refused == [(1, 1, Reason.WRONG_TYPE)]
    child = world.profiles.of(1).get(USERS[1])
    assert child is not None
    assert child.kids


async def test_a_profile_where_its_owner_does_not_look_is_refused_by_whoever_finds_it(world: World) -> None:
    world.log.say(USERS[1], b'{"country":"DE"}', partition=2)
    world.log.say(USERS[3], None, partition=2)  # removes such a one
    await world.own(1, 2)
    assert world.refused == [(2, 1, Reason.WRONG_PARTITION)]
    assert world.countries() == {USERS[1]: "NB", USERS[2]: "NC"}


async def test_places_are_those_of_followed_partitions(world: World) -> None:
    await world.own(1, 2)
    await world.own(2)
    assert {tp: place.offset for tp, place in world.follower.places().items()} == {TopicPartition(TOPIC, 2): 1}
