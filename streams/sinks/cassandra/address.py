"""Where Cassandra is and how it is spoken to, from one URL and a few settings."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMES: Final = ("cassandra", "cassandras")
PORT: Final = 9042
KEYSPACE: Final = "freshet"
_LONGEST_NAME: Final = 48  # Cassandra's own limit
_KEYSPACE_NAME: Final = re.compile(rf"[a-z][a-z0-9_]{{0,{_LONGEST_NAME - 1}}}\Z")

#: How many replicas must confirm.
Consistency = Literal["ONE", "LOCAL_ONE", "TWO", "THREE", "QUORUM", "LOCAL_QUORUM", "EACH_QUORUM", "ALL"]


@dataclass(frozen=True, slots=True)
class CassandraAddress:
    """`hosts` are those that are asked first; they name the others. `datacenter` "" = that of the first host.
    `keyspace` is made by `freshet schema apply`. With `secure`, `ca_file` "" = the system's certificates."""

    hosts: tuple[str, ...]
    port: int
    keyspace: str
    user: str = ""
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_file: str = ""
    datacenter: str = ""

    @classmethod
    def from_url(cls, url: str, namespace: str = "", password: str = "") -> CassandraAddress:
        """Reads `cassandra[s]://[user[:password]@]host[,host…][:port][/keyspace][?ca_certs=FILE&datacenter=NAME]`.

        Without a keyspace in it, it is `freshet`, or `freshet_` and the namespace. `password` is used when the URL has
        none. Raises ValueError, and OSError for a certificate that cannot be read.

        >>> str(CassandraAddress.from_url("cassandra://c1,c2:9043", "demo-1"))
        'c1,c2:9043/freshet_demo_1'
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"scheme {parts.scheme!r} is neither cassandra nor cassandras")
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        ca_file, datacenter = options.pop("ca_certs", ""), options.pop("datacenter", "")
        if options:
            raise ValueError(f"unknown options in the Cassandra URL: {', '.join(sorted(options))}")
        if ca_file:
            os.stat(ca_file)
        keyspace = parts.path.strip("/") or _keyspace_of(namespace)
        if not _KEYSPACE_NAME.match(keyspace):
            raise ValueError(f"keyspace {keyspace!r} must be up to 48 small letters, digits and '_'")
        hosts = tuple(filter(None, (parts.hostname or "").split(","))) or ("127.0.0.1",)
        return cls(
            hosts=hosts,
            port=parts.port or PORT,
            keyspace=keyspace,
            user=unquote(parts.username or ""),
            password=unquote(parts.password) if parts.password else password,
            secure=parts.scheme == "cassandras",
            ca_file=ca_file,
            datacenter=datacenter,
        )

    def __str__(self) -> str:
        return f"{','.join(self.hosts)}:{self.port}/{self.keyspace}"


def _keyspace_of(namespace: str) -> str:
    """The keyspace of a namespace: its letters as Cassandra takes them, cut when they are too many."""
    name = f"{KEYSPACE}_{namespace.replace('-', '_').lower()}" if namespace else KEYSPACE
    if len(name) <= _LONGEST_NAME:
        return name
    digest = blake2b(namespace.encode(), digest_size=5).hexdigest()
    return f"{name[: _LONGEST_NAME - 1 - len(digest)]}_{digest}"


@dataclass(frozen=True, slots=True)
class ConsistencyLevels:
    """`write` also holds for reads that decide what is written or verify an erasure: they must see what was written.
    `read` is for those that only find what is verified afterwards."""

    write: Consistency = "QUORUM"
    read: Consistency = "LOCAL_ONE"
