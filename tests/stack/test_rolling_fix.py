"""A fix of the ranking goes out worker by worker: two revisions at work under one version, rows unharmed."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from harness.cluster import Cluster, StackConfig
from harness.commands import freshet
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.traffic import catalogue, publish_event

from agents.versions.code_revision import code_revision
from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
#: What is fixed: the words of a reason.
FILE, BEFORE, AFTER = "ranking/recommendations.py", 'f"Because you {', 'f"Since you {'
USERS, EVENTS = ("anna", "ben", "carla", "dan"), 400


@pytest.fixture
async def cluster(stack: LocalStack, namespace: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with Cluster(StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path), "v1") as made:
        await made.publish(catalogue(made.topics.catalog))
        yield made


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    """A checkout of the next revision."""
    checkout = tmp_path / "next"
    git("clone", "--quiet", "--shared", str(ROOT), str(checkout), cwd=tmp_path)
    path = checkout / FILE
    text = path.read_text()
    assert text.count(BEFORE) == 1
    path.write_text(text.replace(BEFORE, AFTER))
    git(
        "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-am", "Say it better", cwd=checkout
    )
    return checkout


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True)


def worker_of(checkout: Path, cluster: Cluster) -> WorkerProcess:
    """A worker that runs the code of a checkout."""
    environment = cluster.place.environment(cluster.version) | {"PYTHONPATH": str(checkout)}
    return WorkerProcess("next", [sys.executable, "-m", "ops.cli", "worker"], environment, cluster.place.folder)


async def code_at_work(cluster: Cluster) -> list[str]:
    environment = cluster.place.environment(cluster.version)
    done = await freshet("versions", "--json", environment=environment, folder=cluster.place.folder)
    assert done.returncode == 0, done.stderr
    versions: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["versions"]
    (row,) = versions
    found: list[str] = row["code"]
    return found


async def test_a_ranking_fix_is_a_rolling_deployment(cluster: Cluster, fixed: Path) -> None:
    former, following = code_revision(), code_revision(fixed)
    assert former != following
    first = cluster.start_worker("first")
    await cluster.publish_traffic(EVENTS)
    await cluster.wait_until_caught_up()

    async def the_former_works() -> bool:
        return await code_at_work(cluster) == [former]

    await eventually("the former revision is at work", the_former_works)
    second = cluster.workers.add(worker_of(fixed, cluster))

    async def both_work() -> bool:
        cluster.workers.tend()
        return await code_at_work(cluster) == sorted([former, following])

    await eventually("both revisions are at work", both_work)
    await cluster.publish_traffic(EVENTS)
    await cluster.wait_until_caught_up()
    assert second.exits == []  # it was let in

    first.ask_to_end()
    assert first.wait() == 0

    async def one_works() -> bool:
        return await code_at_work(cluster) == [following]

    await eventually("the next revision is at work alone", one_works)
    await cluster.publish_traffic(EVENTS)
    for user in USERS:
        await publish_event(cluster, user, "i1", event_type="like")
        await publish_event(cluster, user, "i2", event_type="like")
    await cluster.wait_until_caught_up()

    async def says_it_better() -> bool:
        reasons = {
            item["reason"]
            for user in USERS
            if (value := cluster.list_bytes(user))
            for item in cluster.listed(value)["recommendations"]
        }
        assert not any(reason.startswith("Because you ") for reason in reasons)
        return any(reason.startswith("Since you ") for reason in reasons)

    await eventually("lists are made by the next revision", says_it_better)
    account = await cluster.account()
    assert account.unaccounted == 0
    assert second.exits == []
