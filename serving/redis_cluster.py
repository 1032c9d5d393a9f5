"""Tells a node of a Redis Cluster from a single Redis: neither the writer nor the endpoint follows MOVED."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

TIMEOUT_S = 2.0


def is_cluster_node(redis_url: str) -> bool:
    """Whether the server says so; False while it is away, and when a proxy or its ACL keeps it from saying."""
    client = Redis.from_url(
        redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
    try:
        return bool(client.info("cluster").get("cluster_enabled"))
    except RedisError:
        return False
    finally:
        client.close()
