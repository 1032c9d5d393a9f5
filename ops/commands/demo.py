"""`freshet demo`: everything at once, for a look."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from ops.exit_codes import CommandFailed, ExitCode
from ops.output import JsonOption, console, print_json


class DataMissing(CommandFailed):
    """The data set is not where it should be."""

    code = ExitCode.USAGE


class RedisAway(CommandFailed):
    """Redis stopped answering in mid-run."""

    code = ExitCode.UNREACHABLE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(demo)


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            help="MovieLens 100K: the folder of u.data, or one that holds ml-100k/. Without it: simulated users."
        ),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Seconds of traffic.")] = 30,
    json: JsonOption = False,
) -> None:
    """Watch events become lists: two workers and the endpoint under live traffic, in a namespace of their own.

    Starts a Kafka and a Valkey unless they run, publishes a few hundred events a second, shows one user's events and
    list side by side, and accounts for every event at the end; exit code 1 unless every one is accounted for.
    Everything it started or created is gone afterwards, also after Ctrl-C.
    """
    from redis.exceptions import RedisError

    from offline.datasets.dataset import DatasetError
    from ops.configuration.settings_sources import load_settings
    from ops.demo.run import run_demo
    from ops.demo.traffic import traffic_from
    from ops.demo.view import view_for
    from ops.processes.interrupts import Interrupted
    from ops.processes.kept_together import KeptTogether

    # Kafka's clients warn of every retry after topics were just created; what stays wrong raises.
    for client in ("aiokafka", "kafka"):
        logging.getLogger(client).setLevel(logging.ERROR)
    KeptTogether()  # servers that this one starts go with it even when it is killed; those that were there stay
    view = view_for(console())
    try:
        summary = run_demo(load_settings(), traffic_from(data, seconds), view)
    except DatasetError as missing:
        raise DataMissing(str(missing)) from missing
    except RedisError as failure:
        raise RedisAway(f"Redis: {failure}") from failure
    except Interrupted as interrupted:
        view.say(f"{interrupted}: everything that the demo started is stopped and removed")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    console().print(summary.table())
    problems = summary.problems()
    for problem in problems:
        view.notice(problem)
    if json:
        print_json(summary.as_dict())
    if problems:
        raise typer.Exit(ExitCode.CHECK_FAILED)
