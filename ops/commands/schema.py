"""`freshet schema`: the machine-readable contracts with producers, and the tables of analytic stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import CommandFailed, ExitCode
from ops.output import JsonOption, console, echo_json, print_json
from streams.contract.schemas import schemas
from streams.kafka.asyncapi import asyncapi


class NoSuchStore(CommandFailed):
    """No tables are known for it."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def schema(
        name: Annotated[
            str, typer.Argument(help="Kind of record: interaction, item or profile; or apply, and a store.")
        ] = "interaction",
        store: Annotated[str, typer.Argument(help="With apply: cassandra or clickhouse.", show_default=False)] = "",
        with_asyncapi: Annotated[
            bool, typer.Option("--asyncapi", help="Print the AsyncAPI 3 document of all topics instead.")
        ] = False,
        write: Annotated[
            Path | None, typer.Option(help="Folder to write all documents into, instead of printing one.")
        ] = None,
        as_json: JsonOption = False,
    ) -> None:
        """Print the JSON Schema of a record that producers send, generated from the code that parses it.

        `freshet schema apply cassandra|clickhouse` makes the tables that the sink writes, says what is there and
        differs (exit code 1), and never alters or drops anything. May be run again at any time.
        """
        if name == "apply":
            apply(store, as_json)
            return
        documents = documents_by_file()
        if write is not None:
            write.mkdir(parents=True, exist_ok=True)
            for file, document in documents.items():
                (write / file).write_text(text_of(document), encoding="utf-8")
            return
        file = "asyncapi.json" if with_asyncapi else f"{name}.schema.json"
        if file not in documents:
            typer.echo(f"There is no schema {name!r}; choose interaction, item or profile.", err=True)
            raise typer.Exit(2)
        echo_json(text_of(documents[file]), nl=False)


def apply(store: str, as_json: bool) -> None:
    """Makes the tables of a store."""
    from ops.configuration.sinks import SCHEMAS

    if store not in SCHEMAS:
        raise NoSuchStore(f"there is no store {store!r} to make tables in; choose {' or '.join(SCHEMAS)}")
    report = SCHEMAS[store](command_settings())
    for difference in report.differs:
        console().print(str(difference), markup=False)
    console().print(f"{len(report.created)} tables made, {len(report.unchanged)} were right already")
    if as_json:
        print_json(report.as_dict())
    if report.differs:
        raise typer.Exit(ExitCode.CHECK_FAILED)


def documents_by_file() -> dict[str, dict[str, Any]]:
    """Every document under the name of its file in docs/schemas."""
    return {f"{name}.schema.json": document for name, document in schemas().items()} | {"asyncapi.json": asyncapi()}


def text_of(document: dict[str, Any]) -> str:
    """A document as it is checked in."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
