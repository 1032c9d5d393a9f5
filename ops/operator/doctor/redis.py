"""What a running Redis says of itself, and what that means."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from ops.configuration.settings import Settings, variable
from ops.operator.doctor.finding import MAX_CLOCK_SKEW_S, TIMEOUT_S, HealthFinding, State

LEAST_REDIS = (6, 2)  # ZMSCORE
#: A list that was evicted is back when its user reads; markers and orders, which have no time to live, must stay.
GOOD_POLICIES = ("noeviction", "volatile-lru", "volatile-lfu")
FULL = 0.9


def examine_redis(settings: Settings) -> Iterator[HealthFinding]:
    """Asks the server at the address of the settings."""
    client = Redis.from_url(
        settings.redis_url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    url = variable("redis_url")
    with client:
        try:
            client.ping()
            info, skew_s = _told_by(client)
        except (AuthenticationError, ResponseError) as error:
            yield HealthFinding("redis", "wrong", str(error), f"mend user, password or database in {url}")
        except RedisError as error:
            yield HealthFinding("redis", "away", str(error), f"start it, or mend {url}")
        else:
            yield HealthFinding("redis", "good", "answers")
            yield from redis_findings(info, skew_s)


def _told_by(client: Redis) -> tuple[Mapping[str, Any], float]:
    """INFO, and how far the server's clock is ahead; of proxies and users that may not ask, nothing."""
    try:
        info = client.info("all")
        seconds, micros = client.time()
    except ResponseError:
        return {}, 0.0
    return info, float(seconds) + float(micros) / 1e6 - time.time()


def redis_findings(info: Mapping[str, Any], skew_s: float) -> Iterator[HealthFinding]:
    """What a server's INFO says, and how far its clock is ahead of this machine's."""
    yield from _kind_of_server(info)
    yield from _memory(info)
    if abs(skew_s) > MAX_CLOCK_SKEW_S:
        found = f"the clock of Redis is {skew_s:+.0f} s from this machine's"
        yield HealthFinding(
            "clocks", "warning", found, "keep all machines on NTP: lists and heartbeats are dated by them"
        )
    else:
        yield HealthFinding("clocks", "good", "Redis and this machine agree")


def _kind_of_server(info: Mapping[str, Any]) -> Iterator[HealthFinding]:
    name = str(info.get("redis_version", ""))
    version = tuple(int(part) if part.isdigit() else 0 for part in name.split("."))[:2]
    if name and version < LEAST_REDIS:
        yield HealthFinding(
            "version", "wrong", f"speaks as Redis {name}", "6.2 is the oldest that serves, or any Valkey"
        )
    if info.get("cluster_enabled"):
        found = "a node of a Redis Cluster"
        yield HealthFinding("cluster", "wrong", found, "give the address of a cluster proxy: docs/scaling.md")
    if info.get("role") not in (None, "master"):
        found = f"a {info['role']}, which takes no writes"
        yield HealthFinding("role", "wrong", found, "give the address of the primary, or of what follows it")


def _memory(info: Mapping[str, Any]) -> Iterator[HealthFinding]:
    policy, limit_bytes = str(info.get("maxmemory_policy", "unknown")), int(info.get("maxmemory", 0))
    used_bytes, evicted = int(info.get("used_memory", 0)), int(info.get("evicted_keys", 0))
    about = "maxmemory-policy"
    if policy in GOOD_POLICIES:
        yield HealthFinding(about, "good", policy)
    elif policy == "unknown":
        yield HealthFinding(about, "warning", "is not told", f"see that it is {' or '.join(GOOD_POLICIES)}")
    else:
        harm = "evicts markers too, and with one of them all its partition's lists are made again"
        if policy.startswith("volatile-"):
            harm = "evicts lists of those who read often as soon as any other"
        state: State = "warning" if not limit_bytes or policy.startswith("volatile-") else "wrong"
        advice = "CONFIG SET maxmemory-policy noeviction (volatile-lru when memory is short)"
        yield HealthFinding(about, state, f"{policy} {harm}", advice)
    if evicted:
        found = f"{evicted} keys were evicted since the server started"
        yield HealthFinding("evictions", "warning", found, "lists come back when they are read: give Redis more memory")
    if limit_bytes and used_bytes > FULL * limit_bytes:
        found = f"{used_bytes >> 20} of {limit_bytes >> 20} MiB are used"
        yield HealthFinding("memory", "warning", found, "raise maxmemory: at the limit lists are refused or evicted")
    elif limit_bytes:
        yield HealthFinding("memory", "good", f"{used_bytes >> 20} of {limit_bytes >> 20} MiB are used")
    else:
        found = f"{used_bytes >> 20} MiB are used, and there is no limit"
        yield HealthFinding("memory", "good", found)
