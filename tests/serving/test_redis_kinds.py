"""What a URL names, and that the server behind it is of that kind."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import patience

from serving.redis_address import HostPort, RedisKind, RedisUrl
from serving.redis_slots import SLOTS, SlotMap, UnusableSlotMap, redirected_to

from .conftest import free_port
from .endpoint.conftest import REPOSITORY


def test_a_url_names_servers_and_how_they_are_spoken_to() -> None:
    single = RedisUrl.parse("redis://reader:p%40ss@cache:7000/3")
    assert (single.kind, single.servers, single.password) == (RedisKind.SINGLE, (HostPort("cache", 7000),), "p@ss")
    assert single.client_options() == {"username": "reader", "password": "p@ss", "db": 3}
    assert single.address(HostPort("other", 1)).greeting[0].startswith(b"*3\r\n$4\r\nAUTH")
    cluster = RedisUrl.parse("rediss+cluster://reader:secret@a,b:7001?ssl_cert_reqs=none")
    assert cluster.servers == (HostPort("a", 6379), HostPort("b", 7001))
    assert cluster.client_options()["ssl"] is True
    sentinels = RedisUrl.parse("redis+sentinel://u:p@a,b/lists/2?sentinel_password=other")
    assert (sentinels.servers, sentinels.master, sentinels.database) == (
        (HostPort("a", 26379), HostPort("b", 26379)),
        "lists",
        2,
    )
    assert sentinels.sentinel_options() == {"username": None, "password": "other"}
    assert "secret" not in repr(cluster)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://a", "neither redis nor rediss"),
        ("redis+ring://a", "neither redis nor rediss"),
        ("redis+cluster://a/3", "one database"),
        ("redis+sentinel://a", "the primary"),
        ("redis://a?sentinel_password=x", "unknown options"),
        ("redis://a?ssl_ca_certs=x", "unknown options"),
    ],
)
def test_any_other_url_is_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RedisUrl.parse(url)


def test_a_slot_map_says_who_serves_what_and_what_nobody_serves() -> None:
    asked = HostPort("asked", 1)
    slots = SlotMap.from_reply(
        [[0, 99, [b"a", 7000, b"id", []], [b"b", 7001, b"id"]], [200, SLOTS - 1, [b"", 7002]]], asked
    )
    assert (slots.of(99), slots.of(100), slots.of(200)) == (HostPort("a", 7000), None, HostPort("asked", 7002))
    assert (slots.uncovered, slots.primaries) == (100, {HostPort("a", 7000), HostPort("asked", 7002)})
    for reply in (None, [[0]], [[0, 1, [b"a", b"x"]]]):
        with pytest.raises(UnusableSlotMap):
            SlotMap.from_reply(reply, asked)


def test_a_node_names_who_is_to_be_asked() -> None:
    asked = HostPort("asked", 1)
    assert redirected_to("ASK 7 :7001", asked) == (False, 7, HostPort("asked", 7001))
    assert redirected_to("MOVED 7 ::1:7001", asked) == (True, 7, HostPort("::1", 7001))
    assert redirected_to("MOVED 7 ?:7001", asked) == (True, 7, HostPort("asked", 7001))
    assert redirected_to("CLUSTERDOWN Hash slot not served", asked) is None


@pytest.mark.parametrize(
    "error", ["MOVED 7 a:", "MOVED 7 a", "MOVED 7 a:x", "MOVED 7 a:0", "MOVED 7 a:65536", "ASK x a:1", "ASK 16384 a:1"]
)
def test_what_names_nobody_is_any_other_error(error: str) -> None:
    assert redirected_to(error, HostPort("asked", 1)) is None


@pytest.mark.parametrize(
    ("scheme", "options", "says"),
    [
        ("redis", ("--cluster-enabled", "yes"), "begin it with redis+cluster://"),
        ("redis+cluster", (), "leave out +cluster"),
    ],
)
def test_a_server_of_another_kind_is_refused(
    start_valkey: Callable[..., Any], tmp_path: Path, scheme: str, options: tuple[str, ...], says: str
) -> None:
    bus = ("--dir", str(tmp_path), "--cluster-port", str(free_port())) if options else ()
    server = start_valkey(*options, *bus)
    settings = {
        "FRESHET_REDIS_URL": f"{scheme}://127.0.0.1:{server.port}",
        "FRESHET_STATE_DIR": str(tmp_path),
        "FRESHET_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    done = patience.run(
        [sys.executable, "-m", "ops.cli", "serve"], cwd=REPOSITORY, env={**os.environ, **settings}, limit_s=120
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
