"""Brokers that are away, killed and back: nothing that was accepted is lost, and nothing else is said to be kept."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess, Workers

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from serving.collect.config import CollectConfig
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

from .conftest import PARTITIONS, collecting, written
from .test_collect import EVENTS, event

pytestmark = pytest.mark.stack

SENDERS = 8


async def test_without_kafka_every_answer_says_so_and_memory_is_bounded(config: CollectConfig) -> None:
    nobody = replace(config, kafka_bootstrap=f"127.0.0.1:{free_port()}", wait_s=0.5, queue_bytes=10_000)
    async with collecting(nobody) as client:
        assert (await client.get("/readyz")).status_code == 503
        one = event()
        answer = await client.post(EVENTS, json=one)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["accepted"] == 0
        assert answer.json()["unconfirmed"] == {"0": one["event_id"]}
        for told in (answer, await client.get("/readyz")):  # and not where it was looked for
            assert "Kafka does not answer" in told.json()["detail"]
            assert not re.search(r"127\.0\.0\.1|localhost", told.text)
        large = event(more="x" * 6_000)
        answers = await asyncio.gather(*(client.post(EVENTS, json=large) for _ in range(4)))
        assert {answer.status_code for answer in answers} == {503}
        full = [answer for answer in answers if "bytes wait for Kafka" in answer.json()["detail"]]
        assert len(full) == 3  # the queue holds one of them
        assert "freshet_collect_queued_bytes 0.0" in (await client.get("/metrics")).text


async def test_a_missing_topic_is_named(config: CollectConfig) -> None:
    async with collecting(replace(config, topic="nobody.made.this", wait_s=2.0)) as client:

        async def named() -> bool:
            return "nobody.made.this does not exist" in (await client.get("/readyz")).json()["detail"]

        await eventually("the topic is named", named)


async def test_a_killed_broker_costs_no_accepted_event(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    topics = Topics("away", "v1")
    ensure_topics(own_stack.bootstrap, topics, PARTITIONS, replication=1, timeout_s=60)
    port, processes = free_port(), Workers()
    environment = {
        "FRESHET_NAMESPACE": "away",
        "FRESHET_KAFKA_BOOTSTRAP": own_stack.bootstrap,
        "FRESHET_REDIS_URL": own_stack.redis_url,
        "FRESHET_STATE_DIR": str(tmp_path),
        "FRESHET_COLLECT_PORT": str(port),
        "FRESHET_COLLECT_WAIT_S": "2",
    }
    processes.add(WorkerProcess("collect", [str(FRESHET), "collect"], environment, tmp_path))
    accepted: set[str] = set()
    sent: set[str] = set()
    statuses: dict[int, int] = {}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def up() -> bool:
                try:
                    return (await client.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually("it takes events", up)
            stopping = asyncio.Event()

            async def keep_sending(number: int) -> None:
                while not stopping.is_set():
                    made: list[Any] = [event(user_id=f"u{number}-{secrets.randbelow(50)}") for _ in range(3)]
                    sent.update(one["event_id"] for one in made)
                    answer = await client.post(EVENTS, json=made)
                    statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                    accepted.update(id_ for id_ in answer.json()["event_ids"] if id_ is not None)
                    if answer.status_code == 503:
                        assert set(answer.json()["unconfirmed"].values()) | accepted >= {
                            one["event_id"] for one in made
                        }

            async def more_accepted_than(before: int) -> bool:
                return len(accepted) > before + 50

            senders = [asyncio.create_task(keep_sending(number)) for number in range(SENDERS)]
            await eventually("events are accepted", lambda: more_accepted_than(0))
            for _ in range(2):
                await asyncio.to_thread(own_stack.stop_kafka, kill=True)
                refused = statuses.get(503, 0)

                async def refuses(before: int = refused) -> bool:
                    return statuses.get(503, 0) > before

                await eventually("its senders are told", refuses)
                await asyncio.to_thread(own_stack.start_kafka)
                before = len(accepted)
                await eventually("events are accepted again", lambda before=before: more_accepted_than(before))
            stopping.set()
            await asyncio.gather(*senders)
    finally:
        processes.end()
    assert set(statuses) == {202, 503}, statuses
    in_log = {json.loads(record.value)["event_id"] for record in await written(own_stack.bootstrap, topics)}
    assert accepted <= in_log, f"{len(accepted - in_log)} accepted events are not in the log"
    assert in_log <= sent
