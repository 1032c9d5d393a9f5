"""Erases one user: their events up to now are never folded again, and everything made of them goes.

Workers do their part as soon as the marker is in the log: they forget the rows and remove the Redis keys of the user
in the same step. This command waits for them, and removes the rest: dead letters, served records, the profile.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from ops.exit_codes import CommandFailed
from ops.operator.archive.erasure import read_erasures
from ops.operator.dead_letters.records import blanked, is_about, rewrite, rewriter_of
from ops.operator.dead_letters.sole_producer import sole_producer
from ops.operator.erasure.check import Leftovers, Names, check, is_served_to, redis_keys
from ops.operator.erasure.erasures import read_markers
from ops.operator.erasure.links import read_links, remove_links
from ops.operator.inspect.finding import end_offset, find, partition_count, versions
from ops.operator.inspect.scale import read_scale
from ops.operator.snapshots.kept_files import RetainedFiles
from serving.redis_clients import connect
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import Identities
from streams.contract.user_records import user_partition
from streams.kafka import clients
from streams.kafka.bulk_read import POLL_MS, bulk_consumer
from streams.kafka.topics import Topics
from tables import partition_row, user_keys

NO_ANSWER = "no answer"


class GuestsNotForgotten(CommandFailed):
    """Workers did not say in time that they forgot the user's guests, so nothing of the user was erased yet."""


@dataclass(frozen=True)
class Erased:
    """`guests` are ids that were linked with the user and are erased too. `versions` says per model version
    `forgotten`, `no worker` (it will be, before its next worker folds anything) or `no answer` of the user's own
    worker. `left` is what the check found afterwards."""

    user_id: str
    guests: list[str]
    partition: int
    end_offset: int
    versions: dict[str, str]
    left: Leftovers

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "user_id": self.user_id,
            "guests": self.guests,
            "partition": self.partition,
            "end_offset": self.end_offset,
            "versions": self.versions,
            **self.left.as_dict(),
        }


async def erase(
    bootstrap: str,
    redis_url: str,
    topics: Topics,
    user_id: str,
    identities: Identities,
    files: RetainedFiles,
    wait_s: float,
) -> Erased:
    """Erases and checks; guests who are linked with the user first, so that whoever is interrupted still knows them.
    Workers get `wait_s` seconds to answer for each. Raises `GuestsNotForgotten`: what a worker still holds of a guest
    would bring the user's list back."""
    guests = (await read_links(bootstrap, topics)).guests_of(user_id)
    silent: set[str] = set()
    for guest in guests:
        _, _, answered = await _forget(bootstrap, redis_url, topics, Names.of(guest, identities), wait_s)
        silent |= {version for version, answer in answered.items() if answer == NO_ANSWER}
    if silent:
        raise GuestsNotForgotten(
            f"workers of {', '.join(sorted(silent))} did not say within {wait_s:g} s that they forgot guests who are"
            " linked with the user, so the user was not erased yet; erase again once they answer, or with more --wait-s"
        )
    marker, partition, answers = await _forget(bootstrap, redis_url, topics, Names.of(user_id, identities), wait_s)
    everybody = [*guests, user_id]
    for one in everybody:
        async with sole_producer(bootstrap, _eraser_of(topics, one)) as producer:
            await remove_links(bootstrap, topics, producer, one)
    files.erase(await read_erasures(bootstrap, topics, identities))
    left = Leftovers()
    for one in everybody:
        left.add(await check(bootstrap, redis_url, topics, Names.of(one, identities), files))
    return Erased(user_id, guests, partition, marker.end_offset, answers, left)


def _eraser_of(topics: Topics, user_id: str) -> str:
    digest = blake2b(user_id.encode(), digest_size=16).hexdigest()  # brokers remember the names of producers
    return f"{topics.erasure}.{digest}"


async def _forget(
    bootstrap: str, redis_url: str, topics: Topics, names: Names, wait_s: float
) -> tuple[ErasureMarker, int, dict[str, str]]:
    """Marks one id, waits for the workers and removes what they do not; the marker, its partition and the answers."""
    user_id = names.sent
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(user_id, await partition_count(consumer, topics.interactions))
        known = await versions(consumer, Topics(topics.namespace, "x").user_changelog.removesuffix("x"))
        tails = [TopicPartition(Topics(topics.namespace, version).user_changelog, partition) for version in known]
        ends: dict[TopicPartition, int] = await consumer.end_offsets(tails) if tails else {}
    async with sole_producer(bootstrap, _eraser_of(topics, user_id)) as producer:
        marker, position = await _mark(bootstrap, topics, producer, user_id, partition)
    answers = await _wait_for_workers(bootstrap, topics.namespace, known, ends, position, wait_s)
    async with sole_producer(bootstrap, rewriter_of(topics)) as producer:
        await _remove_records(bootstrap, topics, producer, names)
    _remove_keys(redis_url, topics.namespace, names)
    return marker, partition, answers


