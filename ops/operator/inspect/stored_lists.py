"""Reads a finished list back from Redis."""

from typing import Any

from serving import joined_list
from serving.keys import Keys
from serving.redis_clients import connect


def read_list(redis_url: str, keys: Keys, key: str) -> dict[str, Any] | None:
    """The header of a list with its `items` and `ttl_s`; None when there is none. Raises `UnreadableList`."""
    with connect(redis_url) as redis:
        value = redis.get(key)
        ttl_s = redis.ttl(key)
        if not isinstance(value, bytes):
            return None
        body = joined_list.read_list(redis, keys, value)
    items = body.pop("recommendations")
    return {"key": key, "ttl_s": ttl_s, "bytes": len(value), **body, "items": items}
