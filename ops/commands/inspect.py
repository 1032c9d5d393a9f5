"""`freshet inspect`: all that the system holds of one user or item."""

from typing import Annotated, Any

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    inspect = typer.Typer(no_args_is_help=True, help="Show everything that is held of one user or item, and why.")
    inspect.command("user")(user)
    inspect.command("item")(item)
    app.add_typer(inspect, name="inspect")


def user(user_id: Annotated[str, typer.Argument(help="The user's id.")], json: JsonOption = False) -> None:
    """Show a user's row, its offsets, the list in Redis and the reason of each item.

    The row contains every event before `rows_contain_before`; the list reflects the log up to `as_of`. A list whose
    as_of is behind the row's last_offset is about to be written again.
    """
    from ops.configuration.identities import identities_of
    from ops.operator.inspect.running import run
    from ops.operator.inspect.user import inspect_user
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    found = run(
        inspect_user(
            settings.kafka,
            settings.redis_url,
            topics,
            user_id,
            settings.allowed_lateness_s * 1000,
            identities_of(settings),
        )
    )
    _print(found, nested=("list", "continue_watching"))
    if found["list"] is not None:
        for entry in found["list"]["items"]:
            why = f"[{entry['reason_code']}] {entry['reason']}"
            line = f"  {entry['score']:.4f}  {entry['item_id']}  {entry['title']}  {why}"
            console().print(line, markup=False, soft_wrap=True)
    if json:
        print_json(found)


def item(item_id: Annotated[str, typer.Argument(help="The item's id.")], json: JsonOption = False) -> None:
    """Show an item's catalogue entry, counts, hours, strongest neighbours and the similar list in Redis."""
    from ops.operator.inspect.item import inspect_item
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    found = run(inspect_item(settings.kafka, settings.redis_url, topics, item_id))
    _print(found, nested=("similar",))
    if json:
        print_json(found)


def _print(found: dict[str, Any], nested: tuple[str, ...]) -> None:
    """Every value on a line of its own; of the nested lists what is true of them as a whole."""
    for name, value in found.items():
        if name in nested and value is not None:
            value = {key: part for key, part in value.items() if key != "items"} | {"items": len(value["items"])}
        console().print(f"{name}: {value}", markup=False, soft_wrap=True)
