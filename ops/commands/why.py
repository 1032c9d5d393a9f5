"""`freshet why`: every score, weight and rule behind an item on a user's list, or behind its absence."""

import time
from typing import Annotated, Any

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("why")(why)


def why(
    user_id: Annotated[str, typer.Argument(help="The user's id.")],
    item_id: Annotated[str, typer.Argument(help="The item's id.")],
    json: JsonOption = False,
) -> None:
    """Say why an item is on a user's list or not: every score, weight and rule.

    Makes the list again from what the topics hold now, with the settings in force here: run it with those of the
    workers. `stored_slot` is where the item stands on the list in Redis, which may be older.
    """
    from ops.configuration.identities import identities_of
    from ops.configuration.sequence_models import sequence_model_of
    from ops.operator.inspect.running import run
    from ops.operator.inspect.why import explain
    from ops.processes.worker_process import rerank_settings
    from ranking.settings import RankingSettings
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    found = run(
        explain(
            settings.kafka,
            settings.redis_url,
            topics,
            user_id,
            item_id,
            time.time_ns() // 1_000_000,
            settings.list_size,
            RankingSettings(rerank_settings(settings)),
            identities_of(settings),
            settings.default_maturity,
            sequence_model_of(settings),
        )
    )
    _print(found)
    if json:
        print_json(found)


def _print(found: dict[str, Any]) -> None:
    """The verdict first, then every value; parts of a value on lines of their own."""
    out = console()
    out.print(f"{found['item_id']} ({found['title']}) for {found['user_id']}: {found['verdict']}", markup=False)
    for name, value in found.items():
        if isinstance(value, dict):
            lines = [f"  {key}: {part}" for key, part in value.items()]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines = ["  " + ", ".join(f"{key} {part}" for key, part in entry.items()) for entry in value]
        else:
            out.print(f"{name}: {value}", markup=False, soft_wrap=True)
            continue
        out.print(f"{name}:", markup=False)
        for line in lines:
            out.print(line, markup=False, soft_wrap=True)
