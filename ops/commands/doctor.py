"""`freshet doctor`: what of the servers would make lists late, lost or wrong."""

from dataclasses import asdict

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json

_MARKS = {"good": "ok     ", "warning": "warning", "wrong": "WRONG  ", "away": "AWAY   "}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


def doctor(json: JsonOption = False) -> None:
    """Look at Kafka, Redis and this machine, and say what is not as it should be, and what to do.

    Kafka's version, clock, disks, brokers, topics with their settings, misplaced profiles, unreadable rules, and ACLs;
    Redis' version, kind, memory, `maxmemory-policy` and clock; the state folder and its disk. Changes nothing.
    Exit code 1 when something is wrong, 3 when a server does not answer; a warning alone is 0.
    """
    from ops.operator.doctor.examine import examine

    findings = examine(command_settings())
    for finding in findings:
        console().print(f"{_MARKS[finding.state]} {finding.about}: {finding.found}", markup=False, soft_wrap=True)
        if finding.advice:
            console().print(f"        {finding.advice}", markup=False, soft_wrap=True)
    if json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    states = {finding.state for finding in findings}
    if "away" in states:
        raise typer.Exit(ExitCode.UNREACHABLE)
    if "wrong" in states:
        raise typer.Exit(ExitCode.CHECK_FAILED)
