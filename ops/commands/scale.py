"""`freshet scale`: who works on what, and how many workers could."""

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(scale)


def scale(json: JsonOption = False) -> None:
    """Show the workers of this version, what each owns, and how many would have work.

    Freshet scales by starting and stopping `freshet worker` processes, on any machine; nothing else is to be told. One
    worker is one process and one CPU core. Kafka deals out the input partitions: those of user.interactions (fold
    users, write lists) and those of item.deltas (count items). A partition belongs to one worker at a time, so with P
    partitions of each, 2P workers have work and more are spares that take over when another fails. One user's events
    are always folded by one worker: a partition cannot go faster than one core.

    A worker that starts or stops makes the group rebalance: all partitions pause for about a second, moved ones are
    restored from their changelogs first. A worker that is killed is noticed after FRESHET_SESSION_TIMEOUT_S.

    The number of partitions is fixed for the life of a log, because users would move between partitions and their
    rows with their order would be split. To grow means a new namespace with more partitions, into which the old log is
    copied before producers and readers move; no command does that yet. So choose generously at first: idle partitions
    cost little.
    """
    from ops.operator.inspect.running import run
    from ops.operator.inspect.scale import read_scale
    from streams.kafka.topics import Topics

    settings = command_settings()
    found = run(read_scale(settings.kafka, Topics(settings.namespace, settings.model_version)))
    for member in found.members:
        console().print(f"{member.member_id} at {member.host}: {', '.join(member.partitions) or 'spare'}", markup=False)
    console().print(
        f"group {found.group} ({found.state}): {len(found.members)} workers, work for up to {found.input_partitions}, "
        f"{found.user_partitions} of them on users",
        markup=False,
    )
    if json:
        print_json(found.as_dict())
