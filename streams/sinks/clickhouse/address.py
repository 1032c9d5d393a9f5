"""Where ClickHouse is, from one URL."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

SCHEMES: Final = ("clickhouse", "clickhouses")
PORT: Final = 9000
TLS_PORT: Final = 9440
DATABASE: Final = "freshet"
_DATABASE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class ClickHouseAddress:
    """Where the server is. `ca_file` "" = the system's certificates; `database` is made by `freshet schema apply`."""

    host: str
    port: int
    database: str
    user: str = "default"
    password: str = field(default="", repr=False)
    secure: bool = False
    ca_file: str = ""

    @classmethod
    def from_url(cls, url: str, namespace: str = "", password: str = "") -> ClickHouseAddress:
        """Reads `clickhouse[s]://[user[:password]@]host[:port][/database][?ca_certs=FILE]`.

        Without a database in it, it is `freshet`, or `freshet_` and the namespace. `password` is used when the URL has
        none. Raises ValueError.

        >>> str(ClickHouseAddress.from_url("clickhouse://127.0.0.1:9001", "demo-1"))
        '127.0.0.1:9001/freshet_demo_1'
        """
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"scheme {parts.scheme!r} is neither clickhouse nor clickhouses")
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        ca_file, secure = options.pop("ca_certs", ""), parts.scheme == "clickhouses"
        if options:
            raise ValueError(f"unknown options in the ClickHouse URL: {', '.join(sorted(options))}")
        if ca_file:
            os.stat(ca_file)
        own = f"{DATABASE}_{namespace.replace('-', '_')}" if namespace else DATABASE
        database = parts.path.strip("/") or own
        if not _DATABASE_NAME.match(database):
            raise ValueError(f"database {database!r} must be letters, digits and '_'")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or (TLS_PORT if secure else PORT),
            database=database,
            user=unquote(parts.username) if parts.username else "default",
            password=unquote(parts.password) if parts.password else password,
            secure=secure,
            ca_file=ca_file,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"
