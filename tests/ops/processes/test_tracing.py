"""Traces are off unless they are asked for, and asking for them without what makes them is one clear error."""

import subprocess
import sys

import pytest

from ops.configuration.settings import Settings
from ops.exit_codes import ExitCode
from ops.processes.tracing import NoTracing, require_tracing, traces_of

_IMPORTS = """
import sys
import agents.worker, ops.processes.worker_process, ops.processes.endpoint_process, ops.processes.tracing
from ops.configuration.settings import Settings
assert ops.processes.tracing.traces_of(Settings(), "worker") is None
ours = ("opentelemetry.exporter", "agents.record_traces", "agents.traced", "serving.endpoint.traced")
print([name for name in sys.modules if name.startswith(ours)])
"""


def test_nothing_is_imported_when_traces_are_off() -> None:
    # What other libraries import of OpenTelemetry when they find it (redis-py does) is theirs.
    done = subprocess.run([sys.executable, "-c", _IMPORTS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = Settings(otlp_url="http://127.0.0.1:4318")
    for ask in (require_tracing, lambda settings: traces_of(settings, "worker")):
        with pytest.raises(NoTracing, match=r"FRESHET_OTLP_URL=.*pip install 'freshet\[otel\]'") as refusal:
            ask(settings)
        assert refusal.value.code == ExitCode.USAGE
    require_tracing(Settings())  # nobody asks


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    traces = traces_of(Settings(otlp_url="http://127.0.0.1:9"), "worker")
    assert traces is not None
    for number in range(5_000):  # more than the queue takes
        traces.tracer.start_span(f"span {number}").end()
    traces.close()
