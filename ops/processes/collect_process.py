"""`freshet collect` as a server process: granian's worker calls `build_app`, `run` is the supervisor above it."""

import os
import sys

from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import load_settings
from ops.kafka_check import require_usable_kafka
from ops.processes.endpoint_process import (
    be_supervisor,
    check_certificate,
    end_with_supervisor,
    is_loopback,
    is_secure,
    server_of,
    tokens_of,
)
from ops.processes.listening import address_of, sole_listener
from ops.processes.logs import log_as
from ops.redis_check import require_usable_redis
from serving.collect.app import Collector
from serving.collect.config import CollectConfig
from streams.kafka.topics import Topics

_HOST, _PORT = variable("collect_host"), variable("collect_port")
#: One is what a core can do; more of them are more processes, each with a port, behind a balancer.
_WORKERS = 1


def build_app() -> Collector:
    """The ASGI app of the worker, from FRESHET_* in its environment."""
    end_with_supervisor()
    settings = load_settings()
    log_as(settings, "collect")
    return Collector(collect_config(settings))


def collect_config(settings: Settings) -> CollectConfig:
    """What it needs of the settings. Raises `EndpointRefused` when security is on and has no key."""
    secure = is_secure(settings, "collect_host")
    return CollectConfig(
        kafka_bootstrap=settings.kafka,
        topic=Topics(settings.namespace, settings.model_version).interactions,
        redis_url=settings.redis_url,
        namespace=settings.namespace,
        queue_bytes=settings.collect_queue_mb << 20,
        wait_s=settings.collect_wait_s,
        cors_origins=tuple(filter(None, settings.collect_cors_origins.split(","))),
        tokens=tokens_of(settings, "collect_host") if secure else None,
        rate_per_minute=settings.collect_rate_per_minute if secure else 0,
        audit=secure,
        access_log_share=settings.endpoint_access_log_share,
        identities=identities_of(settings),
    )


def run(settings: Settings) -> None:
    """Takes events until SIGTERM or SIGINT, then answers the requests under way. A worker that dies is replaced."""
    if collect_config(settings).rate_per_minute:
        require_usable_redis(settings)
    require_usable_kafka(settings)
    check_certificate(settings)
    if not is_secure(settings, "collect_host") and not is_loopback(settings.collect_host):
        sys.stderr.write(f"freshet: anybody who reaches {settings.collect_host} may send events of every user\n")
    address = address_of(settings.collect_host, _HOST)
    with sole_listener(address, settings.collect_port, _HOST, _PORT):
        be_supervisor()
        os.environ[_HOST] = address  # for the worker: a name may mean another one meanwhile
        target = "ops.processes.collect_process:build_app"
        server_of(settings, target, address, settings.collect_port, _WORKERS, "collect").serve()
