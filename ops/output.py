"""How commands speak: people read standard error and standard output, programs read the last line of the latter.

What is no terminal gets lines for programs and logs: one record a line, nothing cut or wrapped to a width that nobody
has. A character that the encoding of an output lacks is replaced, never a failure.
"""

import functools
import io
import json
import sys
from typing import TYPE_CHECKING, Annotated, TextIO

import orjson
import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object, as the last line of standard output.")
]
#: Wider than any record.
_NO_WIDTH = 1_000_000


def replace_unencodable() -> None:
    """Lets both outputs write every text. Call it before anything is written."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@functools.cache
def console() -> "Console":
    """Standard output for people (rich takes a while to import, so only when something is said)."""
    return _console_of(sys.stdout)


@functools.cache
def complaints() -> "Console":
    """Standard error for people."""
    return _console_of(sys.stderr)


def _console_of(stream: TextIO) -> "Console":
    from rich.console import Console
    from rich.table import Table

    class Lines(Console):
        """For programs and logs."""

        def print(self, *objects: object, **how: object) -> None:
            for table in objects:
                if isinstance(table, Table):
                    _make_lines(table)
            super().print(*objects, **how)  # type: ignore[arg-type]

    def _make_lines(table: Table) -> None:
        table.box, table.pad_edge = None, False
        for column in table.columns:
            column._cells = [_one_line(cell) if isinstance(cell, str) else cell for cell in column._cells]

    is_standard_error = stream is sys.stderr
    if Console(stderr=is_standard_error).is_terminal:
        return Console(stderr=is_standard_error, highlight=False)
    return Lines(stderr=is_standard_error, highlight=False, width=_NO_WIDTH)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def print_json(result: object) -> None:
    """The result for programs: one line of JSON. Print nothing after it."""
    echo_json(orjson.dumps(result).decode())


def echo_json(text: str, *, nl: bool = True) -> None:
    """JSON as it is, or with escapes for all but ASCII where the output's encoding lacks a character."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text)  # only strings hold such characters
    typer.echo(text, nl=nl)
