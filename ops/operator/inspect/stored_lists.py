"""Reads a finished list back from Redis."""

from typing import Any

import orjson
from redis import Redis

from serving.list_format import cut, header_bytes, read_prefix


def read_list(redis_url: str, key: str) -> dict[str, Any] | None:
    """The header of a list with its `items` and `ttl_s`; None when there is none. Raises `UnreadableList`."""
    with Redis.from_url(redis_url) as redis:
        value = redis.get(key)
        ttl_s = redis.ttl(key)
    if not isinstance(value, bytes):
        return None
    prefix = read_prefix(value)
    items = orjson.loads(b"[" + cut(value, prefix, 0, prefix.items) + b"]")
    return {"key": key, "ttl_s": ttl_s, **orjson.loads(header_bytes(value, prefix)), "items": items}
