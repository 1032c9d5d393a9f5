"""`freshet compare`: how two versions differ."""

from pathlib import Path
from typing import Annotated

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(compare)


def compare(
    a: Annotated[str, typer.Argument(help="The version to compare with, usually the live one.")],
    b: Annotated[str, typer.Argument(help="The version to evaluate.")],
    users: Annotated[int, typer.Option(min=1, max=100_000, help="Number of users of A to sample.")] = 1000,
    html: Annotated[
        Path | None, typer.Option(help="File for the report.", show_default="compare-A-B.html here")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare two versions, quality, lists, speed and size, and write a report as one HTML file.

    Quality is evaluated by the events that both versions evaluated, with a 95 % interval of the difference. Lists are
    those stored for the same users: overlap of the first ten items, rank-biased overlap of whole lists (Webber, Moffat
    and Zobel 2010, p = 0.9), users without a list, lists that are not personal, coverage, genre mix, and the items that
    moved most. The sample is the same every time. The figures are kept with the versions: `freshet versions`.
    """
    import time

    from offline.versions.report import html_report, summary_rows
    from ops.operator.inspect.running import run
    from ops.operator.versions.comparison import compare_versions
    from serving.fragments import rfc3339

    settings = command_settings()
    found = run(compare_versions(settings.kafka, settings.redis_url, settings.namespace, a, b, users))
    report = html or Path(f"compare-{a}-{b}.html")
    made_at = rfc3339(time.time_ns() // 1_000_000)
    report.write_text(html_report(found.lists, found.quality, found.figures, found.titles, made_at), encoding="utf-8")
    from rich.table import Table

    table = Table(f"{found.lists.compared} of {found.lists.users} users", a, b)
    for row in summary_rows(found.lists, found.quality, found.figures):
        table.add_row(*row)
    console().print(table)
    console().print(f"report: {report}", markup=False, soft_wrap=True)
    if json:
        print_json({**found.as_dict(), "report": str(report.absolute())})
