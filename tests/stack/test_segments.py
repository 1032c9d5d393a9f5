"""Events with countries in, lists of countries, regions and genres out; and what belongs to a user beside the list."""

import secrets
from typing import Any

import httpx
import orjson
import pytest
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import catalogue, event_record, publish_event

from serving.item_card import NOBODYS
from streams.kafka.producer import OutgoingRecord
from tables.regions import MIN_COUNTRY_EVENTS

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

ITEM, GENRE = "i187", "g5"  # seldom used by the other traffic, and not for adults: strangers are shown it


async def test_events_of_a_country_show_in_every_list_of_the_country(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    topic = reference.topics.interactions
    people = [f"dutch-{secrets.token_hex(4)}" for _ in range(MIN_COUNTRY_EVENTS + 20)]
    views = [event_record(topic, user, ITEM, country="NL") for user in people]
    search = {"event_type": "search", "query": "Canals", "country": "NL", "item_id": None}
    await reference.publish([*views, *(event_record(topic, user, "", **search) for user in people[:5])])

    async def trending(**parameters: str) -> dict[str, Any]:
        answer = await endpoint.get("/api/v1/trending", params=parameters)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def leads(region: str, **parameters: str) -> bool:
        body = await trending(region=region, **parameters)
        return body["region"] == region and bool(body["items"]) and body["items"][0]["item_id"] == ITEM

    for window in ("24h", "7d"):
        await eventually(f"{ITEM} leads in NL", lambda window=window: leads("NL", window=window))  # type: ignore[misc]

    async def of_genre() -> list[dict[str, Any]]:
        body = await trending(category=GENRE)
        items: list[dict[str, Any]] = body["items"]
        return items if any(item["item_id"] == ITEM for item in items) else []

    genre = await eventually("the genre's list shows it", of_genre)
    assert {int(item["item_id"][1:]) % 7 for item in genre} == {5}

    async def of_europe() -> bool:
        body = await trending(region="europe")
        return body["region"] == "europe" and len(body["items"]) > 1

    await eventually("Europe has a list of its own", of_europe)

    async def segment() -> bool:
        answer = await endpoint.get("/api/v1/recommendations", params={"user_id": "nobody", "country": "NL"})
        body = answer.json()
        return body["source"] == "segment" and body["recommendations"][0]["item_id"] == ITEM

    await eventually("a reader in the country gets what is popular there", segment)
    redis, keys = reference.redis, reference.keys

    async def sorted_set() -> bool:
        return redis.zrevrange(keys.trending("NL", "24h"), 0, 0) == [ITEM.encode()]

    await eventually("the sorted set of the country says so too", sorted_set)

    async def searched() -> bool:
        return redis.zrevrange(keys.search_trending("NL", "24h"), 0, 0) == [b"canals"]

    await eventually("searches trend", searched)
    header = redis.get(keys.continue_watching(people[0])) or b""
    assert b'"searches":[["canals",' in header


async def test_a_withdrawn_item_leaves_every_answer_and_comes_back(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    async def shown() -> list[str]:
        answer = await endpoint.get("/api/v1/trending", params={"window": "7d", "limit": 5})
        return [item["item_id"] for item in answer.json()["items"]]

    first = (await eventually("trending items", shown))[0]
    entry = next(record for record in catalogue(reference.topics.catalog) if record.key == first.encode())
    await reference.publish_one(OutgoingRecord(entry.topic, entry.key, None))

    async def blocked() -> bool:
        card = reference.card(first)
        return card is not None and card.facts == NOBODYS

    async def is_shown() -> bool:
        return first in await shown()

    async def is_gone() -> bool:
        return not await is_shown()

    await eventually("the item is blocked", blocked)
    await eventually("it is shown no more", is_gone)
    await reference.publish_one(entry)
    await eventually("it is shown again", is_shown)
    assert not await blocked()


async def test_a_profile_makes_a_list_and_features_follow_every_event(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    user = f"told-{secrets.token_hex(4)}"
    profile = {"user_id": user, "seed_items": ["i3"], "disliked_genres": ["g1"], "country": "DE"}
    await reference.publish_one(OutgoingRecord(reference.topics.profiles, user.encode(), orjson.dumps(profile)))

    async def listed() -> list[str]:
        body = (await endpoint.get("/api/v1/recommendations", params={"user_id": user, "limit": 100})).json()
        return [item["item_id"] for item in body["recommendations"]] if body["source"] == "personal" else []

    shown = await eventually("a list before the first event", listed)
    assert not [item for item in shown if int(item[1:]) % 7 == 1]
    where = await publish_event(reference, user, "i4", event_type="like", device_type="tv")

    async def features() -> dict[str, Any] | None:
        value = reference.redis.get(reference.keys.user_features(user))
        found: dict[str, Any] | None = None if value is None else orjson.loads(value)
        return found if found and found["as_of"]["offset"] >= where.offset else None

    found = await eventually("features reflect the event", features)
    assert found["as_of"]["partition"] == where.partition
    assert (found["last_items"], found["genre_preferences"]) == (["i4"], {"g4": 1.0})
    assert (found["devices"], found["country"], found["disliked_genres"]) == (["tv"], "DE", ["g1"])
