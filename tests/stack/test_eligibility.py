"""A child whose profile nobody can read is a child: real worker, real endpoint, every route."""

import secrets
from collections.abc import Awaitable, Callable

import httpx
import orjson
import pytest
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import catalogue, publish_event

from serving.audience import decode
from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

ADULT = "i0"  # every fifth item of the harness's catalogue is for adults


def is_for_adults(item_id: str) -> bool:
    return int(item_id[1:]) % 5 == 0


@pytest.mark.parametrize("profile", [b'{"kids":"true"}', b'{"kids":1}', b'{"maturity_max":"PG"}', b"nonsense"])
async def test_a_restriction_that_cannot_be_read_holds_on_every_route(
    reference: Cluster, endpoint: httpx.AsyncClient, profile: bytes
) -> None:
    user = f"child-{secrets.token_hex(4)}"
    await reference.publish([OutgoingRecord(reference.topics.profiles, user.encode(), b'{"maturity_max":"18"}')])
    await publish_event(reference, user, "i5", event_type="like")
    await publish_event(reference, user, "i10", event_type="watch_start")

    async def shown(path: str, **params: str) -> set[str]:
        body = (await endpoint.get(path, params={"limit": "100", **params})).raise_for_status().json()
        rows = body.get("sections") or [body]
        members = ("items", "recommendations", "similar_items")
        return {item["item_id"] for row in rows for member in members for item in row.get(member, ())}

    async def everything() -> set[str]:
        found = set()
        for context in ("homepage", "post_play", "search"):
            found |= await shown("/api/v1/recommendations", user_id=user, context=context)
        found |= await shown(f"/api/v1/recommendations/homepage/{user}")
        found |= await shown(f"/api/v1/users/{user}/continue-watching")
        for item_id in (ADULT, "i1", "i6"):
            found |= await shown(f"/api/v1/items/{item_id}/similar", user_id=user)
        return found | await shown("/api/v1/trending", user_id=user)

    async def grown_up() -> bool:
        return any(map(is_for_adults, await everything()))

    await eventually("an adult is shown what is for adults", grown_up)
    await reference.publish([OutgoingRecord(reference.topics.profiles, user.encode(), profile)])

    async def told() -> bool:
        value = reference.redis.get(reference.keys.audience(user))
        audience = decode(value, user) if value else None
        return audience is not None and audience.limits.age <= 7

    await eventually("Redis knows what the child may see", told)
    found = await everything()
    assert not any(map(is_for_adults, found)), sorted(filter(is_for_adults, found))


async def test_an_item_whose_rating_rises_leaves_every_answer_for_those_it_is_not_for_any_more(
    reference: Cluster, endpoint: httpx.AsyncClient
) -> None:
    item = "i111"
    entry = next(record for record in catalogue(reference.topics.catalog) if record.key == item.encode())
    child, adult = f"child-{secrets.token_hex(4)}", f"adult-{secrets.token_hex(4)}"
    profiles = {
        child: b'{"maturity_max":"12","seed_items":["i1"]}',
        adult: b'{"maturity_max":"18","seed_items":["i1"]}',
    }
    await reference.publish(
        [OutgoingRecord(reference.topics.profiles, user.encode(), said) for user, said in profiles.items()]
    )
    for user in (child, adult):
        await publish_event(reference, user, item, event_type="watch_start")  # begun: on a list of their own

    async def begun(user: str) -> bool:
        body = (await endpoint.get(f"/api/v1/users/{user}/continue-watching")).raise_for_status().json()
        return item in [shown["item_id"] for shown in body["items"]]

    await eventually("both may go on", lambda: both(begun, child, adult))
    try:
        raised = orjson.loads(entry.value or b"") | {"maturity": "18"}
        await reference.publish_one(OutgoingRecord(entry.topic, entry.key, orjson.dumps(raised)))

        async def restated() -> bool:
            card = reference.card(item)
            return card is not None and card.facts.startswith(b"18")

        async def gone() -> bool:
            return not await begun(child)

        await eventually("the endpoint is told", restated)
        await eventually("the child is not shown it", gone)
        assert await begun(adult)
    finally:
        await reference.publish_one(entry)
    await eventually("the child is shown it again", lambda: begun(child))


async def both(holds: Callable[[str], Awaitable[bool]], *users: str) -> bool:
    return all([await holds(user) for user in users])
