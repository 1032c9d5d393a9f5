"""Two model versions as variants of one experiment: workers of both, one endpoint, what commands and records say."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from harness.cluster import Cluster, StackConfig
from harness.commands import freshet
from harness.endpoint import endpoint_of
from harness.polling import eventually
from harness.traffic import catalogue

from ops.local_stack.stack import LocalStack
from serving.experiments import ExperimentBook, Treatment
from serving.list_format import header_bytes, read_prefix
from streams.contract.user_records import user_of
from streams.kafka.bulk_read import read_topics

pytestmark = pytest.mark.stack

NAME = "by-version"
VARIANT_OF = {"v1": "old", "v2": "new"}
EVENTS = 1_500
READERS = 40
#: A database of Valkey that this test may empty.
DATABASE = 11
#: Lists of the two versions differ by their length, whatever items learned meanwhile.
SIZES = {"v1": 20, "v2": 12}


class OfTwoSizes(StackConfig):
    """The versions make lists of different lengths."""

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {"FRESHET_LIST_SIZE": str(SIZES[version])}


class Two:
    """Version v1, which serves everybody, v2 beside it, and the endpoint before them."""

    def __init__(self, v1: Cluster, v2: Cluster, client: httpx.AsyncClient) -> None:
        self.v1, self.v2, self.client = v1, v2, client

    async def freshet(self, *arguments: str) -> dict[str, Any]:
        """What a command that is not refused says."""
        code, said = await self.asked(*arguments)
        assert code == 0, said
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    async def asked(self, *arguments: str) -> tuple[int, str]:
        """A command's exit code and what it says."""
        place = self.v1.place
        done = await freshet(*arguments, "--json", environment=place.environment("v1"), folder=place.folder)
        return done.returncode, done.stdout if not done.returncode else done.stderr

    def has_lists(self, users: list[str]) -> bool:
        return all(version.list_bytes(user) for version in (self.v1, self.v2) for user in users)

    def experiments_in(self, users: list[str]) -> set[tuple[str, str]]:
        """What the stored lists of both versions name, by user."""
        lists = [(user, version.list_bytes(user) or b"") for version in (self.v1, self.v2) for user in users]
        return {(user, json.loads(header_bytes(value, read_prefix(value))).get("variant", "")) for user, value in lists}

    async def answers(self, user: str) -> dict[str, dict[str, Any]]:
        """Every read route's answer to one user."""
        routes: dict[str, dict[str, Any]] = {
            "/api/v1/recommendations": {"user_id": user, "limit": 100},
            f"/api/v1/recommendations/homepage/{user}": {},
            f"/api/v1/users/{user}/continue-watching": {},
            "/api/v1/items/i0/similar": {"user_id": user},
            "/api/v1/trending": {"user_id": user},
        }
        found = {}
        for path, parameters in routes.items():
            answer = await self.client.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            assert answer.text.count('"variant"') == answer.text.count('"model_version"') == 1
            found[path] = answer.json()
        return found


@pytest.fixture
async def two(stack: LocalStack, namespace: str, tmp_path: Path) -> AsyncIterator[Two]:
    redis_url = f"{stack.redis_url.rpartition('/')[0]}/{DATABASE}"
    place = OfTwoSizes(stack.bootstrap, redis_url, namespace, tmp_path)
    async with AsyncExitStack() as opened:
        v1 = await opened.enter_async_context(Cluster(place, "v1"))
        v2 = await opened.enter_async_context(Cluster(place, "v2"))
        await v1.publish(catalogue(v1.topics.catalog))
        await v1.publish_traffic(EVENTS)
        v1.start_worker("a")
        await v1.wait_until_caught_up()
        client = await opened.enter_async_context(endpoint_of(v1))
        yield Two(v1, v2, client)
        v1.redis.flushdb()


def treatments(two: Two, users: list[str]) -> dict[str, Treatment]:
    value = two.v1.redis.get(two.v1.keys.experiments)
    assert isinstance(value, bytes)
    book = ExperimentBook.decode_running(value)[1]
    return {user: book.untargeted(user) for user in users}


def assert_said(body: dict[str, Any], version: str, path: str) -> None:
    """An answer of a version names its variant."""
    said = (body["experiment_id"], body["variant"], body["model_version"])
    assert said == (NAME, VARIANT_OF[version], version), path


