"""Nobody sees what they may not see: every route, every fallback, every fault, random catalogues and profiles.

`FRESHET_ELIGIBILITY_ANSWERS` says how many answers are checked at least, `FRESHET_ELIGIBILITY_SEED` where to begin.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import httpx
from eligibility_world import COUNTRIES, GENRES, STRANGER, Who, World
from listed import CardWriter as ListWriter
from listed import redis_of

from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.endpoint.services import Services
from serving.keys import CONTEXTS, REGIONS, WINDOWS, Keys
from serving.live_pointer import LivePointer

from .conftest import eventually, started

ANSWERS = int(os.environ.get("FRESHET_ELIGIBILITY_ANSWERS", "3000"))
FIRST_SEED = int(os.environ.get("FRESHET_ELIGIBILITY_SEED", "0"))
ITEMS, USERS, LATE = 120, 14, 3


class Reader:
    """Asks for everything, in the name of everybody, and looks at every item of every answer."""

    def __init__(self, client: httpx.AsyncClient, world: World, random: Random) -> None:
        self.client = client
        self.world = world
        self.random = random
        self.known: set[str] = set()  # to the endpoint
        self.checked: Counter[str] = Counter()
        self.items = 0
        self.shown_by_name = 0
        self.found = 0

    async def everything(self, users: list[str], phase: str, *, redis: bool = True) -> None:
        """All routes for all users; while `redis` is away who was never read is a stranger."""
        for user_id in users:
            if redis:
                self.known.add(user_id)
            who = self.world.who(user_id) if user_id in self.known else STRANGER
            for context in CONTEXTS:
                await self._ask("/api/v1/recommendations", phase, who, user_id=user_id, context=context)
            await self._ask(f"/api/v1/recommendations/homepage/{user_id}", phase, who)
            await self._ask(f"/api/v1/users/{user_id}/continue-watching", phase, who)
            await self._ask(f"/api/v1/users/{user_id}/bundle", phase, who)
            await self._ask(f"/api/v1/items/{self._item()}/similar", phase, who, user_id=user_id)
            await self._ask(f"/api/v1/items/{self._item()}/similar", phase, STRANGER)
            await self._ask("/api/v1/trending", phase, who, user_id=user_id, **self._trend())
            await self._ask("/api/v1/trending", phase, STRANGER, **self._trend())
            await self._ask(f"/api/v1/recommendations/similar/{self._item()}", phase, who, user_id=user_id)
            await self._search(phase, who, user_id=user_id)
            await self._search(phase, STRANGER)
            for page in ("", "/features"):
                await self._ask_for_item(self._item(), page, phase, who, user_id=user_id)
                await self._ask_for_item(self._item(), page, phase, STRANGER)

    def _item(self) -> str:
        return self.random.choice(list(self.world.items))

    def _trend(self) -> dict[str, str]:
        choose = self.random.choice
        given = {"region": choose(("*", *COUNTRIES, *REGIONS)), "window": choose(WINDOWS)}
        return given | ({"category": choose(GENRES)} if self.random.random() < 0.3 else {})

    async def _search(self, phase: str, who: Who, **given: str) -> None:
        """Titles, people and words of everything there is, what nobody may see included."""
        choose = self.random.choice
        if self.random.random() < 0.3:
            given["max_maturity"] = choose(("all", "7", "12", "16", "18"))
        if self.random.random() < 0.3:
            given["country"] = choose(COUNTRIES)
        asking = who.asking(given.get("max_maturity"), given.get("country"))
        typed = choose(("t", "title", f"Title {self._item()[1:]}", "titel", "drama", "horror", "7"))
        before_ms = _now_ms()
        found = await self.client.get("/api/v1/search", params={**given, "q": typed, "limit": "100"})
        suggested = await self.client.get("/api/v1/search/suggestions", params={**given, "q": typed, "limit": "50"})
        after_ms = _now_ms()
        assert (found.status_code, suggested.status_code) == (200, 200), (found.text, suggested.text)
        shown = [item["item_id"] for item in found.json()["items"]]
        shown += [said["item_id"] for said in suggested.json()["suggestions"] if said["type"] == "title"]
        for item_id in shown:
            why = set(self.world.objections(item_id, asking, before_ms, after_ms)) - {"met"}
            assert not why, (phase, typed, given, item_id, who, why)
            self.found += 1
        self.checked[phase] += 2

    async def _ask_for_item(self, item_id: str, page: str, phase: str, who: Who, **given: str) -> None:
        """Who asks for an item by name may have met it, but not see it when nobody would show it to them."""
        if self.random.random() < 0.3:
            given["max_maturity"] = self.random.choice(("all", "7", "12", "16", "18"))
        if self.random.random() < 0.3:
            given["country"] = self.random.choice(COUNTRIES)
        before_ms = _now_ms()
        answer = await self.client.get(f"/api/v1/items/{item_id}{page}", params=given or None)
        after_ms = _now_ms()
        assert answer.status_code in (200, 404), (item_id, given, answer.text)
        if answer.status_code == 200:
            assert answer.json()["item_id"] == item_id
            asking = who.asking(given.get("max_maturity"), given.get("country"))
            why = set(self.world.objections(item_id, asking, before_ms, after_ms)) - {"met"}
            assert not why, (phase, item_id, page, given, who, why)
            self.shown_by_name += 1
        self.checked[phase] += 1

    async def _ask(self, path: str, phase: str, who: Who, **given: str) -> None:
        choose, chance = self.random.choice, self.random.random
        if chance() < 0.3:
            given["max_maturity"] = choose(("all", "7", "12", "16", "18"))
        if chance() < 0.3 and not path.endswith(("trending", "continue-watching")):
            given["country"] = choose(COUNTRIES)
        given["limit"] = choose(("1", "5", "20", "50" if path.endswith("bundle") else "100"))
        if chance() < 0.3:
            given["fields"] = choose(("card", "genres,attributes.mood", "content_id"))
        if path.endswith("recommendations") and chance() < 0.3:
            given |= choose(({"genre": choose(GENRES)}, {"page": "first"}, {"exclude": f"{self._item()},i1"}))
        if path.endswith("recommendations") and chance() < 0.3:
            given["offset"] = choose(("1", "10", "25"))
        place = given.get("region") or given.get("country")
        who = who.asking(given.get("max_maturity"), place if place and len(place) == len("DE") else None)
        before_ms = _now_ms()
        answer = await self.client.get(path, params=given)
        after_ms = _now_ms()
        assert answer.status_code == 200, (path, given, answer.text)
        body = answer.json()
        rows = body.get("sections") or [body]
        for row in rows:
            shown = row.get("items") or row.get("recommendations") or row.get("similar_items") or []
            begun = path.endswith("continue-watching") or row.get("id") == "continue_watching"
            for item in shown:
                again = begun or item.get("reason_code") == "seen_again"
                why = set(self.world.objections(item["item_id"], who, before_ms, after_ms)) - (
                    {"met"} if again else set()
                )
                assert not why, (phase, path, given, row.get("id"), item, who, why, body.get("source"))
                self.items += 1
        self.checked[phase] += 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def one_world(server: Any, namespace: str, seed: int) -> Reader:
    """Everything that may happen to one catalogue and its people."""
    random = Random(f"eligibility {seed}")
    world = World(random, _now_ms())
    world.fill(ITEMS, USERS + LATE)
    keys = Keys(namespace, "v1")
    writer = ListWriter.connect(server.url, keys)
    await world.write(writer)
    limits = world.limits_told(writer)
    early, late = world.users[:USERS], world.users[USERS:]
    # Readers of this process are held; nothing is refreshed but by hand, so that every phase is what it says.
    config = EndpointConfig(server.url, namespace, redis_deadline_ms=1000, refresh_ms=3_600_000)
    async with started(Endpoint(config)) as (client, services):
        reader = Reader(client, world, random)
        everybody = [*early, "nobody-1", "nobody-2"]
        await services.search.follow()  # later on what is found is of a catalogue that was
        await reader.everything(everybody, "as it is")

        for user_id in random.sample(early, 5):
            for context in random.choice((CONTEXTS, CONTEXTS[:1])):
                await redis_of(writer).delete(keys.user_list(user_id, context))
        await reader.everything(everybody, "lists evicted")

        for user_id in random.sample(early, 5):
            await redis_of(writer).delete(keys.audience(user_id))
        await reader.everything(everybody, "records evicted")

        for user_id in random.sample(early, 6):
            world.say_profile(user_id, world.stricter_profile())
        await world.tell_limits(writer, limits)
        await reader.everything(everybody, "profiles newer than lists")

        for item_id in random.sample(list(world.items), 5):
            world.say_item(item_id, None)
        await world.write_cards(writer)
        await services.store.refresh()
        await reader.everything(everybody, "items withdrawn")

        for number in random.sample(range(ITEMS), ITEMS // 4):
            world.say_item(f"i{number}", world.item(number))
        await world.write_cards(writer)
        await services.store.refresh()
        await reader.everything(everybody, "items restated")

        await writer.switch_live(LivePointer({"v1": 50, "v2": 50}, 1))
        await services.store.refresh()
        await reader.everything(everybody, "a version without lists")

        server.pause()
        try:
            await reader.everything([*everybody, *late], "Redis hung", redis=False)
        finally:
            server.resume()
        await _until_up(services)
        server.kill()
        await reader.everything([*everybody, *late], "Redis away", redis=False)
        server.start()
        await _until_up(services)
        await reader.everything([*everybody, *late], "Redis emptied", redis=False)
    await writer.close()
    return reader


async def _until_up(services: Services) -> None:
    async def is_up() -> bool:
        return services.store.link.is_up

    await eventually(is_up, within_s=30)


async def test_no_answer_shows_what_its_reader_may_not_see(start_valkey: Callable[..., Any]) -> None:
    server, checked, items, by_name, found, seed = start_valkey(), Counter[str](), 0, 0, 0, FIRST_SEED
    while checked.total() < ANSWERS:
        reader = await one_world(server, f"eligible-{seed}", seed)
        checked += reader.checked
        items += reader.items
        by_name += reader.shown_by_name
        found += reader.found
        seed += 1
    print(f"{checked.total()} answers with {items} items in {seed - FIRST_SEED} worlds, 0 ineligible: {dict(checked)}")
    assert items > checked.total()  # nobody is safe because nothing is shown
    assert by_name > 0
    assert found > 0
