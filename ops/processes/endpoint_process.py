"""The endpoint as a server process: granian's worker calls `build_app`, `run` is the supervisor above the workers."""

import ctypes
import os
import signal
import ssl
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.server import Server

from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import load_settings
from ops.exit_codes import CommandFailed, ExitCode
from ops.kafka_check import require_usable_kafka
from ops.processes.listening import address_of, sole_listener
from ops.processes.logs import granian_logs, log_as
from ops.processes.tracing import require_tracing, traces_of
from ops.redis_check import require_usable_redis
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig, TokenConfig
from serving.instance import new_instance
from serving.own_folder import OwnFolder

if TYPE_CHECKING:
    from serving.endpoint.traced import TracedEndpoint

BACKLOG = 1024
HEADER_READ_TIMEOUT_MS = 5_000  # a client that sends its headers more slowly, or nothing at all, is cut off
MAX_HEAD_BYTES = 32 * 1024  # address and headers together
STOP_GRACE_S = 10
RESPAWN_S = 0.5
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_SUPERVISOR = "_FRESHET_SUPERVISOR"  # not a setting: the pid, which is 1 in a container


class EndpointRefused(CommandFailed):
    """The settings do not make an endpoint that may be reached."""

    code = ExitCode.USAGE


def build_app() -> "Endpoint | TracedEndpoint":
    """The ASGI app of one worker, from FRESHET_* in its environment."""
    end_with_supervisor()
    settings = load_settings()
    log_as(settings, "endpoint")
    endpoint, traces = Endpoint(endpoint_config(settings)), traces_of(settings, "endpoint")
    if traces is None:
        return endpoint
    from serving.endpoint.traced import TracedEndpoint

    return TracedEndpoint(endpoint, traces.tracer, settings.trace_share, traces.close)


def end_with_supervisor() -> None:
    """In a process of granian's: ends when its parent does. Workers of a supervisor that was killed would keep the
    port, and share the reads of the next endpoint there."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ.get(_SUPERVISOR, os.getppid())):  # it was killed before that call
            os._exit(ExitCode.BUG)


def endpoint_config(settings: Settings) -> EndpointConfig:
    """What the endpoint needs of the settings. Raises `EndpointRefused` when security is on and has no key."""
    secure = is_secure(settings)
    return EndpointConfig(
        redis_url=settings.redis_url,
        namespace=settings.namespace,
        model_version=settings.model_version,
        max_age_s=settings.endpoint_max_age_s,
        cors_origins=tuple(filter(None, settings.endpoint_cors_origins.split(","))),
        tokens=tokens_of(settings, "endpoint_host") if secure else None,
        rate_per_minute=settings.endpoint_rate_per_minute if secure else 0,
        audit=secure,
        access_log_share=settings.endpoint_access_log_share,
        metrics_dir=settings.endpoint_metrics_dir,
        kafka_bootstrap=settings.kafka if settings.endpoint_publish_share else "",
        partitions=settings.partitions,
        publish_share=settings.endpoint_publish_share,
        default_maturity=settings.default_maturity,
        identities=identities_of(settings),
        card_bytes=settings.endpoint_cards_mb << 20,
    )


def is_secure(settings: Settings, host: str = "endpoint_host") -> bool:
    """Whether who asks must prove who they are: by the setting, else everywhere but on a loopback address. `host` is
    the setting of the address."""
    if settings.endpoint_security == "auto":
        return not is_loopback(getattr(settings, host))
    return settings.endpoint_security == "on"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    return ip_address(address_of(host).partition("%")[0]).is_loopback


def tokens_of(settings: Settings, host: str) -> TokenConfig:
    """How tokens are checked. Raises `EndpointRefused` without a key; `host` is the setting of the address."""
    key_file, jwks_url = settings.endpoint_jwt_key_file, settings.endpoint_jwks_url
    if bool(key_file) == bool(jwks_url):
        raise EndpointRefused(
            f"{variable(host)}={getattr(settings, host)} is reachable from elsewhere or security is on, so "
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
        leeway_s=settings.endpoint_jwt_leeway_s,
        jwks_refresh_s=settings.endpoint_jwks_refresh_s,
        jwks_stale_s=settings.endpoint_jwks_stale_s,
    )


def _key(file: Path) -> str:
    try:
        key = file.read_text().strip()
    except OSError as error:
        raise EndpointRefused(f"{variable('endpoint_jwt_key_file')}={file}: {error.strerror}") from error
    if len(key) < 32:
        raise EndpointRefused(f"{variable('endpoint_jwt_key_file')}={file} holds less than 32 characters")
    return key


def check_certificate(settings: Settings) -> None:
    """Raises `EndpointRefused` when the files of HTTPS cannot be used."""
    certificate, key = settings.endpoint_tls_cert_file, settings.endpoint_tls_key_file
    names = variable("endpoint_tls_cert_file"), variable("endpoint_tls_key_file")
    if certificate is None:
        if key is not None:
            raise EndpointRefused(f"{names[1]} is set without {names[0]}")
        return
    for name, file in zip(names, (certificate, key or certificate), strict=True):
        try:
            file.read_bytes()
        except OSError as error:
            raise EndpointRefused(f"{name}={file}: {error.strerror}") from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise EndpointRefused(f"{' and '.join(names)} are no certificate and its key in PEM: {error.reason}") from error


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes the requests under way. A worker that dies is replaced."""
    require_usable_redis(settings)
    require_usable_kafka(settings)
    require_tracing(settings)
    check_certificate(settings)
    endpoint_config(settings)  # a mistake ends the command here, not every worker
    if not is_secure(settings) and not is_loopback(settings.endpoint_host):
        sys.stderr.write(f"freshet: anybody who reaches {settings.endpoint_host} may read every user's list\n")
    address = address_of(settings.endpoint_host)
    with sole_listener(address, settings.endpoint_port):
        be_supervisor()
        os.environ[variable("endpoint_host")] = address  # for the workers: a name may mean another one meanwhile
        shared: OwnFolder | None = None
        if settings.endpoint_metrics_dir is None:
            shared = OwnFolder(settings.state_dir / "endpoint-metrics" / str(settings.endpoint_port), new_instance())
            os.environ[variable("endpoint_metrics_dir")] = str(shared.path)
        else:
            settings.endpoint_metrics_dir.mkdir(parents=True, exist_ok=True)
        server_of(
            settings,
            "ops.processes.endpoint_process:build_app",
            address,
            settings.endpoint_port,
            settings.endpoint_workers,
        ).serve()
        if shared is not None:
            shared.close()


def be_supervisor() -> None:
    """Tells the processes that this one starts whom they end with."""
    os.environ[_SUPERVISOR] = str(os.getpid())


def server_of(
    settings: Settings, target: str, address: str, port: int, workers: int, process: str = "endpoint"
) -> Any:  # granian exports no type of it
    """granian in front of what `target` names (`module:function` that makes an ASGI app)."""
    return Server(
        target,
        factory=True,
        address=address,
        port=port,
        workers=workers,
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
        log_dictconfig=granian_logs(settings, process),
        ssl_cert=settings.endpoint_tls_cert_file,
        ssl_key=settings.endpoint_tls_key_file or settings.endpoint_tls_cert_file,
        ssl_protocol_min=SSLProtocols.tls12,
    )
