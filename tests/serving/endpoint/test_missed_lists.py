"""Of whom a read finds no list, a worker hears within a moment: by version, by partition, under the stored id."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
from listed import CardWriter as ListWriter
from listed import redis_of

from serving.endpoint.config import EndpointConfig
from serving.endpoint.marks import UserMarks
from serving.endpoint.missed_lists import AGAIN_S, MAX_TOLD, MissedLists
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink
from streams.contract.identities import Identities
from streams.contract.partitioning import partition_of

from .conftest import TTL_S, eventually, fragments, running, stamp
from .test_reads import LIST, put_user

HOME = f"{LIST}/homepage/u"
BEGUN = "/api/v1/users/u/continue-watching"


async def told(writer: ListWriter, partitions: int = 4) -> set[str]:
    taken = [await writer.reader_marks(partition).take_missed(MAX_TOLD) for partition in range(partitions)]
    return {user_id for users in taken for user_id in users}


def is_told(writer: ListWriter, *users: str) -> Callable[[], Awaitable[bool]]:
    found: set[str] = set()

    async def check() -> bool:
        found.update(await told(writer))
        return found == set(users)

    return check


async def put_whole(writer: ListWriter, user: str) -> None:
    await put_user(writer, user, "a")
    for key, context in ((writer.keys.user_list(user, "post_play"), "post_play"), (continued(writer, user), "")):
        value = stamp().personal(user, 7, fragments("a"), context=context)
        await writer.write_lists([(key, value)], TTL_S)


def continued(writer: ListWriter, user: str) -> str:
    return writer.keys.continue_watching(user)


@pytest.mark.parametrize(
    ("path", "lost"),
    [
        (f"{LIST}?user_id=u", "list"),
        (f"{LIST}?user_id=u&context=search", "list"),
        (f"{LIST}?user_id=u&context=post_play", "post_play"),
        (HOME, "list"),
        (HOME, "post_play"),
        (HOME, "continue"),
        (BEGUN, "continue"),
        ("/api/v1/items/a/similar?user_id=u", "list"),
    ],
)
async def test_whoever_lacks_a_list_is_told(
    path: str, lost: str, client: httpx.AsyncClient, writer: ListWriter
) -> None:
    keys = writer.keys
    await put_whole(writer, "u")
    assert (await client.get(path)).status_code == 200
    lost_key = {
        "list": keys.user_list("u"),
        "post_play": keys.user_list("u", "post_play"),
        "continue": keys.continue_watching("u"),
    }[lost]
    await redis_of(writer).delete(lost_key)
    assert (await client.get(path)).status_code == 200
    await eventually(is_told(writer, "u"))
    assert await redis_of(writer).zcard(keys.missed(partition_of(b"u", 4))) == 0


async def test_whoever_has_everything_is_not_told(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_whole(writer, "u")
    for path in (f"{LIST}?user_id=u", f"{LIST}?user_id=u&context=search", HOME, BEGUN):
        assert (await client.get(path)).status_code == 200
    await client.get(LIST, params={"user_id": "stranger"})  # of whom is told together with whoever was before
    await eventually(is_told(writer, "stranger"))


async def test_of_a_list_that_another_version_stands_in_for_their_own_version_hears(
    writer: ListWriter, config: EndpointConfig
) -> None:
    await writer.switch_live(LivePointer({"v2": 99, "v1": 1}, 1, "s"))
    await put_whole(writer, "u")
    new = ListWriter.connect(config.redis_url, Keys(writer.keys.namespace, "v2"))
    async with running(config) as client:
        body = (await client.get(LIST, params={"user_id": "u"})).json()
        assert (body["source"], body["model_version"]) == ("personal", "v1")
        await eventually(is_told(new, "u"))
        assert await told(writer) == set()
    await new.close()


async def test_an_unreadable_list_is_missed_too(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_whole(writer, "u")
    await writer.write_plain(writer.keys.user_list("u"), b"of another release", TTL_S)
    await client.get(LIST, params={"user_id": "u"})
    await eventually(is_told(writer, "u"))


async def test_users_are_told_under_their_stored_ids(writer: ListWriter, config: EndpointConfig) -> None:
    identities = Identities(b"s" * 32)
    async with running(replace(config, identities=identities)) as client:
        await client.get(LIST, params={"user_id": "somebody"})
        await eventually(is_told(writer, identities.of("somebody")))


@pytest.fixture
async def missed(config: EndpointConfig) -> AsyncIterator[MissedLists]:
    link = RedisLink(RedisAddress.from_url(config.redis_url), deadline_s=2)
    await link.start()
    yield MissedLists(link, UserMarks(config.partitions))
    await link.close()


async def test_the_same_is_told_again_after_a_while_only(missed: MissedLists, writer: ListWriter) -> None:
    await missed.write(1_000.0)
    for now_s, expected in ((1_000.5, {"u"}), (1_001.0, set()), (1_000.0 + AGAIN_S, set()), (1_007.0, {"u"})):
        missed.add("u", writer.keys)
        await missed.write(now_s)
        assert await told(writer) == expected, now_s


async def test_a_flood_of_invented_names_is_bounded(missed: MissedLists, writer: ListWriter) -> None:
    for number in range(MAX_TOLD + 5):
        missed.add(f"invented {number}", writer.keys)
    await missed.write(time.time())
    assert len(await told(writer)) == MAX_TOLD
