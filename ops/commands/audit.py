"""`freshet audit`: did a replay know what it must not have known?"""

from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def audit(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Name of a version that was built by a replay.")],
    json: JsonOption = False,
) -> None:
    """Look for leaks in what a replayed version wrote down; exit code 1 when there is one.

    Events evaluated by items that knew later ones, partitions folded further apart in event time than
    FRESHET_REPLAY_MAX_SKEW_S, features that tell the label. Reads judged.events, item.deltas and ranker.examples of the
    version.
    """
    from ops.operator.inspect.running import run
    from ops.operator.replay.leaks import audit as look
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, version)
    found = run(look(settings.kafka, topics, settings.replay_max_skew_s * 1000))
    looked_at = f"{found.judged_events} judged events, {found.batches} batches, {found.examples} examples"
    for line in found.leaks or [f"no leak in {looked_at}"]:
        console().print(line, markup=False)
    if json:
        print_json(found.as_dict())
    if found.leaks:
        raise typer.Exit(ExitCode.CHECK_FAILED)
