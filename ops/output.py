"""How commands speak: people read standard error and standard output, programs read the last line of the latter."""

import functools
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object, as the last line of standard output.")
]


@functools.cache
def console() -> "Console":
    """Standard output for people (rich takes a while to import, so only when something is said)."""
    from rich.console import Console

    return Console(highlight=False)


@functools.cache
def complaints() -> "Console":
    """Standard error for people."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def print_json(result: object) -> None:
    """The result for programs: one line of JSON. Print nothing after it."""
    typer.echo(orjson.dumps(result).decode())
