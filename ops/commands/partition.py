"""`freshet partition`: stops and continues the consumption of one input partition."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from aiokafka.structs import TopicPartition

    from ops.configuration.settings import Settings
    from streams.kafka.topics import Topics

PartitionArgument = Annotated[
    str,
    typer.Argument(
        metavar="[TOPIC:]N", help="Input partition: N of user.interactions, or TOPIC:N of it or of item.deltas.VERSION."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    partition = typer.Typer(no_args_is_help=True, help="Stop and continue the consumption of one input partition.")
    partition.command("pause")(pause)
    partition.command("resume")(resume)
    app.add_typer(partition, name="partition")


def _parsed(partition: str, **_: object) -> "tuple[Settings, Topics, TopicPartition]":
    from ops.operator.inspect.pauses import parse_partition
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    return settings, topics, parse_partition(partition, topics)


@audited("partition pause", check=_parsed)
def pause(partition: PartitionArgument, json: JsonOption = False) -> None:
    """Make workers of this version leave an input partition alone until `resume`; restarts do not end a pause.

    Workers notice within a second, finish the batches they hold, and go on with all other partitions; the users of the
    paused one keep their lists, which are renewed but learn nothing new. `freshet lag` shows what is paused.
    """
    _set(partition, paused=True, json=json)


@audited("partition resume", check=_parsed)
def resume(partition: PartitionArgument, json: JsonOption = False) -> None:
    """Let workers go on with a paused partition where they stopped; they notice within a second."""
    _set(partition, paused=False, json=json)


def _set(text: str, *, paused: bool, json: bool) -> None:
    from ops.operator.inspect.pauses import set_pause
    from ops.operator.inspect.running import run

    settings, topics, tp = _parsed(text)
    run(set_pause(settings.kafka, topics, tp, paused=paused))
    console().print(f"{tp.topic}:{tp.partition} is {'paused' if paused else 'resumed'}", markup=False)
    if json:
        print_json({"topic": tp.topic, "partition": tp.partition, "paused": paused})
