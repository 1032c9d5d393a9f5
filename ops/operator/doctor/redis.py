"""What a running Redis says of itself, and what that means."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from ops.configuration.settings import Settings, variable
from ops.operator.doctor.finding import MAX_CLOCK_SKEW_S, TIMEOUT_S, HealthFinding, State, named
from serving.redis_address import HostPort, RedisKind, RedisUrl
from serving.redis_clients import connect, connect_to
from serving.redis_slots import SLOTS, SlotMap

LEAST_REDIS = (6, 2)  # ZMSCORE
#: A list that was evicted is back when its user reads; markers and orders, which have no time to live, must stay.
GOOD_POLICIES = ("noeviction", "volatile-lru", "volatile-lfu")
FULL = 0.9


def examine_redis(settings: Settings) -> Iterator[HealthFinding]:
    """Asks the server at the address of the settings: of a cluster every primary, of sentinels the one they name."""
    url = RedisUrl.parse(settings.redis_url)
    if url.kind is RedisKind.CLUSTER:
        yield from _examine_cluster(url)
    else:
        yield from _examine_server(connect(settings.redis_url, TIMEOUT_S), is_node=False)


def _examine_server(client: Redis, *, is_node: bool, about: str = "redis") -> Iterator[HealthFinding]:
    url = variable("redis_url")
    with client:
        try:
            client.ping()
            info, skew_s = _told_by(client)
        except (AuthenticationError, ResponseError) as error:
            yield HealthFinding(about, "wrong", str(error), f"mend user, password or database in {url}")
        except RedisError as error:
            yield HealthFinding(about, "away", str(error), f"start it, or mend {url}")
        else:
            yield HealthFinding(about, "good", "answers")
            yield from redis_findings(info, skew_s, is_node=is_node)


def _examine_cluster(url: RedisUrl) -> Iterator[HealthFinding]:
    """Each seed may be asked; the first that answers says who there is."""
    for server in url.servers:
        with connect_to(url, server, TIMEOUT_S) as client:
            try:
                ranges = client.execute_command("CLUSTER", "SLOTS")
                state = client.execute_command("CLUSTER INFO")
                covers = _setting(client, "cluster-require-full-coverage")
            except NoPermissionError as error:
                yield HealthFinding("cluster", "warning", str(error), "allow +cluster|slots +cluster|info")
                return
            except (AuthenticationError, ResponseError) as error:
                yield HealthFinding(
                    f"redis {server}", "wrong", str(error), f"mend user or password in {variable('redis_url')}"
                )
                continue
            except RedisError as error:
                yield HealthFinding(f"redis {server}", "away", str(error), f"start it, or mend {variable('redis_url')}")
                continue
        slots = SlotMap.from_reply(ranges, server)
        replicas = dict.fromkeys(slots.primaries, 0)
        for _, _, primary, *others in ranges:
            name = SlotMap.from_reply([(0, 0, primary)], server).of(0)
            assert name is not None
            replicas[name] = len(others)
        yield from cluster_findings(dict(state), covers, slots.uncovered, replicas)
        for primary in sorted(slots.primaries):
            found = _examine_server(connect_to(url, primary, TIMEOUT_S), is_node=True, about=f"redis {primary}")
            for finding in found:
                about = finding.about if str(primary) in finding.about else f"{finding.about} {primary}"
                yield replace(finding, about=about)
        return


def _setting(client: Redis, name: str) -> str:
    try:
        return str(client.config_get(name).get(name, ""))
    except NoPermissionError:
        return ""


def cluster_findings(
    state: Mapping[str, Any], covers: str, uncovered: int, replicas: Mapping[HostPort, int]
) -> Iterator[HealthFinding]:
    """What a node says of the whole cluster: its state, `cluster-require-full-coverage` ("" = it may not say), how many
    slots nobody serves, and the replicas of each primary."""
    if uncovered:
        found = f"{uncovered} of {SLOTS} slots are served by nobody"
        advice = "start who is away, or promote a replica (CLUSTER FAILOVER TAKEOVER); lists come back from the log"
        yield HealthFinding("cluster", "wrong", found, advice)
    elif state.get("cluster_state") != "ok":
        yield HealthFinding("cluster", "wrong", f"state {state.get('cluster_state')}", "look at CLUSTER NODES")
    else:
        yield HealthFinding("cluster", "good", f"{len(replicas)} primaries serve all {SLOTS} slots")
    alone = sorted(str(primary) for primary, count in replicas.items() if not count)
    if alone:
        advice = (
            "add a replica each (CLUSTER REPLICATE): readers of one that is lost get what is popular until it is back"
        )
        yield HealthFinding("replicas", "warning", f"{named(alone)} have none", advice)
    else:
        yield HealthFinding("replicas", "good", "every primary has one")
    if covers == "yes":
        found = "cluster-require-full-coverage is on: while one primary is lost no list can be read"
        yield HealthFinding("coverage", "warning", found, "CONFIG SET cluster-require-full-coverage no, on every node")


def _told_by(client: Redis) -> tuple[Mapping[str, Any], float]:
    """INFO, and how far the server's clock is ahead; of proxies and users that may not ask, nothing."""
    try:
        info = client.info("all")
        seconds, micros = client.time()
    except ResponseError:
        return {}, 0.0
    return info, float(seconds) + float(micros) / 1e6 - time.time()


def redis_findings(info: Mapping[str, Any], skew_s: float, *, is_node: bool = False) -> Iterator[HealthFinding]:
    """What a server's INFO says, and how far its clock is ahead of this machine's. `is_node`: it is
    meant to be one of a cluster."""
    yield from _kind_of_server(info, is_node)
    yield from _memory(info)
    if abs(skew_s) > MAX_CLOCK_SKEW_S:
        found = f"the clock of Redis is {skew_s:+.0f} s from this machine's"
        yield HealthFinding(
            "clocks", "warning", found, "keep all machines on NTP: lists and heartbeats are dated by them"
        )
    else:
        yield HealthFinding("clocks", "good", "Redis and this machine agree")


def _kind_of_server(info: Mapping[str, Any], is_node: bool) -> Iterator[HealthFinding]:
    name = str(info.get("redis_version", ""))
    version = tuple(int(part) if part.isdigit() else 0 for part in name.split("."))[:2]
    if name and version < LEAST_REDIS:
        yield HealthFinding(
            "version", "wrong", f"speaks as Redis {name}", "6.2 is the oldest that serves, or any Valkey"
        )
    if info.get("cluster_enabled") and not is_node:
        found = "a node of a Redis Cluster, and the URL does not say so"
        yield HealthFinding("cluster", "wrong", found, f"begin {variable('redis_url')} with redis+cluster://")
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
