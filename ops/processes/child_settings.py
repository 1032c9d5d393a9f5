"""The command lines and environments of the demo's processes."""

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from ops.configuration.secret_files import FILES
from ops.configuration.settings import Settings, variable
from ops.processes.supervisor import ProcessSupervisor

WORKERS = 2
_FRESHET = (sys.executable, "-m", "ops.cli")


def environment_of(settings: Settings) -> dict[str, str]:
    """Our own environment with every setting spelled out, so that a child sees exactly `settings`."""
    given = {variable(name): getattr(settings, name) for name in Settings.model_fields}
    inherited = {name: value for name, value in os.environ.items() if name.upper() not in FILES}
    return inherited | {name: _text(value) for name, value in given.items() if value is not None}


def metrics_port_of(settings: Settings, number: int) -> int:
    """The port of child `number` (1 and up): those behind our own; 0 = none, as for us."""
    return settings.metrics_port + number if settings.metrics_port else 0


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def start_workers(supervisor: ProcessSupervisor, settings: Settings, folder: Path, count: int = WORKERS) -> None:
    """Starts `count` workers that log and keep their state in `folder`."""
    for number in range(1, count + 1):
        name = f"worker-{number}"
        # No fixed instance id: two workers cannot share one, and a fixed member would outlive its process in the group.
        update = {
            "state_dir": folder / name,
            "worker_instance_id": "",
            "metrics_port": metrics_port_of(settings, number),
        }
        own = settings.model_copy(update=update)
        supervisor.start(name, [*_FRESHET, "worker"], environment_of(own), folder / f"{name}.log")


def start_endpoint(supervisor: ProcessSupervisor, settings: Settings, folder: Path) -> None:
    """Starts the HTTP endpoint, which logs in `folder`."""
    supervisor.start("endpoint", [*_FRESHET, "serve"], environment_of(settings), folder / "endpoint.log")
