"""Looks at the servers and says what of them would make lists late, lost or wrong, and what to do about it.

Nothing is changed, and everything that can be looked at is, also when one server is away.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.retry import Retry

from ops.configuration.settings import Settings, variable
from streams.kafka.errors import KafkaError, KafkaUnreachable
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import TopicsInspection, inspect_topics

State = Literal["good", "warning", "wrong", "away"]

TIMEOUT_S = 5.0
LEAST_REDIS = (6, 2)  # ZMSCORE
#: A list that was evicted is back when its user reads; markers and orders, which have no time to live, must stay.
GOOD_POLICIES = ("noeviction", "volatile-lru", "volatile-lfu")
FULL = 0.9
#: The servers date what the workers write; beyond this, events count as early or late that are not.
MAX_CLOCK_SKEW_S = 5.0
_NAMED = 3


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """What was looked at, how it is, what was found in words, and what to do unless it is good."""

    about: str
    state: State
    found: str
    advice: str = ""


def examine(settings: Settings) -> list[HealthFinding]:
    """Everything that was looked at, Kafka first."""
    return [*_kafka(settings), *_redis(settings)]


# -- Kafka --------------------------------------------------------------------------------------------------------


def _kafka(settings: Settings) -> Iterator[HealthFinding]:
    topics = Topics(settings.namespace, settings.model_version)
    try:
        seen = inspect_topics(
            settings.kafka,
            topics,
            settings.partitions,
            settings.replication,
            timeout_s=TIMEOUT_S,
            retention_days=settings.retention_days,
        )
    except KafkaUnreachable as error:
        yield HealthFinding("kafka", "away", str(error), f"start it, or mend {variable('kafka_bootstrap')}")
    except KafkaError as error:
        yield HealthFinding("kafka", "wrong", str(error), "see the broker's log")
    else:
        yield HealthFinding("kafka", "good", f"answers at {settings.kafka}")
        yield from kafka_findings(seen, settings)


def kafka_findings(seen: TopicsInspection, settings: Settings) -> Iterator[HealthFinding]:
    """What an inspection of the topics says."""
    replication = variable("replication")
    if seen.brokers < settings.replication:
        found = f"{seen.brokers} brokers for {settings.replication} copies"
        yield HealthFinding("brokers", "wrong", found, f"start more brokers, or lower {replication}")
    elif settings.replication == 1 and seen.brokers > 1:
        found = f"one copy of everything on {seen.brokers} brokers"
        yield HealthFinding(
            "brokers", "warning", found, f"{replication}=3 survives the loss of one; topics keep theirs"
        )
    else:
        yield HealthFinding("brokers", "good", f"{seen.brokers} for {settings.replication} copies")
    if seen.missing:
        yield HealthFinding("topics", "wrong", f"missing: {_named(seen.missing)}", "run `freshet topics create`")
    if seen.leaderless:
        yield HealthFinding(
            "topics", "wrong", f"without a leader: {_named(seen.leaderless)}", "see whether brokers are away"
        )
    if seen.lagging_copies:
        found = f"with copies that lag behind: {_named(seen.lagging_copies)}"
        yield HealthFinding("topics", "warning", found, "a broker is away or slow; writes stop with the next one")
    for difference in seen.differs:
        yield HealthFinding("topics", "wrong", str(difference), _advice_on(difference.setting))
    if not (seen.missing or seen.leaderless or seen.lagging_copies or seen.differs):
        yield HealthFinding("topics", "good", "all there, with the settings that they should have")


def _advice_on(setting: str) -> str:
    if setting == "partitions":
        return f"mend {variable('partitions')}: partitions are fixed for the life of a log"
    if setting == "replication":
        return f"move partitions with Kafka's own tools, or mend {variable('replication')}"
    return "alter the topic with Kafka's own tools; nothing here does"


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


# -- Redis --------------------------------------------------------------------------------------------------------


def _redis(settings: Settings) -> Iterator[HealthFinding]:
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
