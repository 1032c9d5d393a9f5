"""Redis behind TLS with users and passwords: writer and endpoint use the same address and trust nobody else.

The Valkey that comes with the tests is built without TLS, so a proxy ends it; where a Redis with TLS is installed, the
same tests run against that one too.
"""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from harness.certificates import Authority
from harness.tls_front import new_authority, tls_front
from listed import CardWriter as ListWriter
from listed import redis_of, withdraw

from serving.endpoint.config import EndpointConfig
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable

from .conftest import free_port
from .endpoint.conftest import eventually, running
from .endpoint.test_reads import LIST, put_popular, put_user

KEYS = Keys("tls", "v1")
PASSWORD = "p%40ss%2Fw%3Ard"  # p@ss/w:rd
# What docs/serving.md tells operators to grant.
ENDPOINT_RULES = (
    "on >p@ss/w:rd resetkeys ~tls:* +ping +get +getrange +hmget +zrangebyscore +sscan +hscan +zadd +evalsha"
    " +script|load +select"
)


Opened = Callable[..., AbstractAsyncContextManager[tuple[int, Path]]]


def redis_with_tls() -> str | None:
    installed = filter(None, map(shutil.which, ("redis-server", "valkey-server")))
    return next((binary for binary in installed if b"SSL_CTX_new" in Path(binary).read_bytes()), None)


@pytest.fixture(params=[False, True], ids=["by a proxy", "by Redis itself"])
def opened(request: pytest.FixtureRequest, start_valkey: Callable[..., Any]) -> Opened:
    """Opens a TLS port with a certificate for a host: the port, and the file of the authority to trust."""
    binary = redis_with_tls() if request.param else None
    if request.param and binary is None:
        pytest.skip("no Redis with TLS is installed")

    @asynccontextmanager
    async def opened(folder: Path, host: str = "127.0.0.1") -> AsyncIterator[tuple[int, Path]]:
        authority, context = new_authority(folder, host)
        if binary is None:
            server = start_valkey()
            add_users(server)
            async with tls_front(server.port, context) as port:
                yield port, authority
        else:
            port, pair = free_port(), str(folder / "server.pem")
            files = ("--tls-cert-file", pair, "--tls-key-file", pair, "--tls-ca-cert-file", str(authority))
            options = ("--tls-port", str(port), *files, "--tls-auth-clients", "no")
            add_users(start_valkey(*options, binary=binary))
            yield port, authority

    return opened


def add_users(server: Any) -> None:
    client = redis.Redis.from_url(server.url)
    client.execute_command("ACL", "SETUSER", "worker", "on", ">p@ss/w:rd", "~tls:*", "+@all", "-@dangerous")
    client.execute_command("ACL", "SETUSER", "endpoint", *ENDPOINT_RULES.split())
    client.execute_command("ACL", "SETUSER", "default", "off")
    client.close()


def config(url: str, **more: Any) -> EndpointConfig:
    return EndpointConfig(url, KEYS.namespace, redis_deadline_ms=2000, refresh_ms=20, **more)


async def source(client: httpx.AsyncClient) -> str:
    answer = await client.get(LIST, params={"user_id": "u"})
    assert answer.status_code == 200
    return str(answer.json()["source"])


async def test_lists_go_in_and_out_over_tls_with_least_rights(opened: Opened, tmp_path: Path) -> None:
    async with opened(tmp_path) as (port, authority):
        address = f"{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={authority}"
        writer = ListWriter.connect(f"rediss://worker:{address}", KEYS)
        await put_user(writer, "u", "mine")
        await put_popular(writer, "popular")
        await withdraw(writer, "other")
        await redis_of(writer).sadd(KEYS.blocked, "another")  # as workers of the former release did
        await redis_of(writer).set(f"{KEYS.root}blocked_stamp:{KEYS.version}", b"1")
        async with running(config(f"rediss://endpoint:{address}", rate_per_minute=1000)) as client:
            assert await source(client) == "personal"
            assert (await client.get("/readyz")).json()["redis"] == "up"

            async def noted() -> bool:
                return any([await writer.reader_marks(partition).who_read(["u"], 0) for partition in range(4)])

            await eventually(noted)
        await writer.close()


@pytest.mark.parametrize(
    ("user", "host", "trusts", "says"),
    [
        ("worker", "127.0.0.1", False, "certificate verify failed"),  # an authority nobody told us to trust
        ("worker", "127.0.0.2", True, "certificate verify failed"),  # a certificate for somebody else
        ("nobody", "127.0.0.1", True, "WRONGPASS"),
    ],
)
async def test_nothing_is_said_to_a_stranger(
    opened: Opened, tmp_path: Path, user: str, host: str, trusts: bool, says: str
) -> None:
    async with opened(tmp_path / "server", host) as (port, authority):
        if not trusts:
            authority, _ = new_authority(tmp_path / "other")
        url = f"rediss://{user}:{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={authority}"
        writer = ListWriter.connect(url, KEYS)
        with pytest.raises((RedisUnavailable, redis.AuthenticationError)):
            await put_user(writer, "u", "mine")
        await writer.close()
        async with running(config(url)) as client:
            assert await source(client) == "popular"
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            assert says in ready.json()["redis"]


async def test_a_client_with_a_certificate_is_let_in(tmp_path: Path, start_valkey: Callable[..., Any]) -> None:
    """Where the server wants one: whoever shows none, or one of another authority, is not."""
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server())
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = start_valkey()
    add_users(server)
    async with tls_front(server.port, context) as port:
        address = f"{PASSWORD}@127.0.0.1:{port}/0?ssl_ca_certs={authority.file}"
        shown = f"{address}&ssl_certfile={authority.client('freshet')}"
        writer = ListWriter.connect(f"rediss://worker:{shown}", KEYS)
        await put_user(writer, "u", "mine")
        await put_popular(writer, "popular")
        await writer.close()
        async with running(config(f"rediss://endpoint:{shown}")) as client:
            assert await source(client) == "personal"
        for wrong in (address, f"{address}&ssl_certfile={stranger.client('freshet')}"):
            writer = ListWriter.connect(f"rediss://worker:{wrong}", KEYS)
            with pytest.raises(RedisUnavailable):
                await put_user(writer, "u", "theirs")
            await writer.close()
            async with running(config(f"rediss://endpoint:{wrong}")) as client:
                assert (await client.get("/readyz")).status_code == 503
