"""`freshet experiment` as people type it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from ops.cli import build_app
from ops.exit_codes import CommandFailed
from ops.local_stack.stack import LocalStack
from serving.experiments import ExperimentBook
from streams.contract.erasure import ErasureMarker
from streams.contract.experiments import parse_experiment
from streams.contract.identities import Identities
from streams.contract.user_records import record_key
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

SECRET = "0123456789abcdef0123456789abcdef"


def freshet(*arguments: str) -> dict[str, Any]:
    """The object that the command prints last. Raises what it fails with."""
    result = CliRunner().invoke(build_app(), ["experiment", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output.splitlines()[-1])
    return found


def test_size_of_a_rate_and_of_a_mean() -> None:
    assert freshet("size", "--baseline", "0.05", "--lift", "0.1")["users_per_variant"] == 31_234
    found = freshet("size", "--baseline", "10", "--lift", "0.02", "--deviation", "3", "--power", "0.9")
    assert found["users_per_variant"] == pytest.approx(4_729, abs=3)
    with pytest.raises(CommandFailed, match="between 0 and 1"):
        freshet("size", "--baseline", "2", "--lift", "0.1")


@pytest.mark.stack
def test_from_create_to_report(
    stack: LocalStack, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("NAMESPACE", namespace),
        ("KAFKA_BOOTSTRAP", stack.bootstrap),
        ("REDIS_URL", stack.redis_url),
        ("EXPERIMENT_MIN_USERS", "5"),
        ("USER_ID_SECRET", SECRET),
    ):
        monkeypatch.setenv(f"FRESHET_{name}", value)
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=30)
    variants = "--variant", "control=50", "--variant", "few=50,category_max=2,weight.genre=0.5"
    freshet("create", "few", *variants, "--guardrail", "watch_time=2", "--metric", "clickers", "--about", "Fewer?")
    with pytest.raises(CommandFailed, match="--metric 'fame' is none of"):
        freshet("create", "b", *variants, "--metric", "fame")
    started = freshet("start", "few")
    shown = freshet("show", "few")
    assert shown == started
    assert (shown["min_users"], shown["variants"][1]["ranking"]["category_max"]) == (5, 2)
    listed = freshet("list")
    assert [one["experiment_id"] for one in listed["experiments"]] == ["few"]
    assert listed["free_buckets"] == {"default": []}
    book = ExperimentBook([parse_experiment(b"few", orjson.dumps(started))])
    publish(stack, topics, book)

    page = tmp_path / "report.html"
    found = freshet("report", "few", "--html", str(page))

    assert sum(found["users"].values()) == 39, "and one who was erased"
    assert found["values"]["control"]["impressions"] == 2
    assert found["variants"][0]["verdict"].startswith("no difference found")
    assert found["decided_by"] == "sequential"
    assert "<svg" in page.read_text("utf-8")
    assert freshet("stop", "few")["state"] == "stopped"


def publish(stack: LocalStack, topics: Topics, book: ExperimentBook) -> None:
    """Forty users are shown a list, as endpoints of this and of former releases write it, and half of them click. One
    is erased."""
    (experiment,) = book.running
    at_ms = (experiment.started_ms or 0) + 1
    records = []
    for number in range(40):
        user = f"u{number}"
        stored_id = Identities(SECRET.encode()).of(user)
        told = {"experiment_id": "few", "variant": book.untargeted(stored_id).variant, "source": "personal"}
        if number % 2:
            more = {"surface": "recommendations", "items": [{"item_id": item, "position": 0} for item in "ab"]}
        else:
            more = {"surface": "list", "items": ["a", "b"]}
        key = record_key(stored_id, "1")
        records.append(OutgoingRecord(topics.served, key, orjson.dumps({"timestamp": at_ms, **told, **more}), 0))
        event = {"user_id": user, "item_id": "a", "event_type": "click", "timestamp": at_ms + 5, "event_id": user}
        if number % 4 < 2:
            records.append(OutgoingRecord(topics.interactions, user.encode(), orjson.dumps(event), 0))

    marker = ErasureMarker("u3", at_ms)
    records.append(OutgoingRecord(topics.erasure, b"u3", marker.encode(), 0))

    async def send() -> None:
        async with Producer(stack.bootstrap) as producer:
            await producer.publish_all(records)

    asyncio.run(send())
