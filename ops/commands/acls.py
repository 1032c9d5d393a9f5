"""`freshet acls`: what each kind of process must be allowed to do in Kafka."""

import shlex
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json
from streams.kafka.roles import Grant, Role, grants
from streams.kafka.topics import Topics


class Format(StrEnum):
    """How the list is printed."""

    TABLE = "table"
    KAFKA_ACLS = "kafka-acls"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(acls)


def acls(
    role: Annotated[Role | None, typer.Option(help="Of one role only.", show_default=False)] = None,
    principal: Annotated[
        str, typer.Option(help="Whom to grant it to; {role} is the role's name.")
    ] = "User:freshet-{role}",
    form: Annotated[
        Format, typer.Option("--format", help="A table, or commands of Kafka's own tool, one a resource.")
    ] = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """Print what each kind of process, producers and operators must be allowed to do in Kafka, and no more.

    Of the namespace in force, and of all model versions in it. Changes nothing: the commands of `--format kafka-acls`
    are for a shell that has kafka-acls.sh, BOOTSTRAP, and ADMIN, a file for its --command-config.
    """
    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    wanted = {one: grants(one, topics) for one in ([role] if role is not None else Role)}
    if form is Format.KAFKA_ACLS:
        for one, granted in wanted.items():
            for grant in granted:
                typer.echo(kafka_acls(grant, principal.format(role=one.value)))
    else:
        for one, granted in wanted.items():
            console().print(f"{one.value} ({principal.format(role=one.value)})", markup=False, style="bold")
            for grant in granted:
                name = grant.name + ("*" if grant.prefixed else "")
                console().print(
                    f"  {grant.resource:17} {name:36} {', '.join(grant.operations)}", markup=False, soft_wrap=True
                )
    if json:
        print_json(
            {
                one.value: {
                    "principal": principal.format(role=one.value),
                    "grants": [asdict(grant) for grant in granted],
                }
                for one, granted in wanted.items()
            }
        )


def kafka_acls(grant: Grant, principal: str) -> str:
    """The command that grants it."""
    operations = [part for operation in grant.operations for part in ("--operation", operation)]
    resource = [f"--{grant.resource}"] + ([] if grant.resource == "cluster" else [grant.name])
    pattern = ["--resource-pattern-type", "prefixed"] if grant.prefixed else []
    told = ["--add", "--allow-principal", principal, *operations, *resource, *pattern]
    return f'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" {shlex.join(told)}'
