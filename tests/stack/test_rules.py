"""Rules of operators on a running system, through the command: pins, blocks on every route, windows that end, `why`."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from harness.cluster import Cluster
from harness.commands import freshet
from harness.polling import eventually
from harness.traffic import publish_event

from streams.kafka.producer import OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

#: When a window ends: later than the command that opens it, on most machines.
SOON_S = 5.0


class Rules:
    """`freshet rule` on one cluster; what it added is removed in the end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.added: set[str] = set()

    async def run(self, *arguments: str, command: str = "rule") -> dict[str, Any]:
        done = await freshet(command, *arguments, "--json", environment=self._environment)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    async def refused(self, *arguments: str) -> str:
        done = await freshet("rule", *arguments, environment=self._environment)
        assert done.returncode in (1, 2), done
        return " ".join(done.stderr.split())

    async def add(self, name: str, *arguments: str) -> dict[str, Any]:
        told = await self.run("add", name, *arguments)
        self.added.add(name)
        return told

    async def remove(self, name: str) -> None:
        await self.run("remove", name)
        self.added.discard(name)

    @property
    def _environment(self) -> dict[str, str]:
        return self._cluster.place.environment(self._cluster.version)


@pytest.fixture
async def rules(reference: Cluster) -> AsyncIterator[Rules]:
    made = Rules(reference)
    yield made
    for name in list(made.added):
        await made.remove(name)


def items_of(cluster: Cluster, user: str) -> list[str]:
    listed = cluster.listed(cluster.list_bytes(user) or b"")
    return [entry["item_id"] for entry in listed["recommendations"]]


async def reader_of(cluster: Cluster, *played: str) -> str:
    """A user of the test's own, who began some items and has a list."""
    user = f"reader-{secrets.token_hex(4)}"
    for item in played:
        await publish_event(cluster, user, item, event_type="watch_progress", completion_pct=20, watch_duration=700)

    async def listed() -> bool:
        return cluster.list_bytes(user) is not None

    await eventually("there is a list", listed)
    return user


async def test_a_pin_leads_every_list_until_its_window_ends_and_why_says_so(
    reference: Cluster, endpoint: httpx.AsyncClient, rules: Rules
) -> None:
    await reference.wait_until_caught_up()
    active, idle = await reader_of(reference, "i1", "i2"), await reader_of(reference, "i3")
    before = {user: items_of(reference, user) for user in (active, idle)}
    pick = next(item for item in before[active][5:] if item in before[idle][5:])
    unsuitable = "i0"  # for grown-ups, and nobody said that these are
    picked = [part for item in (pick, unsuitable) for part in ("--item", item)]

    added = await rules.add("front", "pin", *picked, "--position", "1")

    assert (added["matched"], added["state"]) == (2, "in force")

    async def leads() -> bool:
        return all(items_of(reference, user)[0] == pick for user in (active, idle))

    await eventually("the pin leads the lists, that of an idle user too", leads)
    for user in (active, idle):
        listed = items_of(reference, user)
        assert unsuitable not in listed
        assert len(listed) == len(before[user])
    why = await rules.run(active, pick, command="why")
    move = why["moved"][-1]
    assert (why["slot"], move["rule"], move["to"], move["by"]) == (1, "pins", 1, ["front"])
    assert move["from"] > 1
    assert [(rule["rule_id"], rule["concerns"]) for rule in why["operator_rules"]] == [("front", True)]

    async def leads_for_strangers() -> bool:
        answer = await endpoint.get("/api/v1/recommendations", params={"user_id": "stranger"})
        first = answer.json()["recommendations"][0]
        return (first["item_id"], first["reason_code"], first["algorithm"]) == (pick, "featured", "rule")

    await eventually("it leads the list of those whom nobody knows", leads_for_strangers)
    assert "there is a rule of that name" in await rules.refused(
        "add", "front", "bury", "--genre", "g1", "--factor", "0.5"
    )

    until = datetime.fromtimestamp(time.time() + SOON_S, UTC).isoformat()
    await rules.add("front", "pin", *picked, "--position", "1", "--until", until, "--replace")

    async def is_over() -> bool:
        return not await leads_for_strangers() and all(items_of(reference, user)[0] != pick for user in (active, idle))

    await eventually("the window is over, and the lists are as they were", is_over)
    (told,) = (await rules.run("list"))["rules"]
    assert (told["rule_id"], told["state"]) == ("front", "over")


