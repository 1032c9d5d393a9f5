"""Cards in Redis are what the catalogue says, whoever owns the items and whatever Redis loses."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from eligibility_world import World
from listed import redis_of

from agents.lists import item_cards
from agents.lists.item_cards import ItemCards
from serving.eligibility import facts_of
from serving.endpoint.cards import Cards
from serving.item_card import NOBODYS, ItemCard, field_of
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_keys import key_of

from .conftest import PrivateValkey

NOW_MS = 1_800_000_000_000
DRAMA = facts_of(12, ("Drama",))
FILM = b'{"genres":["Drama"],"maturity":"12"}'


@pytest.fixture
def world() -> World:
    world = World(Random(3), NOW_MS)
    for number in range(5):
        world.say_item(f"i{number}", film())
    return world


def film(maturity: str = "12", **more: Any) -> dict[str, Any]:
    return {"title": "A film", "maturity": maturity, "genres": ["Drama"], **more}


async def card(writer: ListWriter, item_id: str) -> ItemCard | None:
    return (await writer.cards([key_of(item_id)]))[0]


async def written(world: World, writer: ListWriter, owner: PartitionOwner, now_ms: int = NOW_MS) -> ItemCards:
    """By an owner who has compared everything."""
    cards = world.cards(writer)
    await cards.write({0: owner}, now_ms)
    return cards


async def test_every_item_has_a_card(world: World, writer: ListWriter) -> None:
    cards = await written(world, writer, PartitionOwner(0, term=1))
    assert await card(writer, "i3") == ItemCard.of("i3", "A film", DRAMA, details=FILM)
    stamp = await writer.card_stamp()
    await cards.write({0: PartitionOwner(0, term=2)}, NOW_MS)
    assert await writer.card_stamp() == stamp  # nothing was another: nobody is told
    world.say_item("new", film("18"))
    await cards.write({0: PartitionOwner(0, term=3)}, NOW_MS)
    assert await card(writer, "new") == ItemCard.of(
        "new", "A film", facts_of(18, ("Drama",)), details=FILM.replace(b"12", b"18")
    )


@pytest.mark.parametrize(
    "more",
    [
        {"maturity": "18"},
        {"maturity": "7"},
        {"regions": ["DE"]},
        {"attributes": {"languages": ["fr"]}},
        {"available_until": NOW_MS + 5},
        {"available_from": NOW_MS + 5},
        {"genres": ["Horror"]},
        {"maturity": "R"},  # unreadable: it restricts most
        {"regions": "DE"},
    ],
)
async def test_whatever_restricts_an_item_is_on_its_card_and_when_that_began(
    world: World, writer: ListWriter, more: dict[str, Any]
) -> None:
    owner = PartitionOwner(0, term=1)
    cards = await written(world, writer, owner)
    world.say_item("i1", film() | more)
    await cards.write({0: owner}, NOW_MS + 7)
    index = world.small.model.index("i1")
    facts = item_cards.item_facts(world.small.model, index)
    assert facts != DRAMA
    found = await card(writer, "i1")
    assert found is not None
    assert (found.facts, found.restated_ms) == (facts, NOW_MS + 7)
    world.say_item("i1", film() | more | {"title": "Another title"})
    await cards.write({0: owner}, NOW_MS + 99)
    title = "A film" if facts == NOBODYS else "Another title"  # of what is withdrawn the last title is known
    details = world.small.model.catalog.details[index]
    assert await card(writer, "i1") == ItemCard.of("i1", title, facts, NOW_MS + 7, details)


async def test_another_title_restates_nothing_and_a_withdrawal_keeps_it(world: World, writer: ListWriter) -> None:
    owner = PartitionOwner(0, term=1)
    cards = await written(world, writer, owner)
    world.say_item("i0", film(title="Another title", year=1999))
    await cards.write({0: owner}, NOW_MS)
    assert await card(writer, "i0") == ItemCard.of(
        "i0", "Another title", DRAMA, details=b'{"genres":["Drama"],"year":1999,"maturity":"12"}'
    )
    world.say_item("i0", None)
    await cards.write({0: owner}, NOW_MS)
    found = await card(writer, "i0")
    assert found is not None
    assert (found.facts, found.restated_ms) == (NOBODYS, NOW_MS)


async def test_a_next_owner_finds_what_changed_while_nobody_owned_the_partition(
    world: World, writer: ListWriter
) -> None:
    await written(world, writer, PartitionOwner(0, term=1))
    world.say_item("i2", film("18"))
    world.say_item("i3", film())
    await written(world, writer, PartitionOwner(0, term=2), NOW_MS + 1)
    restated = {f"i{number}": (await card(writer, f"i{number}") or ItemCard(0, b"", b"")) for number in range(5)}
    assert {item_id: found.restated_ms for item_id, found in restated.items()} == {
        **dict.fromkeys(("i0", "i1", "i3", "i4"), 0),
        "i2": NOW_MS + 1,
    }


@pytest.mark.parametrize("lost", ["cards", "card_changes", "card_stamp", "all"])
async def test_what_redis_loses_is_written_again(
    world: World, writer: ListWriter, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setattr(item_cards, "AUDITED_PER_ROUND", 0)
    owner, keys = PartitionOwner(0, term=1), writer.keys
    cards = await written(world, writer, owner)
    await redis_of(writer).delete(*(keys.of_items if lost == "all" else [getattr(keys, lost)]))
    await cards.write({0: owner}, NOW_MS)
    for number in range(5):
        assert await card(writer, f"i{number}") == ItemCard.of(f"i{number}", "A film", DRAMA, details=FILM)
        assert await redis_of(writer).zscore(keys.card_changes, field_of(key_of(f"i{number}"))) is not None
    world.say_item("i4", film("18"))
    await cards.write({0: owner}, NOW_MS)
    assert await redis_of(writer).zscore(keys.card_changes, field_of(key_of("i4"))) is not None
    stamp = await writer.card_stamp()
    assert stamp is not None
    await cards.write({0: owner}, NOW_MS)
    assert await writer.card_stamp() == stamp  # and no more often than needed


async def test_every_worker_notices_what_redis_lost(
    world: World, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_cards, "AUDITED_PER_ROUND", 0)
    monkeypatch.setattr(item_cards, "item_partition", lambda item_id, _: int(item_id in ("i0", "i1")))
    owners = PartitionOwner(0, term=1), PartitionOwner(1, term=1)
    workers = [await written(world, writer, owners[0]), world.cards(writer)]
    for _ in range(2):
        for owner, worker in zip(owners, workers, strict=True):
            await worker.write({owner.partition: owner}, NOW_MS)
    stamp = await writer.card_stamp()
    await redis_of(writer).delete(writer.keys.cards)
    for owner, worker in zip(owners, workers, strict=True):
        await worker.write({owner.partition: owner}, NOW_MS)
    assert all([await card(writer, f"i{number}") for number in range(5)])
    settled = await writer.card_stamp()
    assert settled is not None
    assert stamp is not None
    assert settled.rpartition(b":")[0] != stamp.rpartition(b":")[0]
    for _ in range(2):
        for owner, worker in zip(owners, workers, strict=True):
            await worker.write({owner.partition: owner}, NOW_MS)
    assert await writer.card_stamp() == settled  # they do not end each other's epochs


async def test_an_endpoint_hears_of_what_changes_after_an_older_state_came_back(
    world: World, writer: ListWriter, valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_cards, "AUDITED_PER_ROUND", 0)
    owner, keys = PartitionOwner(0, term=1), writer.keys
    link = RedisLink(RedisAddress.from_url(valkey.url), deadline_s=2)
    await link.start()
    cards, endpoint = await written(world, writer, owner), Cards(link, keys, 1 << 24)
    older = {name: await redis_of(writer).dump(name) for name in (keys.cards, keys.card_changes, keys.card_stamp)}
    for maturity in ("16", "18", "16", "18"):
        world.say_item("i1", film(maturity))
        await cards.write({0: owner}, NOW_MS)
    await endpoint.refresh()
    for name, value in older.items():
        assert value is not None
        await redis_of(writer).restore(name, 0, value, replace=True)
    world.say_item("i2", film("18"))
    await cards.write({0: owner}, NOW_MS)
    await endpoint.refresh()
    await link.close()
    for item_id in ("i1", "i2"):
        assert endpoint.held[key_of(item_id)].facts == facts_of(18, ("Drama",)), item_id


async def test_an_older_state_that_comes_back_is_noticed(
    world: World, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_cards, "AUDITED_PER_ROUND", 0)
    owner, keys = PartitionOwner(0, term=1), writer.keys
    cards = await written(world, writer, owner)
    older = await redis_of(writer).get(keys.card_stamp), await redis_of(writer).hgetall(keys.cards)
    world.say_item("i1", film("18"))
    await cards.write({0: owner}, NOW_MS)
    await redis_of(writer).set(keys.card_stamp, older[0])
    await redis_of(writer).hset(keys.cards, mapping=older[1])
    await cards.write({0: owner}, NOW_MS)
    found = await card(writer, "i1")
    assert found is not None
    assert found.facts == facts_of(18, ("Drama",))


async def test_one_card_that_is_wrong_is_found_in_its_turn(world: World, writer: ListWriter) -> None:
    owner = PartitionOwner(0, term=1)
    cards = await written(world, writer, owner)
    await redis_of(writer).hset(writer.keys.cards, field_of(key_of("i2")), b"garbage")
    await cards.write({0: owner}, NOW_MS)
    assert await card(writer, "i2") == ItemCard.of("i2", "A film", DRAMA, details=FILM)


async def test_a_former_owner_changes_nothing(world: World, writer: ListWriter) -> None:
    former, later = PartitionOwner(0, term=1), PartitionOwner(0, term=2)
    cards = await written(world, writer, former)
    await writer.change_cards(later, {1: ItemCard.of("x", "X", b"0")})
    world.say_item("i1", film("18"))
    await cards.write({0: former}, NOW_MS)
    assert await card(writer, "i1") == ItemCard.of("i1", "A film", DRAMA, details=FILM)
    assert former.is_contested
    await cards.write({0: later}, NOW_MS)
    assert await card(writer, "i1") != ItemCard.of("i1", "A film", DRAMA, details=FILM)


async def test_without_a_catalogue_every_item_is_what_its_events_say_and_with_one_nobodys(writer: ListWriter) -> None:
    world, owner = World(Random(3), NOW_MS), PartitionOwner(0, term=1)
    world.small.sends("u", ["a"])
    world.small.publish()
    cards = await written(world, writer, owner)
    assert await card(writer, "a") == ItemCard.of("a", "a", facts_of(16))
    world.say_item("b", film())
    await cards.write({0: owner}, NOW_MS)
    found = await card(writer, "a")
    assert found is not None
    assert found.facts == NOBODYS
