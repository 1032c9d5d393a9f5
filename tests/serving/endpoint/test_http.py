"""HTTP manners: strict parameters, problems, HEAD, ETag, CORS, and a document that matches the routes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import jsonschema
import pytest
from harness.polling import eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.endpoint import openapi
from serving.endpoint.config import EndpointConfig
from serving.endpoint.shared_lists import SharedListCache
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner

from .conftest import TTL_S, fragments, running, stamp
from .test_reads import LIST, put_user

USER = {"user_id": "u"}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "user_id"),
        ("user_id=", "user_id"),
        ("user_id=" + "x" * 129, "user_id"),
        ("user_id=a%00b", "user_id"),
        ("user_id=a%0ab", "user_id"),
        ("user_id=%ff", "user_id"),
        ("user_id=%zz", "user_id"),
        ("user_id=a&user_id=a", "user_id"),
        ("user_id=a&limit=0", "limit"),
        ("user_id=a&limit=101", "limit"),
        ("user_id=a&limit=05", "limit"),
        ("user_id=a&limit=1.0", "limit"),
        ("user_id=a&limit=+5", "limit"),
        ("user_id=a&limit=%D9%A3", "limit"),
        ("user_id=a&limit=" + "9" * 1000, "limit"),
        ("user_id=a&offset=-1", "offset"),
        ("user_id=a&offset=1001", "offset"),
        ("user_id=a&context=house", "context"),
        ("user_id=a&country=de", "country"),
        ("user_id=a&device_type=" + "x" * 33, "device_type"),
        ("user_id=a&limti=5", "limti"),
        ("user_id=a&&limit=5", ""),
    ],
)
async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["parameter"] == parameter
    assert problem["allowed"]
    assert len(problem["value"]) <= 101


@given(query=st.binary(max_size=60), path=st.binary(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
async def test_no_bytes_make_it_fail(client: httpx.AsyncClient, query: bytes, path: bytes) -> None:
    transport: Any = client._transport
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    for raw_path in (b"/api/v1/recommendations", b"/api/v1/items/" + path + b"/similar", b"/" + path):
        scope = {
            "type": "http",
            "method": "GET",
            "path": "",
            "raw_path": raw_path,
            "query_string": query,
            "headers": [],
        }
        await transport.app(scope, None, send)
    assert {message["status"] for message in sent[::2]} <= {200, 400, 404}


async def test_unknown_paths_and_methods(client: httpx.AsyncClient) -> None:
    for path in ("/", "/api/v1/recommendations/", "/api/v1/items//similar", "/api/v1/users/u"):
        assert (await client.get(path)).status_code == 404
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = await client.request(method, LIST, params=USER)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_addresses_that_are_too_long(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{LIST}?user_id={'x' * 50_000}")).status_code == 414
    assert (await client.get("/" + "x" * 2000)).status_code == 414


async def test_head_is_get_without_the_body(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_user(writer, "u", "a")

    async def are_alike() -> bool:  # once the cards are read: the tag is of them too
        get, head = await client.get(LIST, params=USER), await client.head(LIST, params=USER)
        assert head.content == b""
        return dict(head.headers) == dict(get.headers)

    await eventually("the tag of HEAD is that of GET", are_alike)


async def test_etag_saves_the_body_until_the_list_changes(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_user(writer, "u", "a")
    tag = (await client.get(LIST, params=USER)).headers["etag"]
    again = await client.get(LIST, params=USER, headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await client.get(LIST, params={**USER, "limit": 1}, headers={"if-none-match": tag})).status_code == 200
    await put_user(writer, "u", "b", offset=8)
    assert (await client.get(LIST, params=USER, headers={"if-none-match": tag})).status_code == 200


async def test_a_list_made_again_of_the_same_events_has_another_etag(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    """Even by a clock that stood still: a profile may have changed."""
    owner, key = PartitionOwner(0, term=1), writer.keys.user_list("u")
    made = stamp()
    paths = (LIST, f"{LIST}/homepage/u", "/api/v1/items/i/similar")
    await writer.write_shared(writer.keys.similar("i"), made.shared(fragments("x", "a")), TTL_S)
    tags: dict[str, set[str]] = {path: set() for path in paths}
    for item_id in ("x", "a"):
        await writer.write_lists([(key, made.personal("u", 7, fragments(item_id)))], TTL_S, owner)
        for path in paths:
            answer = await client.get(path, params={} if "homepage" in path else USER)
            tags[path].add(answer.headers["etag"])
    assert {path: len(found) for path, found in tags.items()} == dict.fromkeys(paths, 2)


async def test_cors_knows_its_origins(config: EndpointConfig) -> None:
    async with running(replace(config, cors_origins=("https://shop.example",))) as client:
        allowed = await client.get(LIST, params=USER, headers={"origin": "https://shop.example"})
        assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
        assert allowed.headers["vary"] == "Origin"
        assert allowed.headers["access-control-expose-headers"] == "etag, retry-after"  # else a page cannot read them
        other = await client.get(LIST, params=USER, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        preflight = await client.options(LIST, headers={"origin": "https://shop.example"})
        assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "GET, HEAD")
        assert preflight.headers.get_list("access-control-allow-origin") == ["https://shop.example"]


async def test_without_a_list_of_origins_there_is_no_cors(client: httpx.AsyncClient) -> None:
    answer = await client.get(LIST, params=USER, headers={"origin": "https://shop.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json()["redis"] == "up"


async def test_not_ready_says_why(config: EndpointConfig) -> None:
    async with running(replace(config, redis_url="redis://127.0.0.1:1/0")) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert "111" in answer.json()["redis"]  # connection refused
        assert (await client.get(LIST, params=USER)).json()["source"] == "popular"


async def test_it_is_not_ready_before_it_holds_what_it_falls_back_to(
    config: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(*_: Any) -> None:
        raise RedisUnavailable("no reply within 25 ms")

    monkeypatch.setattr(SharedListCache, "refresh", late)
    async with running(replace(config, refresh_ms=20)) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["redis"]) == (503, "up")
        monkeypatch.undo()

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually("it holds them", ready, timeout_s=20)


def test_the_checked_in_document_is_the_routes() -> None:
    assert openapi.DOCUMENT.read_text() == openapi.text(), "run python -m serving.endpoint.openapi"


async def test_the_document_is_served_and_answers_follow_it(client: httpx.AsyncClient, writer: ListWriter) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document == json.loads(openapi.DOCUMENT.read_text())
    await put_user(writer, "u", "a")
    for path in document["paths"]:
        query = "?user_id=u" if path == LIST else ""
        answer = await client.get(path.replace("{user_id}", "u").replace("{item_id}", "a") + query)
        if answer.status_code == 200 and path != "/metrics":
            content = document["paths"][path]["get"]["responses"]["200"]["content"]
            schema = {**content["application/json"]["schema"], "components": document["components"]}
            jsonschema.validate(answer.json(), schema)
