"""Events over HTTP: what is answered, and what the log holds then."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from aiokafka.structs import ConsumerRecord

from ops.local_stack.stack import LocalStack
from serving.collect import app, openapi
from serving.collect.config import CollectConfig
from serving.collect.request_body import MAX_BODY_BYTES
from serving.endpoint.config import TokenConfig
from streams.contract.partitioning import partition_of
from streams.kafka.topics import Topics

from .conftest import PARTITIONS, collecting, ready, written

pytestmark = pytest.mark.stack

EVENTS, TRACK = "/api/v1/events", "/api/v1/interactions/track"
SECRET = "a secret of at least thirty-two characters"


def event(**more: Any) -> dict[str, Any]:
    """A click of now, with an id that nothing else has."""
    now_ms = time.time_ns() // 1_000_000
    made = {
        "event_type": "click",
        "user_id": "u",
        "item_id": "i",
        "timestamp": now_ms,
        "event_id": secrets.token_hex(8),
    }
    return made | more


async def by_id(stack: LocalStack, topics: Topics) -> dict[str, ConsumerRecord]:
    """Records of the log by the id that their events were sent with."""
    return {json.loads(record.value).get("event_id"): record for record in await written(stack.bootstrap, topics)}


def bearer(subject: str = "u", scope: str = "") -> dict[str, str]:
    claims = {"sub": subject, "exp": time.time() + 60, "scope": scope}
    return {"authorization": "Bearer " + jwt.encode(claims, SECRET, "HS256")}


async def test_what_is_accepted_is_in_the_log_as_it_was_sent(
    client: httpx.AsyncClient, stack: LocalStack, topics: Topics
) -> None:
    one = event(user_id="u 1", mine=[1.50])
    several = [event(user_id=f"u{n}") for n in range(20)]
    single = await client.post(EVENTS, content=(text := json.dumps(one)))
    assert single.status_code == 202, single.text
    told = single.json()
    assert (told["accepted"], told["event_ids"]) == (1, [one["event_id"]])
    batch = await client.post(EVENTS, json=several)
    assert batch.status_code == 202
    assert batch.json()["accepted"] == 20
    assert batch.json()["event_ids"] == [sent["event_id"] for sent in several]
    records = await by_id(stack, topics)
    assert records[one["event_id"]].value == text.encode()
    positions = [*told["positions"], *batch.json()["positions"]]
    for sent, position in zip([one, *several], positions, strict=True):
        record = records[sent["event_id"]]
        assert position == {"partition": record.partition, "offset": record.offset}
        assert record.key == sent["user_id"].encode()
        assert record.partition == partition_of(record.key, PARTITIONS)


async def test_a_repeated_request_has_the_same_ids(client: httpx.AsyncClient) -> None:
    nameless = {name: value for name, value in event().items() if name != "event_id"}
    first, second = [(await client.post(EVENTS, json=nameless)).json() for _ in range(2)]
    assert first["event_ids"] == second["event_ids"]
    assert re.fullmatch("[0-9a-f]{32}", first["event_ids"][0])


async def test_a_beacon_sends_text_and_no_header(client: httpx.AsyncClient) -> None:
    text = json.dumps({"events": [event()]})
    sent = await client.post(TRACK, content=text, headers={"content-type": "text/plain;charset=UTF-8"})
    assert sent.status_code == 202


async def test_tracking_takes_events_without_a_time(
    client: httpx.AsyncClient, stack: LocalStack, topics: Topics
) -> None:
    timeless = {name: value for name, value in event(content_id="i").items() if name not in ("timestamp", "item_id")}
    assert (await client.post(EVENTS, json=timeless)).status_code == 422
    before_ms = time.time_ns() // 1_000_000
    assert (await client.post(TRACK, json=timeless)).json()["event_ids"] == [timeless["event_id"]]
    record = json.loads((await by_id(stack, topics))[timeless["event_id"]].value)
    assert record == timeless | {"timestamp": record["timestamp"]}
    assert before_ms <= record["timestamp"] <= time.time_ns() // 1_000_000


async def test_refused_events_of_a_batch_are_named_and_the_others_written(
    client: httpx.AsyncClient, stack: LocalStack, topics: Topics
) -> None:
    good, bad = event(), event(rating=9)
    answer = await client.post(EVENTS, json=[bad, good, {"user_id": "u"}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["accepted"] == 1
    assert told["event_ids"] == [None, good["event_id"], None]
    assert [(one["index"], one["reason"]) for one in told["rejected"]] == [(0, "out_of_range"), (2, "missing_field")]
    in_log = await by_id(stack, topics)
    assert good["event_id"] in in_log
    assert bad["event_id"] not in in_log


@pytest.mark.parametrize(
    ("method", "path", "kind", "content", "status"),
    [
        ("POST", EVENTS, "application/json", b"{", 400),
        ("POST", EVENTS, "application/json", b"", 400),
        ("POST", f"{EVENTS}?x=1", "application/json", b"{}", 400),
        ("POST", EVENTS, "application/json", b"{}", 422),
        ("POST", EVENTS, "application/x-www-form-urlencoded", b"a=1", 415),
        ("POST", EVENTS, "application/json", b" " * (MAX_BODY_BYTES + 1), 413),
        ("GET", EVENTS, "application/json", b"", 405),
        ("PUT", TRACK, "application/json", b"{}", 405),
        ("POST", "/readyz", "application/json", b"{}", 405),
        ("POST", "/api/v1/recommendations", "application/json", b"{}", 404),
    ],
)
async def test_what_is_no_request_for_it_says_why(
    client: httpx.AsyncClient, method: str, path: str, kind: str, content: bytes, status: int
) -> None:
    answer = await client.request(method, path, content=content, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status
    assert answer.json()["detail"]


async def test_a_body_without_a_length_is_bounded_too(client: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 65_536

    assert (await client.post(EVENTS, content=pieces())).status_code == 413


async def test_a_body_that_does_not_come_is_not_waited_for(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BODY_S", 0.05)
    answer = await client.post(EVENTS, content=slow_body(b"{", asyncio.Event()))
    assert answer.status_code == 408
    assert answer.json()["detail"] == "the body did not arrive within 0.05 s"


async def test_bodies_that_arrive_are_bounded_together(config: CollectConfig) -> None:
    go_on = asyncio.Event()
    piece = b" " * 60_000
    async with collecting(replace(config, queue_bytes=100_000)) as client:
        await ready(client)
        alone = asyncio.create_task(client.post(EVENTS, content=slow_body(piece, began := asyncio.Event(), go_on)))
        await began.wait()
        second = await client.post(EVENTS, content=slow_body(piece, asyncio.Event()))
        assert second.status_code == 503
        assert second.headers["retry-after"] == "2"
        assert "unconfirmed" not in second.json()
        go_on.set()
        assert (await alone).status_code == 400  # it was read: it holds no event
        assert (await client.post(EVENTS, json=event())).status_code == 202


async def test_no_body_is_read_for_a_token_that_is_none(config: CollectConfig) -> None:
    async with collecting(replace(config, tokens=TokenConfig(secret=SECRET))) as client:
        await ready(client)
        began = asyncio.Event()
        content = slow_body(b"{", began)
        answer = await client.post(EVENTS, content=content, headers={"authorization": "Bearer x"})
        assert answer.status_code == 401
        assert not began.is_set()


async def slow_body(piece: bytes, asked_on: asyncio.Event, go_on: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """A piece, and nothing more until told; `asked_on` is set when more is waited for."""
    yield piece
    asked_on.set()
    await (go_on or asyncio.Event()).wait()


async def test_pages_of_listed_origins_may_send(config: CollectConfig) -> None:
    shop = {"origin": "https://shop.example"}
    async with collecting(replace(config, cors_origins=("https://shop.example",))) as client:
        await ready(client)
        asked = await client.options(EVENTS, headers=shop | {"access-control-request-method": "POST"})
        assert asked.headers.get_list("access-control-allow-origin") == ["https://shop.example"]
        assert asked.headers["access-control-allow-methods"] == "POST"
        assert "content-type" in asked.headers["access-control-allow-headers"]
        sent = await client.post(EVENTS, json=event(), headers=shop)
        assert sent.headers["access-control-allow-origin"] == "https://shop.example"
        other = await client.post(EVENTS, json=event(), headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
async def test_pages_of_other_origins_write_nothing(config: CollectConfig, kind: str) -> None:
    text = json.dumps(event())  # as text/plain browsers send it without asking before
    async with collecting(replace(config, cors_origins=("https://shop.example",))) as client:
        await ready(client)
        for origin in ("https://other.example", "null", "https://shop.example.other"):
            answer = await client.post(EVENTS, content=text, headers={"origin": origin, "content-type": kind})
            assert answer.status_code == 403
            assert "pages of this origin may not send" in answer.json()["detail"]
        assert "freshet_collect_acknowledged_total 0.0" in (await client.get("/metrics")).text
        assert (await client.post(EVENTS, content=text, headers={"content-type": kind})).status_code == 202


async def test_one_sends_ones_own_events_and_services_those_of_everybody(config: CollectConfig) -> None:
    async with collecting(replace(config, tokens=TokenConfig(secret=SECRET))) as client:
        await ready(client)

        async def status(headers: dict[str, str], *users: str) -> int:
            answer = await client.post(EVENTS, json=[event(user_id=user) for user in users], headers=headers)
            return answer.status_code

        assert await status({}, "u") == 401
        assert await status({"authorization": "Bearer x"}, "u") == 401
        assert await status(bearer(), "u", "u") == 202
        assert await status(bearer(), "u", "other") == 403
        assert await status(bearer("service", "freshet:read-any"), "u") == 403
        assert await status(bearer("service", "freshet:read-any freshet:write-any"), "u", "other") == 202
        in_body = {"events": [event()], "access_token": bearer()["authorization"].removeprefix("Bearer ")}
        assert (await client.post(EVENTS, json=in_body)).status_code == 202
        assert (await client.post(EVENTS, json=in_body | {"events": [event(user_id="v")]})).status_code == 403
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers=bearer("prometheus", "freshet:metrics"))).status_code == 200
        assert (await client.get("/healthz")).headers["referrer-policy"] == "no-referrer"


async def test_events_of_one_user_are_limited_and_those_of_others_pass(config: CollectConfig) -> None:
    secured = replace(config, tokens=TokenConfig(secret=SECRET), rate_per_minute=10)
    service = bearer("service", "freshet:write-any")
    async with collecting(secured) as client:
        await ready(client)
        assert (await client.post(EVENTS, json=[event(user_id="busy")] * 10, headers=service)).status_code == 202
        over = await client.post(EVENTS, json=event(user_id="busy"), headers=service)
        assert over.status_code == 429
        assert int(over.headers["retry-after"]) >= 1
        mixed = await client.post(EVENTS, json=[event(user_id="busy"), calm := event(user_id="calm")], headers=service)
        assert mixed.status_code == 422
        assert [(one["index"], one["reason"]) for one in mixed.json()["rejected"]] == [(0, "rate_limited")]
        assert mixed.json()["event_ids"] == [None, calm["event_id"]]


async def test_more_of_one_user_than_ever_pass_at_once_are_refused_for_that(config: CollectConfig) -> None:
    secured = replace(config, tokens=TokenConfig(secret=SECRET), rate_per_minute=10)
    service = bearer("service", "freshet:write-any")
    async with collecting(secured) as client:
        await ready(client)
        many = await client.post(EVENTS, json=[event(user_id="many")] * 11, headers=service)
        assert many.status_code == 422
        assert "retry-after" not in many.headers
        told = many.json()["rejected"]
        assert {one["reason"] for one in told} == {"too_many_at_once"}
        assert told[0]["detail"] == "11 events of this user; at most 10 may be sent at once"
        assert (await client.post(EVENTS, json=[event(user_id="many")] * 10, headers=service)).status_code == 202


async def test_figures_say_what_became_of_events(config: CollectConfig) -> None:
    async with collecting(config) as client:
        await ready(client)
        await client.post(EVENTS, json=[event(), event()])
        await client.post(TRACK, json=event(rating=9))
        page = (await client.get("/metrics")).text
    assert "freshet_collect_acknowledged_total 2.0" in page
    assert 'freshet_collect_refused_total{reason="out_of_range"} 1.0' in page
    assert 'freshet_collect_requests_total{route="events",status="202"} 1.0' in page
    assert 'freshet_collect_requests_total{route="track",status="422"} 1.0' in page
    assert "freshet_collect_queued_bytes 0.0" in page
    assert "freshet_collect_kafka_connected 1.0" in page


def test_the_checked_in_document_is_what_the_code_says() -> None:
    assert openapi.DOCUMENT.read_text() == openapi.text(), "run python -m serving.collect.openapi"


async def test_the_document_is_served(client: httpx.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == json.loads(openapi.DOCUMENT.read_text())