async def test_a_block_holds_on_every_route(reference: Cluster, endpoint: httpx.AsyncClient, rules: Rules) -> None:
    await reference.wait_until_caught_up()
    blocked = "i6"
    watching = await reader_of(reference, "i1", blocked)
    reader = await reader_of(reference, "i1")

    async def shown(path: str, **params: str) -> str:
        return (await endpoint.get(path, params=params)).text

    async def everywhere() -> set[str]:
        """The routes whose answers name the item."""
        recommendations = "/api/v1/recommendations"
        answers = {
            "recommendations": await shown(recommendations, user_id=reader, limit="100"),
            "post_play": await shown(recommendations, user_id=reader, limit="100", context="post_play"),
            "stranger": await shown(recommendations, user_id="stranger", limit="100"),
            "of a country": await shown(recommendations, user_id="stranger", limit="100", country="DE"),
            "narrowed": await shown(recommendations, user_id=reader, limit="100", genre="g6"),
            "homepage": await shown(f"{recommendations}/homepage/{reader}", limit="100"),
            "similar": await shown("/api/v1/items/i1/similar", limit="100"),
            "trending": await shown("/api/v1/trending", limit="50"),
            "continue watching": await shown(f"/api/v1/users/{watching}/continue-watching"),
            "search": await shown("/api/v1/search", q="Title 6"),
            "suggestions": await shown("/api/v1/search/suggestions", q="Title 6"),
            "item": await shown(f"/api/v1/items/{blocked}"),
        }
        return {route for route, said in answers.items() if f'"item_id":"{blocked}"' in said}

    async def is_shown() -> bool:
        return {"recommendations", "continue watching", "search", "item", "stranger"} <= await everywhere()

    await eventually("the item is shown", is_shown)
    added = await rules.add("contract", "block", "--item", blocked, "--about", "The licence ended.")
    assert added["matched"] == 1

    async def is_gone() -> bool:
        return not await everywhere()

    await eventually("no route shows it", is_gone)

    async def list_is_made_again() -> bool:
        return blocked not in items_of(reference, reader)

    await eventually("the list of a reader who is idle is made again", list_is_made_again)
    why = await rules.run(reader, blocked, command="why")
    assert why["verdict"] == "dropped by unavailable, blocked by contract"
    assert (await rules.run("show", "contract"))["about"] == "The licence ended."
    refusal = await rules.refused("add", "all", "block", "--attribute", "x=y", "--device", "tv")
    assert "a block by device is not supported" in refusal
    genres = [await rules.refused("add", "g", "block", "--genre", "g1", "--country", "D1")]
    assert "no country of ISO 3166" in genres[0]
    await rules.remove("contract")
    await eventually("it is shown again", is_shown)


async def test_a_rule_that_cannot_be_read_is_a_dead_letter(reference: Cluster) -> None:
    value = b'{"rule_id":"bad","action":"boost","match":{"mood":"sad"},"changed_ms":1,"factor":2}'
    await reference.publish([OutgoingRecord(reference.topics.rules, b"bad", value, 0)])

    async def is_kept() -> bool:
        found = [letter for letter in await reference.dead_letters() if letter.topic == reference.topics.rules]
        return any("mood" in letter.detail and letter.key == b"bad" for letter in found)

    await eventually("it is a dead letter that says what is wrong", is_kept)
    await reference.publish([OutgoingRecord(reference.topics.rules, b"bad", None, 0)])
