"""The endpoint as a server process: granian's worker calls `build_app`, `run` is the supervisor above the workers."""

from __future__ import annotations

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from ops.settings import Settings
from ops.settings_sources import load_settings
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig

BACKLOG = 1024
HEADER_READ_TIMEOUT_MS = 5_000  # a client that sends its headers more slowly is cut off
MAX_HEAD_BYTES = 32 * 1024  # address and headers together
STOP_GRACE_S = 10
RESPAWN_S = 0.5


def build_app() -> Endpoint:
    """The ASGI app of one worker, from FRESHET_* in its environment."""
    return Endpoint(endpoint_config(load_settings()))


def endpoint_config(settings: Settings) -> EndpointConfig:
    """What the endpoint needs of the settings."""
    return EndpointConfig(
        redis_url=settings.redis_url,
        namespace=settings.namespace,
        model_version=settings.model_version,
    )


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests under way. A worker that dies is replaced."""
    Granian(
        "ops.endpoint_process:build_app",
        factory=True,
        address=settings.endpoint_host,
        port=settings.endpoint_port,
        workers=settings.endpoint_workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_TIMEOUT_MS, max_buffer_size=MAX_HEAD_BYTES),
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_S,
        workers_kill_timeout=STOP_GRACE_S,
        log_access=False,
    ).serve()
