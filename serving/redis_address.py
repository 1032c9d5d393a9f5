"""Where Redis is and how to greet it, from one URL: one server, a cluster, or what its sentinels name as primary."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from serving.resp import command

REDIS_PORT, SENTINEL_PORT = 6379, 26379
_TLS_OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


class RedisKind(StrEnum):
    """Who holds the lists."""

    SINGLE = "redis"
    CLUSTER = "cluster"
    SENTINEL = "sentinel"


class HostPort(NamedTuple):
    """One process that listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Host, port, TLS and the commands that open a connection (AUTH, SELECT)."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    greeting: tuple[bytes, ...]

    @classmethod
    def from_url(cls, url: str) -> RedisAddress:
        """Of the first server of a URL, see `RedisUrl`."""
        parsed = RedisUrl.parse(url)
        return parsed.address(parsed.servers[0])


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """`servers` are those to ask first: the server, nodes of the cluster, or sentinels, who know where `master` is."""

    kind: RedisKind
    servers: tuple[HostPort, ...]
    username: str = ""
    password: str | None = field(default=None, repr=False)
    database: int = 0
    master: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    tls_options: tuple[tuple[str, str], ...] = ()
    sentinel_username: str = ""
    sentinel_password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> RedisUrl:
        """Reads one of

            redis[s]://[user[:password]@]host[:port][/db]
            redis[s]+cluster://[user[:password]@]host[:port][,host[:port]...]
            redis[s]+sentinel://[user[:password]@]host[:port][,host[:port]...]/primary[/db]

        with `?ssl_ca_certs=F&ssl_certfile=F&ssl_keyfile=F`, and `sentinel_username` and `sentinel_password` where the
        sentinels want others than the servers. The names are redis-py's, so that one setting serves writer and reader.
        A server's certificate is always verified unless `ssl_cert_reqs=none` says otherwise. Raises ValueError for any
        other scheme or option.
        """
        parts = urlsplit(url)
        scheme, _, word = parts.scheme.partition("+")
        if scheme not in ("redis", "rediss") or (word or "redis") not in list(RedisKind):
            raise ValueError(
                f"scheme {parts.scheme!r} is neither redis nor rediss, alone or with +cluster or +sentinel"
            )
        kind = RedisKind(word or "redis")
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        tls_options = {name: options.pop(name) for name in _TLS_OPTIONS if name in options and scheme == "rediss"}
        login = {
            name: options.pop(name)
            for name in ("sentinel_username", "sentinel_password")
            if name in options and kind is RedisKind.SENTINEL
        }
        if options:
            raise ValueError(f"unknown options in the Redis URL: {', '.join(sorted(options))}")
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, separator, password = credentials.partition(":")
        master, database = _path_of(parts, kind)
        return cls(
            kind,
            _servers(hosts, SENTINEL_PORT if kind is RedisKind.SENTINEL else REDIS_PORT),
            unquote(username),
            unquote(password) if separator else None,
            database,
            master,
            _tls(tls_options) if scheme == "rediss" else None,
            tuple(tls_options.items()),
            login.get("sentinel_username", ""),
            login.get("sentinel_password"),
        )

    def address(self, server: HostPort) -> RedisAddress:
        """How a server that holds lists is spoken to."""
        greeting = []
        if self.password is not None:
            names = [self.username] if self.username else []
            greeting.append(command(b"AUTH", *(part.encode() for part in [*names, self.password])))
        if self.database:
            greeting.append(command(b"SELECT", b"%d" % self.database))
        return RedisAddress(*server, self.tls, tuple(greeting))

    def client_options(self) -> dict[str, Any]:
        """The same, as redis-py has it."""
        return self._login(self.username, self.password) | ({"db": self.database} if self.database else {})

    def sentinel_options(self) -> dict[str, Any]:
        """How redis-py speaks to the sentinels."""
        return self._login(self.sentinel_username, self.sentinel_password)

    def _login(self, username: str, password: str | None) -> dict[str, Any]:
        options: dict[str, Any] = {"username": username or None, "password": password}
        if self.tls is not None:
            options |= {"ssl": True, **dict(self.tls_options)}
            options["ssl_check_hostname"] = self.tls.check_hostname
        return options


def is_cluster(url: str) -> bool:
    """Whether a URL names a cluster, where users' keys have a place of their own (`serving.keys`).

    >>> is_cluster("rediss+cluster://worker:secret@a:7000,b:7000"), is_cluster("redis://a:6379/0")
    (True, False)
    """
    return urlsplit(url).scheme.endswith("+cluster")


def _path_of(parts: SplitResult, kind: RedisKind) -> tuple[str, int]:
    """The name of the primary, of sentinels, and the number of the database."""
    names = parts.path.strip("/").split("/") if parts.path.strip("/") else []
    if kind is RedisKind.SENTINEL:
        if not names:
            raise ValueError("a Redis URL with +sentinel ends in /NAME, what the sentinels call the primary")
        return unquote(names[0]), int("/".join(names[1:]) or "0")
    database = int("/".join(names) or "0")
    if kind is RedisKind.CLUSTER and database:
        raise ValueError("a Redis Cluster has one database: leave out the number")
    return "", database


def _servers(hosts: str, port: int) -> tuple[HostPort, ...]:
    """
    >>> _servers("a:7000,[::1]", 6379)
    (HostPort(host='a', port=7000), HostPort(host='::1', port=6379))
    """
    split = [urlsplit(f"//{host}") for host in hosts.split(",")]
    return tuple(HostPort(host.hostname or "127.0.0.1", host.port or port) for host in split)


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    if options.get("ssl_cert_reqs", "required") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
