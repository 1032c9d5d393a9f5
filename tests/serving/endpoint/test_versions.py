"""Rollouts as readers see them: nested shares, labels in every answer, and no gap where one version has no list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from listed import change_cards, continue_fragment

from serving.endpoint.cards import PAGE
from serving.endpoint.config import EndpointConfig
from serving.endpoint.list_filter import Item
from serving.endpoint.marks import UserMarks
from serving.endpoint.missed_lists import MissedLists
from serving.endpoint.store import Store
from serving.endpoint.supply import FoundList, Supply
from serving.item_card import ItemCard
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter
from serving.seen_filter import item_hash

from .conftest import NOW_MS, TTL_S, for_everybody, fragments, running, stamp
from .test_reads import LIST, ids, put_user

USERS = [f"u{number}" for number in range(300)]


async def test_a_growing_share_only_adds_users(writer: ListWriter, config: EndpointConfig) -> None:
    for user_id in USERS:
        for version in ("v1", "v2"):
            await put_user(writer, user_id, version, version=version)
    moved: list[set[str]] = []
    for sequence, share in enumerate((5, 25, 100), start=1):
        pointer = LivePointer({"v2": share, "v1": 100 - share}, sequence, "rollout", {"v2": "new", "v1": "old"})
        await writer.switch_live(pointer)
        async with running(config) as client:
            answers = [(await client.get(LIST, params={"user_id": user_id})).json() for user_id in USERS]
        for body in answers:
            expected = "new" if body["model_version"] == "v2" else "old"
            assert (body["variant"], ids(body["recommendations"])) == (expected, [body["model_version"]])
        moved.append({body["user_id"] for body in answers if body["model_version"] == "v2"})
    assert moved[0] < moved[1] < moved[2] == set(USERS)
    assert 0 < len(moved[0]) < 0.12 * len(USERS)


async def fill(writer: ListWriter, version: str, user: str) -> None:
    """Everything that pages are made of; every item names its version."""
    keys = Keys(writer.keys.namespace, version)
    begun = [continue_fragment(f"{version}-begun", "B", 50, 10, NOW_MS)]
    page = b'{"genre":"Drama","country":""}'
    await put_user(writer, user, f"{version}-top", version=version)
    await writer.write_lists(
        [
            (keys.continue_watching(user), stamp(version=version).personal(user, 7, begun, page=page)),
            (
                keys.user_list(user, "post_play"),
                stamp(version=version).personal(user, 7, fragments(f"{version}-after"), context="post_play"),
            ),
        ],
        TTL_S,
    )
    for key in (keys.trending_list("*", "24h"), keys.row("new", "*"), keys.row("genre", "Drama"), keys.popular()):
        name = key.removeprefix(keys.prefix)
        await writer.write_shared(
            key, stamp("popular", version).shared(*for_everybody(fragments(f"{version}-{name}"))), TTL_S
        )
    near = fragments(f"{version}-near")
    await writer.write_shared(keys.similar("a"), stamp("popular", version).shared(*for_everybody(near)), TTL_S)


async def test_a_page_is_of_one_version_during_a_rollout(writer: ListWriter, config: EndpointConfig) -> None:
    users = USERS[:60]
    for user in users:
        for version in ("v1", "v2"):
            await fill(writer, version, user)
    await writer.switch_live(LivePointer({"v2": 25, "v1": 75}, 1, "rollout"))
    served: set[str] = set()
    async with running(config) as client:
        for user in users:
            page = (await client.get(f"{LIST}/homepage/{user}")).json()
            items = [item for section in page["sections"] for item in ids(section["items"])]
            assert len(items) == 6, page
            similar = (await client.get("/api/v1/items/a/similar", params={"user_id": user})).json()
            for version, shown in (
                (page["model_version"], items),
                (similar["model_version"], ids(similar["similar_items"])),
            ):
                assert {item.partition("-")[0] for item in shown} == {version}
            served.add(page["model_version"])
    assert served == {"v1", "v2"}


async def test_a_page_stays_with_its_version_when_the_pointer_moves(
    writer: ListWriter, config: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("v1", "v2"):
        await fill(writer, version, "u")
    await writer.switch_live(LivePointer({"v1": 100}, 1))
    popular = Supply.popular

    async def slow(supply: Supply, *given: Any) -> tuple[FoundList, list[Item]]:
        await writer.switch_live(LivePointer({"v2": 100}, 2))
        await supply._versions.refresh()
        return await popular(supply, *given)

    async with running(config) as client:
        monkeypatch.setattr(Supply, "popular", slow)
        page = (await client.get(f"{LIST}/homepage/u")).json()
    assert page["model_version"] == "v1"
    assert {item.partition("-")[0] for section in page["sections"] for item in ids(section["items"])} == {"v1"}


async def test_every_answer_names_version_and_variant(writer: ListWriter, config: EndpointConfig) -> None:
    await writer.switch_live(LivePointer({"v2": 100}, 1, variants={"v2": "candidate"}))
    paths = (
        f"{LIST}?user_id=u",
        f"{LIST}/homepage/u",
        "/api/v1/items/a/similar",
        "/api/v1/trending",
        "/api/v1/users/u/continue-watching",
    )
    async with running(config) as client:
        for path in paths:
            body = (await client.get(path)).json()
            assert (body["model_version"], body["variant"]) == ("v2", "candidate"), path


async def test_what_is_missing_in_one_version_comes_from_the_other(writer: ListWriter, config: EndpointConfig) -> None:
    await writer.switch_live(LivePointer({"v2": 100 - 1, "v1": 1}, 1, "s", {"v1": "old"}))
    old = Keys(writer.keys.namespace, "v1")
    begun = stamp().personal("u", 7, [continue_fragment("b", "B", 50, 10, NOW_MS)])
    await writer.write_lists([(old.continue_watching("u"), begun)], TTL_S)
    await writer.write_shared(old.similar("a"), stamp("popular").shared(*for_everybody(fragments("near"))), TTL_S)
    await writer.write_shared(
        old.trending_list("*", "24h"), stamp("popular").shared(*for_everybody(fragments("hot"))), TTL_S
    )
    await writer.write_shared(old.popular(), stamp("popular").shared(*for_everybody(fragments("liked"))), TTL_S)
    async with running(config) as client:
        for path, member, item_id in (
            ("/api/v1/users/u/continue-watching", "items", "b"),
            ("/api/v1/items/a/similar", "similar_items", "near"),
            ("/api/v1/trending", "items", "hot"),
            (f"{LIST}?user_id=u", "recommendations", "liked"),
        ):
            body = (await client.get(path)).json()
            assert (ids(body[member]), body["model_version"], body["variant"]) == ([item_id], "v1", "old"), path


class UnsteadyLink(RedisLink):
    """Every fifth reply about cards is late."""

    sent = 0

    def send(self, frame: bytes, key: bytes = b"") -> asyncio.Future[Any]:
        if b"HMGET" in frame:
            self.sent += 1
            if self.sent % 5 == 0:
                raise RedisUnavailable("late")
        return super().send(frame, key)


async def test_late_replies_cost_a_new_version_no_card_and_shared_lists_nothing(
    writer: ListWriter, config: EndpointConfig
) -> None:
    keys = Keys(config.namespace, "v2")
    cards = {item_hash(f"i{n}"): ItemCard.of(f"i{n}", "", b"0") for n in range(12 * PAGE)}
    for first in range(0, len(cards), PAGE):
        await change_cards(writer, keys, dict(list(cards.items())[first : first + PAGE]))
    await writer.switch_live(LivePointer({"v2": 100}, 1))
    old = Keys(config.namespace, "v1").popular()
    await writer.write_shared(old, stamp("popular").shared(*for_everybody(fragments("before"))), TTL_S)
    link = UnsteadyLink(RedisAddress.from_url(config.redis_url), deadline_s=2)
    await link.start()
    store = Store(config, link, MissedLists(link, UserMarks(config.partitions)))
    late = 0
    while store.versions.first().keys.version != "v2":
        try:
            await store.refresh()
        except RedisUnavailable:
            late += 1
            assert len(store.shared) == 1, "lists are read though cards are late"
            assert item_hash("before") in store.versions.first().cards.cards.held, (
                "so are cards of the version that serves"
            )
        assert late <= 3, "13 replies about cards, and every fifth is late"
    assert store.versions.first().cards.cards.held.keys() == cards.keys()
    await link.close()
