"""`freshet retire`: ends a version and frees what it holds."""

from typing import Annotated

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(retire)


@audited("retire")
def retire(
    version: Annotated[str, typer.Argument(help="The version to remove.")],
    wait_s: Annotated[float, typer.Option("--wait-s", min=1, help="Seconds to wait for its workers to end.")] = 60.0,
    json: JsonOption = False,
) -> None:
    """Remove a version that serves nobody: its workers end, its group, topics and Redis keys go, its name stays taken.

    Refuses a live version. Afterwards no rollback leads to it. May be run again when it was interrupted.
    """
    from ops.operator.inspect.running import run
    from ops.operator.versions.switches import Switching

    settings = command_settings()
    switching = Switching(settings.kafka, settings.redis_url, settings.namespace)
    removed, keys = run(switching.retire(version, wait_s))
    console().print(
        f"{version} is retired; removed: topics {len(removed.topics)}, groups {len(removed.groups)}, keys {keys}",
        markup=False,
    )
    if version == settings.model_version:
        console().print(
            f"FRESHET_MODEL_VERSION still says {version} here: set it to the version that serves, for workers and "
            "commands alike",
            markup=False,
        )
    if json:
        print_json({"version": version, "topics": removed.topics, "groups": removed.groups, "keys": keys})