async def test_users_are_served_by_the_version_of_their_variant_on_every_route(two: Two) -> None:
    variants = [f"--variant={name}=50,model_version={version}" for version, name in VARIANT_OF.items()]
    await two.freshet("experiment", "create", NAME, *variants)
    code, said = await two.asked("experiment", "start", NAME)
    assert (code, "there is no version v2" in said) == (1, True), "nobody works for it yet"

    worker = two.v2.start_worker("a")
    await two.v2.wait_until_caught_up()

    async def has_neighbours() -> bool:  # what belongs to nobody is written in turn; until then v1's are served
        return bool(two.v1.redis.exists(two.v2.keys.similar("i0")))

    await eventually("v2 has similar items of what is asked for", has_neighbours)
    rows = sorted({key[1:].decode() for _, key in await two.v1.user_rows() if key[:1] == b"r"})

    async def is_started() -> bool:
        code, said = await two.asked("experiment", "start", NAME)
        assert code == 0 or "v2 has not caught up" in said or "no worker of v2" in said, said
        return code == 0

    await eventually("v2 has caught up and may serve", is_started)
    users = [user for user in rows if two.v1.list_bytes(user)][:READERS]
    wanted = treatments(two, users)
    by_user = {user: treatment.model_version for user, treatment in wanted.items()}
    assert set(by_user.values()) == {"v1", "v2"}

    async def are_made() -> bool:
        return two.has_lists(users) and two.experiments_in(users) == {
            (user, treatment.variant) for user, treatment in wanted.items()
        }

    await eventually("lists of both versions name the variants", are_made)

    async def is_followed() -> bool:
        path = "/api/v1/recommendations"
        named = [(await two.client.get(path, params={"user_id": user})).json() for user in users]
        return all(body["model_version"] == by_user[body["user_id"]] for body in named)

    await eventually("the endpoint follows the experiment", is_followed)
    given: dict[str, str] = {}
    for user in users:
        version = str(by_user[user])
        answers = await two.answers(user)
        given |= {body["recommendation_id"]: user for body in answers.values()}
        for path, body in answers.items():
            assert_said(body, version, path)
        listed = answers["/api/v1/recommendations"]
        assert len(listed["recommendations"]) == SIZES[version]
        assert listed["recommendation_id"].startswith(f"{version}.")
    for user in (next(user for user in users if by_user[user] == version) for version in VARIANT_OF):
        told = await two.freshet("experiment", "assign", user)
        assert (told["experiment_id"], told["variant"]) == (NAME, wanted[user].variant)
    await are_published(two, wanted, given)

    code, said = await two.asked("retire", "v2")
    assert (code, "a running experiment serves users from v2" in said) == (1, True)
    await two.freshet("experiment", "stop", NAME)

    async def is_over() -> bool:
        found = [body for user in users for body in (await two.answers(user)).values()]
        return all("experiment_id" not in body and body["model_version"] == "v1" for body in found)

    await eventually("v1 serves everybody again", is_over)

    async def none_names_it() -> bool:
        return two.experiments_in(users) == {(user, "") for user in users}

    await eventually("no stored list of either version names it", none_names_it)
    assert worker.exits == []


async def are_published(two: Two, wanted: dict[str, Treatment], given: dict[str, str]) -> None:
    """Records of every surface name the variant and the version of their user. `given` says whose the answers are, by
    recommendation id; until the endpoint followed the experiment other versions stood in."""
    seen: dict[str, set[str]] = {}

    async def all_are() -> bool:
        def take(record: Any) -> None:
            user = user_of(record.key).decode()
            value = orjson.loads(record.value)
            if value["recommendation_id"] not in given:
                return
            assert user == given[value["recommendation_id"]], value
            treatment = wanted[user]
            said = value["experiment_id"], value["variant"], value["model_version"]
            assert said == (NAME, treatment.variant, treatment.model_version), value
            seen.setdefault(user, set()).add(value["surface"])

        await read_topics(two.v1.place.bootstrap, [two.v1.topics.served], take)
        surfaces = {"recommendations", "homepage", "continue_watching", "similar", "trending"}
        return seen.keys() == wanted.keys() and all(found == surfaces for found in seen.values())

    await eventually("what was served is published", all_are)
