"""Where traces go: an OpenTelemetry collector, in the background and never in anybody's way."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from ops.configuration.settings import Settings, variable
from ops.exit_codes import CommandFailed, ExitCode
from serving.instance import new_instance

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class NoTracing(CommandFailed):
    """Traces are asked for, and cannot be made."""

    code = ExitCode.USAGE


class Traces(NamedTuple):
    """`close` sends what is left, for some seconds at most."""

    tracer: Tracer
    close: Callable[[], None]


def require_tracing(settings: Settings) -> None:
    """Raises `NoTracing` when traces are asked for and what makes them is not installed."""
    if not settings.otlp_url:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401
    except ImportError as error:
        raise NoTracing(
            f"{variable('otlp_url')}={settings.otlp_url} asks for traces, and OpenTelemetry is not installed: "
            f"pip install 'freshet[otel]' ({error})"
        ) from None


def traces_of(settings: Settings, process: str) -> Traces | None:
    """None when traces are off, and then nothing of OpenTelemetry is imported. `process` is worker or endpoint."""
    if not settings.otlp_url:
        return None
    require_tracing(settings)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    resource = Resource.create(
        {
            "service.name": f"freshet-{process}",
            "service.namespace": settings.namespace,
            "service.instance.id": new_instance(settings.worker_instance_id),
            "service.version": version("freshet"),
        }
    )
    # Whoever asks for a span has decided that there is to be one: by its parent, or by the share.
    provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{settings.otlp_url.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Traces(provider.get_tracer("freshet", version("freshet")), provider.shutdown)
