"""`freshet promote`: gives a version a share of the users, or all."""

from typing import Annotated

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, complaints, console, print_json

_PERCENTS = (5, 25, 100)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(promote)


def _checked(percent: int) -> int:
    if percent not in _PERCENTS:
        raise typer.BadParameter("5, 25 or 100")
    return percent


@audited("promote")
def promote(
    version: Annotated[str, typer.Argument(help="The version to serve.")],
    percent: Annotated[int, typer.Option(help="Share of users to serve: 5, 25 or 100 %.", callback=_checked)] = 100,
    force: Annotated[
        bool, typer.Option("--force", help="Promote although the gate refuses; recorded with the switch.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Let a version serve 5, 25 or all users, atomically and without a restart.

    Refuses, with every reason and exit code 1, unless workers of the version are alive, it has folded and listed
    everything up to the last seconds, every active user has a list, no record ended its workers, it can use as many
    records, its lists are not suspiciously unlike the live ones, and over the events that both versions evaluated its
    quality is not below the live version's by more than FRESHET_QUALITY_MARGIN, nor too high to be true. The users of
    5 % are among those of 25 %. The version before goes on folding until it is retired.
    """
    from offline.versions.gate import GateLimits
    from offline.versions.verdict import QualityLimits, only_undecided
    from ops.operator.inspect.running import run
    from ops.operator.versions.switches import NotSwitched, Switching

    settings = command_settings()
    switching = Switching(
        settings.kafka,
        settings.redis_url,
        settings.namespace,
        GateLimits(quality=QualityLimits(margin=settings.quality_margin)),
    )
    try:
        switch = run(switching.promote(version, percent, force=force))
    except NotSwitched as refusal:
        complaints().print(str(refusal), markup=False, soft_wrap=True)
        if json:
            undecided = only_undecided(refusal.reasons)
            print_json(
                {"switched": False, "version": version, "percent": percent, "undecided": undecided}
                | {"reasons": refusal.reasons}
            )
        raise typer.Exit(ExitCode.CHECK_FAILED) from None
    weights = ", ".join(f"{name} {weight} %" for name, weight in switch.weights.items())
    console().print(f"switch {switch.sequence}: {weights}{' (forced)' if switch.forced else ''}", markup=False)
    if json:
        print_json({"switched": True, "sequence": switch.sequence, "weights": switch.weights, "forced": switch.forced})
