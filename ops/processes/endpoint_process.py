"""The endpoint as a server process: granian's worker calls `build_app`, `run` is the supervisor above the workers."""

import os
import shutil
import sys
from ipaddress import ip_address
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.server import Server

from ops.exit_codes import CommandFailed, ExitCode
from ops.identities import identities_of
from ops.redis_check import refuse_cluster
from ops.settings import Settings, variable
from ops.settings_sources import load_settings
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig, TokenConfig

BACKLOG = 1024
HEADER_READ_TIMEOUT_MS = 5_000  # a client that sends its headers more slowly, or nothing at all, is cut off
MAX_HEAD_BYTES = 32 * 1024  # address and headers together
STOP_GRACE_S = 10
RESPAWN_S = 0.5


class EndpointRefused(CommandFailed):
    """The settings do not make an endpoint that may be reached."""

    code = ExitCode.USAGE


def build_app() -> Endpoint:
    """The ASGI app of one worker, from FRESHET_* in its environment."""
    return Endpoint(endpoint_config(load_settings()))


def endpoint_config(settings: Settings) -> EndpointConfig:
    """What the endpoint needs of the settings. Raises `EndpointRefused` when security is on and has no key."""
    secure = is_secure(settings)
    return EndpointConfig(
        redis_url=settings.redis_url,
        namespace=settings.namespace,
        model_version=settings.model_version,
        max_age_s=settings.endpoint_max_age_s,
        cors_origins=tuple(filter(None, settings.endpoint_cors_origins.split(","))),
        tokens=_tokens(settings) if secure else None,
        rate_per_minute=settings.endpoint_rate_per_minute if secure else 0,
        audit=secure,
        access_log_share=settings.endpoint_access_log_share,
        metrics_dir=settings.endpoint_metrics_dir,
        kafka_bootstrap=settings.kafka_bootstrap if settings.endpoint_publish_share else "",
        partitions=settings.partitions,
        publish_share=settings.endpoint_publish_share,
        identities=identities_of(settings),
    )


def is_secure(settings: Settings) -> bool:
    """Whether readers must prove who they are: by the setting, else everywhere but on a loopback address."""
    if settings.endpoint_security == "auto":
        return not _is_loopback(settings.endpoint_host)
    return settings.endpoint_security == "on"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: only this one is certain
        return host == "localhost"


def _tokens(settings: Settings) -> TokenConfig:
    key_file, jwks_url = settings.endpoint_jwt_key_file, settings.endpoint_jwks_url
    if bool(key_file) == bool(jwks_url):
        raise EndpointRefused(
            f"{variable('endpoint_host')}={settings.endpoint_host} is reachable from elsewhere or security is on, so "
            f"readers need tokens: set either {variable('endpoint_jwt_key_file')} or {variable('endpoint_jwks_url')}. "
            f"Behind a gateway that checks readers itself, set {variable('endpoint_security')}=off.",
        )
    key = _key(key_file) if key_file else ""
    is_public = key.startswith("-----BEGIN")
    return TokenConfig(
        secret="" if is_public else key,
        public_key=key if is_public else "",
        jwks_url=jwks_url,
        audience=settings.endpoint_jwt_audience,
        issuer=settings.endpoint_jwt_issuer,
    )


def _key(file: Path) -> str:
    try:
        key = file.read_text().strip()
    except OSError as error:
        raise EndpointRefused(f"{variable('endpoint_jwt_key_file')}={file}: {error.strerror}") from error
    if len(key) < 32:
        raise EndpointRefused(f"{variable('endpoint_jwt_key_file')}={file} holds less than 32 characters")
    return key


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests under way. A worker that dies is replaced."""
    refuse_cluster(settings)
    endpoint_config(settings)  # a mistake ends the command here, not every worker
    if not is_secure(settings) and not _is_loopback(settings.endpoint_host):
        sys.stderr.write(f"freshet: anybody who reaches {settings.endpoint_host} may read every user's list\n")
    if settings.endpoint_metrics_dir is None:
        os.environ[variable("endpoint_metrics_dir")] = str(_fresh_metrics_dir(settings))
    Server(
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
        backpressure=settings.endpoint_max_connections,  # held as long as the connection lasts
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_READ_TIMEOUT_MS, max_buffer_size=MAX_HEAD_BYTES),
        respawn_failed_workers=True,
        respawn_interval=RESPAWN_S,
        workers_kill_timeout=STOP_GRACE_S,
        log_access=False,
    ).serve()


def _fresh_metrics_dir(settings: Settings) -> Path:
    folder: Path = settings.state_dir / "endpoint-metrics" / str(settings.endpoint_port)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
