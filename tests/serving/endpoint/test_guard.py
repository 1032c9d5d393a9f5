"""Who may read what, and how often."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from redis.asyncio import Redis

from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig, TokenConfig
from serving.endpoint.guard import issuer_keys, tokens
from serving.endpoint.guard.rate_limit import RateLimit
from serving.endpoint.line_log import LineLog
from serving.endpoint.publisher import AnswerPublisher
from serving.endpoint.reads.recommendations import RecommendationsRead
from serving.endpoint.shown import ShownAnswer
from serving.redis_errors import RedisUnavailable

from .conftest import eventually, running
from .test_reads import LIST, put_popular

SECRET = "a secret of at least thirty-two characters"
AS_U = {"user_id": "u"}


def bearer(key: Any = SECRET, algorithm: str = "HS256", headers: dict[str, str] | None = None, **claims: Any) -> Any:
    body = {"sub": "u", "exp": time.time() + 60, **claims}
    body = {name: value for name, value in body.items() if value is not None}
    return {"authorization": "Bearer " + jwt.encode(body, key, algorithm, headers=headers)}


@pytest.fixture
def secured(config: EndpointConfig) -> EndpointConfig:
    return replace(config, tokens=TokenConfig(secret=SECRET, audience="shop", issuer="https://id.example"))


OF_SHOP = {"aud": "shop", "iss": "https://id.example"}


async def test_ones_own_list_needs_ones_own_token(secured: EndpointConfig) -> None:
    async with running(secured) as client:
        for _ in range(2):  # the second time from the cache
            answer = await client.get(LIST, params=AS_U, headers=bearer(**OF_SHOP))
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        for path in (f"{LIST}/homepage/u", "/api/v1/users/u/continue-watching", "/api/v1/trending"):
            assert (await client.get(path, headers=bearer(**OF_SHOP))).status_code == 200
        for path in (
            *(f"{LIST}?user_id=other", f"{LIST}/homepage/other", "/api/v1/users/other/continue-watching"),
            *("/api/v1/users/other/bundle", "/api/v1/search/recent?user_id=other"),
        ):
            for role in ({}, {"roles": ["reader"]}, {"scope": "freshet:read-anything"}, {"roles": "freshet:read-any"}):
                assert (await client.get(path, headers=bearer(**OF_SHOP, **role))).status_code == 403
            for role in ({"roles": ["freshet:read-any"]}, {"scope": "x freshet:read-any"}):
                assert (await client.get(path, headers=bearer(**OF_SHOP, **role))).status_code == 200


OWN, OTHERS, SHARED, COUNTS = f"{LIST}?user_id=u", f"{LIST}?user_id=other", "/api/v1/trending", "/metrics"


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("", {OWN, SHARED}),
        ("freshet:read-anything other", {OWN, SHARED}),
        ("freshet:read-any", {OWN, OTHERS, SHARED}),
        ("freshet:read-segment", {SHARED}),
        ("freshet:metrics", {COUNTS}),
        ("freshet:metrics freshet:read-segment", {COUNTS, SHARED}),
        ("freshet:metrics freshet:read-any", {COUNTS, OWN, OTHERS, SHARED}),
    ],
)
async def test_a_token_opens_what_its_scopes_say(secured: EndpointConfig, scope: str, opens: set[str]) -> None:
    async with running(secured) as client:
        for granted in ({"scope": scope}, {"roles": [*scope.split(), 7]}):
            headers = bearer(**OF_SHOP, **granted)
            answers = {
                path: (await client.get(path, headers=headers)).status_code for path in (OWN, OTHERS, SHARED, COUNTS)
            }
            assert answers == {path: 200 if path in opens else 403 for path in answers}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic dTpw"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + "x" * 9000},
        {"authorization": "Bearer a.b.c"},
        bearer(),
        bearer(aud="other", iss="https://id.example"),
        bearer(aud="shop", iss="https://evil.example"),
        bearer(**OF_SHOP, exp=time.time() - 60),
        bearer(**OF_SHOP, exp=None),
        bearer(**OF_SHOP, sub=None),
        bearer("another secret of thirty-two characters!", **OF_SHOP),
        bearer(SECRET, "HS384", **OF_SHOP),
        bearer(None, "none", **OF_SHOP),
    ],
)
async def test_without_a_valid_token_nothing_is_read(secured: EndpointConfig, headers: dict[str, str]) -> None:
    async with running(secured) as client:
        answer = await client.get(LIST, params=AS_U, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert (await client.get("/metrics", headers=headers)).status_code == 401
        for path in ("/healthz", "/readyz", "/openapi.json"):
            assert (await client.get(path)).status_code == 200


async def test_a_remembered_token_still_expires(secured: EndpointConfig) -> None:
    assert secured.tokens is not None
    async with running(replace(secured, tokens=replace(secured.tokens, leeway_s=0))) as client:
        headers = bearer(**OF_SHOP, exp=time.time() + 1)
        assert (await client.get(LIST, params=AS_U, headers=headers)).status_code == 200

        async def refused() -> bool:
            return (await client.get(LIST, params=AS_U, headers=headers)).status_code == 401

        await eventually(refused)


class Issuer:
    """An issuer's address and what it answers."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private.public_key()))
        self.keys = [{**public, "kid": "k1", "alg": "ES256"}]
        self.page: bytes | None = None  # in place of the keys
        self.asked = 0

    def answer(self) -> bytes:
        self.asked += 1
        return json.dumps({"keys": self.keys}).encode() if self.page is None else self.page


