"""Where Redis is and how to greet it, from one URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from serving.resp import command


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Host, port, TLS and the commands that open a connection (AUTH, SELECT)."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    greeting: tuple[bytes, ...]

    @classmethod
    def from_url(cls, url: str) -> RedisAddress:
        """Reads `redis[s]://[user[:password]@]host[:port][/db][?ssl_ca_certs=F&ssl_certfile=F&ssl_keyfile=F]`.

        The names are redis-py's, so that one setting serves writer and reader. A server's certificate is always
        verified unless `ssl_cert_reqs=none` says otherwise. Raises ValueError for any other scheme or option.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("redis", "rediss"):
            raise ValueError(f"scheme {parts.scheme!r} is neither redis nor rediss")
        options = {name: values[-1] for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        greeting = []
        if parts.password is not None:
            names = [unquote(parts.username)] if parts.username else []
            greeting.append(command(b"AUTH", *(part.encode() for part in [*names, unquote(parts.password)])))
        database = parts.path.strip("/") or "0"
        if int(database):
            greeting.append(command(b"SELECT", database.encode()))
        tls = _tls(options) if parts.scheme == "rediss" else None
        if options:
            raise ValueError(f"unknown options in the Redis URL: {', '.join(sorted(options))}")
        return cls(parts.hostname or "127.0.0.1", parts.port or 6379, tls, tuple(greeting))


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.pop("ssl_ca_certs", None))
    certificate, key = options.pop("ssl_certfile", None), options.pop("ssl_keyfile", None)
    if certificate:
        context.load_cert_chain(certificate, key)
    if options.pop("ssl_cert_reqs", "required") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
