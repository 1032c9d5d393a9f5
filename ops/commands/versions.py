"""`freshet versions`: what versions there are, who is served by which, and how far they are."""

from typing import Any

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(versions)


def versions(json: JsonOption = False) -> None:
    """List all model versions: state, share of users, lag, figures, and the last switches.

    candidate = reads the log and serves nobody; live = serves; previous = served and goes on folding, so that
    `freshet rollback` is instant and fresh; retired = its topics, group and keys are gone. Lag counts records of
    user.interactions that the version has not folded. Code is what the workers that live run: release and revision.
    """
    from ops.operator.inspect.running import run
    from ops.operator.versions.list import read_versions

    settings = command_settings()
    found = run(read_versions(settings.kafka, settings.redis_url, settings.namespace))
    _print(found)
    if json:
        print_json(found)


def _print(found: dict[str, Any]) -> None:
    from rich.table import Column, Table

    table = Table(Column("Version", no_wrap=True), "State", "Users", "Lag", "Workers", "Code", "Since", "Figures")
    for row in found["versions"]:
        cells = (
            row["version"],
            row["state"],
            f"{row['percent']} %" if row["percent"] else "",
            "" if row["lag"] is None else str(row["lag"]),
            "" if row["workers"] is None else str(row["workers"]),
            "\n".join(row["code"]),
            (row["created"] or "")[:16].replace("T", " "),
            _in_words(row["figures"]),
        )
        table.add_row(*cells)
    console().print(table)
    for switch in found["switches"][-5:]:
        weights = ", ".join(f"{version} {weight} %" for version, weight in switch["weights"].items())
        forced = ", forced" if switch["forced"] else ""
        console().print(f"{switch['when']}  {switch['action']} to {weights}, by {switch['who']}{forced}", markup=False)


def _in_words(figures: dict[str, Any]) -> str:
    """What was measured about a version, one thing a line."""
    lines = []
    if figures.get("hr_at_10") is not None:
        lines.append(f"HR@10 {figures['hr_at_10']:.4f} of {figures['judged_events']:,} events")
    quality = figures.get("quality")
    if quality and quality["low"] is not None:
        told = f"{quality['difference']:+.4f} ({quality['low']:+.4f} to {quality['high']:+.4f})"
        lines.append(f"{quality['metric']} {told} against {quality['against']}")
    if figures.get("events_per_cpu_s") is not None:
        lines.append(f"{figures['events_per_cpu_s']:,.0f} events a second of CPU")
    if "gate" in figures:
        lines.append(f"gate: {_verdict(figures['gate'])}")
    return "\n".join(lines)


def _verdict(gate: dict[str, Any]) -> str:
    against = len(gate["against"])
    if not against:
        return "passed"
    return "undecided" if gate.get("undecided") else f"{against} reason{'s' * (against > 1)} against it"