@pytest.fixture
def issuer() -> Iterator[tuple[str, Issuer]]:
    """An issuer with one ES256 key, and its address."""
    made = Issuer()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(made.answer())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/keys", made
    server.shutdown()


async def test_keys_of_an_issuer(config: EndpointConfig, issuer: tuple[str, Issuer]) -> None:
    address, private = issuer[0], issuer[1].private
    async with running(replace(config, tokens=TokenConfig(jwks_url=address))) as client:
        for key_id, status in (("k1", 200), ("k2", 401)):
            headers = bearer(private, "ES256", headers={"kid": key_id})
            assert (await client.get(LIST, params=AS_U, headers=headers)).status_code == status


@pytest.mark.parametrize(
    "header", [{"kid": "k1", "alg": "RS256"}, {"kid": "k1", "alg": {}}, {"kid": [], "alg": "ES256"}, {"kid": "k1"}, []]
)
async def test_a_header_that_fits_no_key_is_refused(
    config: EndpointConfig, issuer: tuple[str, Issuer], header: Any
) -> None:
    parts = (json.dumps(header).encode(), b'{"sub":"u","exp":9999999999}', b"x" * 64)
    token = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    async with running(replace(config, tokens=TokenConfig(jwks_url=issuer[0]))) as client:
        answer = await client.get(LIST, params=AS_U, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401


async def test_a_new_key_of_the_issuer_is_fetched_when_a_token_names_it(
    config: EndpointConfig, issuer: tuple[str, Issuer], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, private = issuer[0], issuer[1].private
    monkeypatch.setattr(issuer_keys, "PAUSE_S", 0)
    async with running(replace(config, tokens=TokenConfig(jwks_url=address))) as client:
        issuer[1].keys[0]["kid"] = "k2"

        async def accepted() -> bool:
            headers = bearer(private, "ES256", headers={"kid": "k2"})
            return (await client.get(LIST, params=AS_U, headers=headers)).status_code == 200

        await eventually(accepted)


async def test_a_withdrawn_key_is_refused_soon_and_so_is_what_it_signed(
    config: EndpointConfig, issuer: tuple[str, Issuer]
) -> None:
    address, made = issuer
    token = bearer(made.private, "ES256", headers={"kid": "k1"})
    async with running(replace(config, tokens=TokenConfig(jwks_url=address, jwks_refresh_s=0.05))) as client:
        assert (await client.get(LIST, params=AS_U, headers=token)).status_code == 200
        made.keys[0]["kid"] = "k2"  # nobody asks for a key that is not known

        async def refused() -> bool:
            return (await client.get(LIST, params=AS_U, headers=token)).status_code == 401

        await eventually(refused)


async def test_an_issuer_that_is_away_locks_nobody_out_for_a_bounded_time(
    config: EndpointConfig, issuer: tuple[str, Issuer], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, made = issuer
    token = bearer(made.private, "ES256", headers={"kid": "k1"})
    keys = TokenConfig(jwks_url=address, jwks_refresh_s=0.02, jwks_stale_s=3600)
    async with running(replace(config, tokens=keys)) as client:
        made.page = b"<html>maintenance</html>"
        asked = made.asked

        async def failed() -> bool:
            return made.asked >= asked + 2 and "issuer keys" in (await client.get("/readyz")).json()["failing"]

        await eventually(failed)
        assert (await client.get(LIST, params=AS_U, headers=token)).status_code == 200
        now_s = time.monotonic
        monkeypatch.setattr(issuer_keys.time, "monotonic", lambda: now_s() + 3601)
        answer = await client.get(LIST, params=AS_U, headers={**token, "authorization": token["authorization"] + " "})
        assert answer.status_code == 401
        ready = await client.get("/readyz")
        assert (ready.status_code, "last read" in ready.json()["detail"]) == (503, True)


@pytest.mark.parametrize("page", [b"<html>sign in</html>", b"[]", b"{}", b'{"keys":[]}', b"\xff\xfe", b""])
async def test_a_start_without_keys_says_why_and_goes_on_when_they_come(
    serve: Any, namespace: str, issuer: tuple[str, Issuer], writer: Any, page: bytes
) -> None:
    address, made = issuer
    made.page = page
    await put_popular(writer, "p")
    endpoint = serve(namespace, FRESHET_ENDPOINT_SECURITY="on", FRESHET_ENDPOINT_JWKS_URL=address)
    async with httpx.AsyncClient(base_url=endpoint) as client:
        token = bearer(made.private, "ES256", headers={"kid": "k1"})

        async def says_why() -> bool:
            ready = await client.get("/readyz")
            return ready.status_code == 503 and address in ready.json()["detail"]

        async def accepted() -> bool:
            return (await client.get(LIST, params=AS_U, headers=token)).status_code == 200

        await eventually(says_why)
        assert address in (await client.get("/readyz")).json()["failing"]["issuer keys"]
        assert not await accepted()
        made.page = None
        await eventually(accepted, within_s=30)


@pytest.mark.parametrize(
    ("claims", "leeway_s", "status"),
    [
        ({"iat": 20}, 30, 200),
        ({"nbf": 20}, 30, 200),
        ({"exp": -20}, 30, 200),
        ({"iat": 60}, 30, 401),
        ({"nbf": 60}, 30, 401),
        ({"exp": -60}, 30, 401),
        ({"iat": 20}, 0, 401),
        ({"exp": -20}, 0, 401),
    ],
)
async def test_clocks_may_differ_a_little(
    config: EndpointConfig, claims: dict[str, int], leeway_s: int, status: int
) -> None:
    now_s = time.time()
    headers = bearer(**{name: now_s + off_s for name, off_s in claims.items()})
    async with running(replace(config, tokens=TokenConfig(secret=SECRET, leeway_s=leeway_s))) as client:
        assert (await client.get(LIST, params=AS_U, headers=headers)).status_code == status


async def test_a_limit_survives_a_clock_of_redis_that_is_set_back(config: EndpointConfig, valkey: Any) -> None:
    hour_us = 3_600_000_000
    async with Redis.from_url(valkey.url) as redis, running(replace(config, rate_per_minute=60)) as client:
        seconds, us = await redis.time()
        bucket = f"{config.namespace}:rate:{{u:u}}"
        await redis.set(bucket, seconds * 1_000_000 + us + hour_us)  # as noted an hour ahead
        answer = await client.get(LIST, params=AS_U)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")

        async def passes() -> bool:
            return (await client.get(LIST, params=AS_U)).status_code == 200

        await eventually(passes)


async def test_what_is_refused_is_told_nobody_as_shown(
    secured: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[ShownAnswer] = []
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(AnswerPublisher, "add", lambda _, shown: told.append(shown))
    monkeypatch.setattr(LineLog, "add", lambda _, line: lines.append(line))
    limited = replace(secured, rate_per_minute=2, audit=True, kafka_bootstrap="127.0.0.1:1")
    async with running(limited) as client:
        own = bearer(**OF_SHOP)
        other = bearer(**OF_SHOP, sub="other")

        async def ask(headers: Any, method: str = "GET", **more: str) -> int:
            return (await client.request(method, LIST, params={**AS_U, **more}, headers=headers)).status_code

        assert [await ask(own), await ask(own, "HEAD"), await ask(own)] == [200, 200, 429]
        assert [await ask({}), await ask(other), await ask(other, limit="x")] == [401, 403, 400]
        monkeypatch.setattr(RecommendationsRead, "__call__", failing)
        assert await ask(bearer(**OF_SHOP, sub="third"), user_id="third") == 500
        page = (await client.get("/metrics", headers=bearer(**OF_SHOP, sub="scraper", scope="freshet:metrics"))).text
    assert len(told) == 1
    assert 'freshet_endpoint_answers_total{route="recommendations",source="popular"} 1.0' in page
    assert [line["status"] for line in lines] == [200, 200, 429, 401, 403, 500]


async def failing(*_: Any) -> Any:
    raise RecursionError("what nobody thought of")


async def test_the_memory_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 3)
    checker = tokens.Tokens(TokenConfig(secret=SECRET))
    for number in range(10):
        header = bearer(sub=f"u{number}")["authorization"].encode()
        assert checker.reader(header).subject == f"u{number}"
    assert len(checker._known) == 3


async def test_a_limit_whose_redis_goes_away_meanwhile_lets_pass() -> None:
    verdict: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    verdict.set_exception(RedisUnavailable("gone"))
    await RateLimit.check(RateLimit.__new__(RateLimit), verdict)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_a_public_key_is_no_secret(config: EndpointConfig, algorithm: str) -> None:
    key: Any = (
        ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
    )
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    async with running(replace(config, tokens=TokenConfig(public_key=pem.decode()))) as client:
        good = bearer(key, algorithm)
        assert (await client.get(LIST, params=AS_U, headers=good)).status_code == 200
        forged = bearer("thirty-two characters, at the very least", "HS256")
        assert (await client.get(LIST, params=AS_U, headers=forged)).status_code == 401


async def test_a_reader_has_so_many_requests(config: EndpointConfig) -> None:
    async with running(replace(config, rate_per_minute=3)) as client:
        answers = [await client.get(LIST, params=AS_U) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 21
        assert (await client.get(LIST, params={"user_id": "other"})).status_code == 200


async def test_a_service_is_counted_as_the_user_it_asks_for(secured: EndpointConfig) -> None:
    service = bearer(**OF_SHOP, sub="shop-backend", roles=["freshet:read-any"])
    async with running(replace(secured, rate_per_minute=1)) as client:
        for user_id in ("a", "b"):
            asked = [await client.get(LIST, params={"user_id": user_id}, headers=service) for _ in range(2)]
            assert [answer.status_code for answer in asked] == [200, 429]
        own = [await client.get(LIST, params=AS_U, headers=bearer(**OF_SHOP)) for _ in range(2)]
        assert [answer.status_code for answer in own] == [200, 429]
        nobodys = [await client.get("/api/v1/trending", headers=service) for _ in range(2)]
        assert [answer.status_code for answer in nobodys] == [200, 429]


async def test_without_redis_nobody_is_limited(config: EndpointConfig) -> None:
    async with running(replace(config, rate_per_minute=1, redis_url="redis://127.0.0.1:1/0")) as client:
        assert [(await client.get(LIST, params=AS_U)).status_code for _ in range(3)] == [200] * 3


async def test_the_audit_says_who_read_whose_list_but_not_what(
    secured: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(LineLog, "add", lambda _, line: lines.append(line))
    async with running(replace(secured, audit=True)) as client:
        await client.get(LIST, params=AS_U, headers=bearer(**OF_SHOP))
        await client.get(LIST, params={"user_id": "other"}, headers=bearer(**OF_SHOP))
    noted = [(line["reader"], line["user_id"], line["route"], line["status"]) for line in lines]
    assert noted == [("u", "u", "recommendations", 200), ("u", "other", "recommendations", 403)]
    assert set(lines[0]) == {"log", "time_ms", "reader", "serves", "client", "user_id", "route", "status"}


async def test_lines_reach_the_descriptor_even_at_the_end() -> None:
    reading, writing = os.pipe()
    log = LineLog(writing)
    log.start()
    log.add({"n": 1})
    log.add({"n": 2})
    await log.close()
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert [json.loads(line)["n"] for line in pipe] == [1, 2]


def test_tokens_need_exactly_one_key() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        TokenConfig()
    with pytest.raises(ValueError, match="exactly one"):
        TokenConfig(secret="s", jwks_url="http://x")


async def test_metrics_add_up_over_processes(config: EndpointConfig, tmp_path: Any) -> None:
    async with running(replace(config, metrics_dir=tmp_path)) as client:
        await client.get(LIST, params=AS_U)
        await client.get(LIST)

        async def saved() -> bool:
            files = list(tmp_path.glob("*.json"))
            return bool(files) and "recommendations 200" in json.loads(files[0].read_text())["counts"]

        await eventually(saved)
        (own,) = tmp_path.glob("*.json")
        (tmp_path / "1.json").write_text(own.read_text())  # another worker that has counted the same
        page = (await client.get("/metrics")).text
    assert 'freshet_endpoint_requests_total{route="recommendations",status="200"} 2.0' in page
    assert 'freshet_endpoint_requests_total{route="recommendations",status="400"} 2.0' in page
    assert 'freshet_endpoint_answers_total{route="recommendations",source="popular"} 2.0' in page
    assert 'freshet_endpoint_request_seconds_count{route="recommendations"} 4.0' in page


async def test_a_start_that_fails_is_reported(config: EndpointConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(Endpoint, "_start", fail)
    with pytest.raises(AssertionError, match=r"startup\.failed"):
        async with running(config):
            pass