async def _mark(
    bootstrap: str, topics: Topics, producer: AIOKafkaProducer, user_id: str, partition: int
) -> tuple[ErasureMarker, int]:
    """The final marker and its position. Between the two markers the end of the log is read: see
    streams.contract.erasure."""
    earlier = (await read_markers(bootstrap, topics)).get(user_id)
    asked = ErasureMarker(user_id, time.time_ns() // 1_000_000, earlier.end_offset if earlier else 0)
    await _send_marker(producer, topics, asked, partition)
    reader = clients.consumer(bootstrap, enable_auto_commit=False)
    await reader.start()
    try:
        end = await end_offset(reader, topics.interactions, partition)
    finally:
        await reader.stop()
    final = ErasureMarker(user_id, asked.erased_at_ms, max(end, asked.end_offset))
    return final, await _send_marker(producer, topics, final, partition)


async def _send_marker(producer: AIOKafkaProducer, topics: Topics, marker: ErasureMarker, partition: int) -> int:
    key = marker.user_id.encode()
    async with producer.transaction():
        sent = await producer.send_and_wait(topics.erasure, marker.encode(), key, partition=partition)
        await producer.send(topics.profiles, None, key, partition=partition)
    return int(sent.offset)


# -- workers ----------------------------------------------------------------------------------------------------------


async def _wait_for_workers(
    bootstrap: str,
    namespace: str,
    known: Iterable[str],
    starts: dict[TopicPartition, int],
    position: int,
    wait_s: float,
) -> dict[str, str]:
    answers = dict.fromkeys(known, "no worker")
    awaited: dict[TopicPartition, str] = {}
    for version in answers:
        topics = Topics(namespace, version)
        if (await read_scale(bootstrap, topics)).members:
            answers[version] = NO_ANSWER
            tp = next(tp for tp in starts if tp.topic == topics.user_changelog)
            awaited[tp] = version
    if awaited:
        await _await_answers(bootstrap, awaited, starts, position, time.monotonic() + wait_s, answers)
    return answers


async def _await_answers(
    bootstrap: str,
    awaited: dict[TopicPartition, str],
    starts: dict[TopicPartition, int],
    position: int,
    deadline_s: float,
    answers: dict[str, str],
) -> None:
    """Reads on in the changelogs until each says that the erasure at `position` was carried out."""
    async with bulk_consumer(bootstrap) as consumer:
        consumer.assign(list(awaited))
        for tp in awaited:
            consumer.seek(tp, starts[tp])
        while awaited:
            for tp, records in (await consumer.getmany(*awaited, timeout_ms=POLL_MS)).items():
                if any(_applied(record.key, record.value) > position for record in records):
                    answers[awaited.pop(tp)] = "forgotten"
            if time.monotonic() >= deadline_s:
                return


def _applied(key: bytes, value: bytes | None) -> int:
    if key != user_keys.PARTITION or value is None:
        return -1
    return partition_row.CODEC.decode(value).erasures_applied


# -- records ----------------------------------------------------------------------------------------------------------


async def _remove_records(bootstrap: str, topics: Topics, producer: AIOKafkaProducer, names: Names) -> None:
    dead_letters = await find(bootstrap, topics.dead_letters, lambda record: is_about(record, names.ids))
    theirs = [
        (topic, await find(bootstrap, topic, lambda record: is_served_to(record, names)))
        for topic in (topics.requests, topics.served, topics.predictions, topics.misplaced_profiles)
    ]
    # One that is in the partition of its user is removed with the marker. Those in others say so when they go.
    key = names.sent.encode()
    theirs.append((topics.profiles, await find(bootstrap, topics.profiles, lambda record: record.key == key)))
    if not dead_letters.live and not any(found.live for _, found in theirs):
        return
    async with producer.transaction():
        for (number, key), record in dead_letters.live.items():
            if (kept := blanked(record)) is not None:
                await rewrite(producer, topics.dead_letters, kept)
            else:
                await producer.send(topics.dead_letters, None, key, partition=number)
        await asyncio.gather(
            *[
                await producer.send(topic, None, key, partition=number)
                for topic, found in theirs
                for number, key in found.live
            ]
        )


def _remove_keys(redis_url: str, namespace: str, names: Names) -> None:
    """What workers did not: keys of versions without workers, and those of the endpoint."""
    tagged, readers = redis_keys(redis_url, namespace, names)
    with connect(redis_url) as redis:
        for key in tagged:
            redis.unlink(key)
        for key in readers:
            redis.zrem(key, *names.all)
