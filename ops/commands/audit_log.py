"""`freshet audit-log`: who changed what."""

from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("audit-log")(audit_log)


def audit_log(
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of commands to show, the newest ones.")] = 20,
    command: Annotated[
        str, typer.Option("--command", help="Only commands that begin so, for example erase or partition.")
    ] = "",
    who: Annotated[str, typer.Option("--who", help="Only of this operator or user of Kafka.")] = "",
    json: JsonOption = False,
) -> None:
    """Show the commands that changed something: who gave them, when, and what became of them, refused ones included.

    Every such command is noted in freshet.audit before it does anything, and is refused when it cannot be. `who` is
    what the operator's machine says; a user of Kafka is what the broker let in.
    """
    from rich.markup import escape
    from rich.table import Column, Table

    from ops.operator.audit_log.read import read_audit
    from ops.operator.inspect.running import run
    from serving.fragments import rfc3339
    from streams.kafka.topics import Topics

    settings = command_settings()
    found = [
        one
        for one in run(read_audit(settings.kafka, Topics(settings.namespace)))
        if one.begun.command.startswith(command) and (not who or who in (one.begun.who, one.begun.kafka_user))
    ]
    table = Table(Column("When", no_wrap=True), "Who", "Kafka user", "Command", "Arguments", "Result", "Why")
    for one in found[-limit:]:
        arguments = ", ".join(f"{name}={value}" for name, value in one.begun.arguments.items() if value)
        result, why = ("not known", "") if one.ended is None else (one.ended.result, one.ended.detail)
        when = rfc3339(one.begun_ms)[:19]
        cells = (when, one.begun.who, one.begun.kafka_user, one.begun.command, arguments, result, why)
        table.add_row(*map(escape, cells))
    console().print(table)
    if json:
        print_json({"count": len(found), "commands": [one.as_dict() for one in found[-limit:]]})
