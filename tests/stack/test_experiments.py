"""An experiment on a running system: lists of treated users change and say so, others stay, and all come back."""

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import orjson
import pytest
from harness.cluster import FRESHET, Cluster
from harness.polling import eventually
from harness.traffic import publish_event

from ops.operator.experiments.lifecycle import Lifecycle
from serving.experiments import ExperimentBook
from streams.contract.experiments import Experiment, RankingOverrides, Variant
from streams.contract.user_records import user_of
from streams.kafka.bulk_read import read_topics

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]

#: At most so many items of one genre among the first ten: lists that hold more show that they were made again.
MOST = 2
USERS = [f"u{number}" for number in range(150)]


@pytest.fixture
async def experiment(reference: Cluster) -> AsyncIterator[Experiment]:
    """A draft, stopped after the test if it runs by then."""
    name = f"few-{secrets.token_hex(4)}"
    lifecycle = lifecycle_of(reference)
    variants = (Variant("control", 50), Variant("few", 50, RankingOverrides(category_max=MOST)))
    yield await lifecycle.create(Experiment(name, "ranking", name, (0, 10_000), variants, "draft", 0))
    if (await lifecycle.read()).by_id[name].state == "running":
        await lifecycle.stop(name)


def lifecycle_of(cluster: Cluster) -> Lifecycle:
    return Lifecycle(cluster.place.bootstrap, cluster.place.redis_url, cluster.place.namespace)


def list_of(cluster: Cluster, user: str) -> dict[str, Any]:
    return cluster.listed(cluster.list_bytes(user) or b"")


def items_of(listed: dict[str, Any]) -> list[str]:
    return [entry["item_id"] for entry in listed["recommendations"]]


def most_of_a_genre(listed: dict[str, Any]) -> int:
    """Among the first ten; a genre is an item's number modulo 7 (`harness.traffic`)."""
    return max(Counter(int(item[1:]) % 7 for item in items_of(listed)[:10]).values())


async def test_start_changes_the_lists_of_treated_users_and_stop_brings_them_back(
    reference: Cluster, endpoint: httpx.AsyncClient, experiment: Experiment
) -> None:
    await reference.wait_until_caught_up()
    before = {user: list_of(reference, user) for user in USERS if reference.list_bytes(user)}
    uneven = {user for user, listed in before.items() if most_of_a_genre(listed) > MOST}
    name = experiment.experiment_id
    variant_of = {user: ExperimentBook([running(experiment)]).untargeted(user).variant for user in before}
    treated = {user for user in uneven if variant_of[user] == "few"}
    assert len(treated) >= 5, "lists that the variant changes"

    await lifecycle_of(reference).start(name)

    async def all_named() -> bool:
        return all(list_of(reference, user).get("experiment_id") == name for user in before)

    await eventually("every list names the experiment", all_named)
    for user in before:
        assert list_of(reference, user)["variant"] == variant_of[user]
        if variant_of[user] == "few":
            assert most_of_a_genre(list_of(reference, user)) <= MOST
    unchanged = [user for user in uneven - treated if most_of_a_genre(list_of(reference, user)) > MOST]
    assert len(unchanged) >= 5, "the control is as it was"
    control = sorted(user for user in before if variant_of[user] == "control")[:3]
    wanted = {user: variant_of[user] for user in (*sorted(treated)[:3], *control)}
    served = await told_by_endpoint(reference, endpoint, name, wanted)
    await told_by_commands(reference, name, min(treated), items_of(before[min(treated)]))

    await publish_event(reference, control[0], items_of(list_of(reference, control[0]))[0], event_type="click")
    await lifecycle_of(reference).stop(name)

    async def all_back() -> bool:
        return not any("experiment_id" in list_of(reference, user) for user in before)

    await eventually("no list names it", all_back)
    back = [user for user in treated if most_of_a_genre(list_of(reference, user)) > MOST]
    assert len(back) >= 0.8 * len(treated), "but for what items learned meanwhile"
    report = await freshet(reference, "experiment", "report", name)
    assert report["users"] == Counter(served.values())
    assert report["values"]["control"]["clickers"] == pytest.approx(1 / report["users"]["control"])
    assert report["values"]["few"]["clickers"] == 0
    assert report["variants"][0]["verdict"] == "too few users"


def running(experiment: Experiment) -> Experiment:
    return msgspec.structs.replace(experiment, state="running", started_ms=experiment.changed_ms)


async def told_by_endpoint(
    cluster: Cluster, endpoint: httpx.AsyncClient, name: str, wanted: dict[str, str]
) -> dict[str, str]:
    """Answers and what is published of them name the variant, also of somebody nobody has heard of; who was served."""
    stranger = f"stranger-{secrets.token_hex(4)}"
    path = "/api/v1/recommendations"

    async def is_named() -> bool:
        return (await endpoint.get(path, params={"user_id": stranger})).json().get("experiment_id") == name

    await eventually("the endpoint knows the experiment", is_named)
    wanted = {**wanted, stranger: assigned(cluster, stranger)}
    for user, variant in wanted.items():
        for answer in (
            await endpoint.get(path, params={"user_id": user}),
            await endpoint.get(f"{path}/homepage/{user}"),
        ):
            body = answer.json()
            assert (body["experiment_id"], body["variant"]) == (name, variant), (user, body)
            assert answer.text.count('"variant"') == 1
    seen: dict[str, str] = {}

    async def are_published() -> bool:
        def take(record: Any) -> None:
            value = orjson.loads(record.value)
            if value.get("experiment_id") == name:
                seen[user_of(record.key).decode()] = value["variant"]

        await read_topics(cluster.place.bootstrap, [cluster.topics.served], take)
        return wanted.keys() <= seen.keys()

    await eventually("what was served is published", are_published)
    assert seen == wanted
    return wanted


def assigned(cluster: Cluster, user: str) -> str:
    value = cluster.redis.get(cluster.keys.experiments)
    assert isinstance(value, bytes)
    _, book = ExperimentBook.decode_running(value)
    return book.untargeted(user).variant


async def told_by_commands(cluster: Cluster, name: str, user: str, before: list[str]) -> None:
    """`assign` and `why` say what the worker did."""
    told = await freshet(cluster, "experiment", "assign", user)
    assert (told["experiment_id"], told["variant"]) == (name, "few")
    listed = items_of(list_of(cluster, user))[:10]
    answers = [await freshet(cluster, "why", user, item) for item in before[:10] if item not in listed]
    for why in answers:
        assert (why["experiment_id"], why["variant"], why["settings"]["category_max"]) == (name, "few", MOST)
        assert why["stored_list"]["variant"] == "few"
    moved = [step for why in answers for step in why["moved"] if step["rule"] == "category_max"]
    # Not each of them: some were there to be explored.
    assert any(step["from"] != step["to"] for step in moved), answers


async def freshet(cluster: Cluster, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        str(FRESHET),
        *arguments,
        "--json",
        env={**os.environ, **cluster.place.environment(cluster.version)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    found: dict[str, Any] = json.loads(output.decode().splitlines()[-1])
    return found
