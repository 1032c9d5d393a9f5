"""The endpoint's link for whatever holds the lists: one server, what sentinels name, a cluster."""

from __future__ import annotations

from serving.cluster_link import ClusterLink
from serving.redis_address import RedisKind, RedisUrl
from serving.redis_link import FindServer, Link, RedisLink
from serving.supervisor import LoopSupervisor


def link_to(redis: RedisUrl, deadline_s: float, on_connect: tuple[bytes, ...], supervisor: LoopSupervisor) -> Link:
    """Made and used within one event loop; see `RedisLink`."""
    if redis.kind is RedisKind.CLUSTER:
        return ClusterLink(redis, deadline_s=deadline_s, on_connect=on_connect, supervisor=supervisor)
    find: FindServer | None = None
    if redis.kind is RedisKind.SENTINEL:
        from serving.redis_sentinels import Sentinels  # redis-py: 8 MB that no other endpoint needs

        find = Sentinels(redis).find
    return RedisLink(
        redis.address(redis.servers[0]), deadline_s=deadline_s, on_connect=on_connect, supervisor=supervisor, find=find
    )
