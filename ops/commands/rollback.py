"""`freshet rollback`: gives everybody back to the version before."""

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(rollback)


@audited("rollback")
def rollback(json: JsonOption = False) -> None:
    """Let the version that served everybody before serve everybody again, at once and with fresh lists.

    Its workers went on folding; `freshet versions` says how far they are and which version it is (`rollback_to`). Exit
    code 1 when there is none.
    """
    from ops.operator.inspect.running import run
    from ops.operator.versions.switches import Switching

    settings = command_settings()
    switch = run(Switching(settings.kafka, settings.redis_url, settings.namespace).rollback())
    console().print(f"switch {switch.sequence}: everybody is served by {switch.leader}", markup=False)
    if json:
        print_json({"switched": True, "sequence": switch.sequence, "weights": switch.weights})
