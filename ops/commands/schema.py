"""`freshet schema`: the machine-readable contracts with producers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.output import echo_json
from streams.contract.schemas import schemas
from streams.kafka.asyncapi import asyncapi


def register(app: typer.Typer) -> None:
    """Adds the command."""

    @app.command()
    def schema(
        name: Annotated[str, typer.Argument(help="Kind of record: interaction, item or profile.")] = "interaction",
        with_asyncapi: Annotated[
            bool, typer.Option("--asyncapi", help="Print the AsyncAPI 3 document of all topics instead.")
        ] = False,
        write: Annotated[
            Path | None, typer.Option(help="Folder to write all documents into, instead of printing one.")
        ] = None,
    ) -> None:
        """Print the JSON Schema of a record that producers send, generated from the code that parses it."""
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


def documents_by_file() -> dict[str, dict[str, Any]]:
    """Every document under the name of its file in docs/schemas."""
    return {f"{name}.schema.json": document for name, document in schemas().items()} | {"asyncapi.json": asyncapi()}


def text_of(document: dict[str, Any]) -> str:
    """A document as it is checked in."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
