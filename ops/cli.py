"""The `freshet` command: puts the command groups together and turns failures into exit codes."""

import signal
import sys
import traceback
from types import ModuleType
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from ops.commands import (
    acls,
    archive,
    audit,
    audit_log,
    bench,
    collect,
    compare,
    config,
    demo,
    dlq,
    doctor,
    erase,
    evaluate,
    experiment,
    inspect,
    lag,
    panels,
    partition,
    promote,
    publish,
    replay,
    retire,
    rollback,
    rule,
    scale,
    schema,
    serve,
    servers,
    simulate,
    sink,
    snapshot,
    storefront,
    topics,
    train,
    versions,
    why,
    worker,
)
from ops.exit_codes import ExitCode
from ops.failures import told_failure
from ops.output import replace_unencodable

#: What each heading of `--help` holds, in the order in which a newcomer needs it.
PANELS: Final[dict[str, tuple[ModuleType, ...]]] = {
    panels.START: (demo, storefront),
    panels.SERVERS: (servers,),
    panels.LOG: (topics, publish, simulate, schema, acls),
    panels.RUN: (worker, serve, collect, sink),
    panels.LOOK: (config, doctor, lag, inspect, why, scale, audit_log, evaluate, bench),
    panels.REPAIR: (rule, dlq, partition, erase),
    panels.EXPERIMENTS: (experiment,),
    panels.VERSIONS: (train, archive, snapshot, replay, audit, compare, versions, promote, rollback, retire),
}

_HELP: Final = "\n\n".join(  # a paragraph each; line breaks inside one would be kept
    (
        "Freshet turns events in Kafka into finished recommendation lists in Redis, within a second of the click.",
        "[bold]In this order[/bold]: [cyan]up[/cyan] starts a Kafka and a Valkey, [cyan]topics create[/cyan] prepares "
        "the log, [cyan]worker[/cyan] folds events into lists, [cyan]serve[/cyan] hands the lists out.",
        "[bold]You send events?[/bold] Any Kafka client may; the record key is the user id. Pages and apps post them "
        "to [cyan]collect[/cyan]. [cyan]schema[/cyan] prints the contract.",
        "[bold]You show lists?[/bold] The endpoint of [cyan]serve[/cyan] is read-only HTTP and JSON.",
        "[bold]You run it?[/bold] [cyan]config[/cyan] and [cyan]status[/cyan] say what is in force and what answers, "
        "[cyan]doctor[/cyan] what is wrong with the servers, "
        "[cyan]lag[/cyan] and [cyan]inspect[/cyan] what goes on, [cyan]why[/cyan] what a list is made of.",
    )
)
_EPILOG: Final = (
    "Exit codes: 0 done, 1 a check failed, 2 wrong usage, setting or missing data, 3 a server does not answer, "
    "70 something unexpected, 71 another worker took over, 72 a transaction timed out, "
    "73 the log is another one (an operator decides), 130 interrupted. "
    "With --json the result is the last line of standard output. "
    "Settings: FRESHET_* variables, listed by `freshet config`."
)


class _InPanelOrder(TyperGroup):
    """Lists commands as `PANELS` has them; Typer would put nested groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # Typer does not export the type of its context
        return sorted(super().list_commands(ctx), key=self._place)

    def _place(self, name: str) -> int:
        command = self.commands[name]
        panel = command.rich_help_panel if isinstance(command, TyperCommand | TyperGroup) else None
        return list(PANELS).index(str(panel))


def build_app() -> typer.Typer:
    """The command with all its groups."""
    app = typer.Typer(
        name="freshet",
        cls=_InPanelOrder,
        help=_HELP,
        epilog=_EPILOG,
        rich_markup_mode="rich",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for panel, modules in PANELS.items():
        part = typer.Typer()
        for module in modules:
            module.register(part)
        for command in part.registered_commands:
            command.rich_help_panel = panel
        for group in part.registered_groups:
            group.rich_help_panel = panel
        app.add_typer(part)
    return app


def main() -> None:
    """Entry point of the `freshet` program."""
    replace_unencodable()
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C, so that what a command began is undone as then
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        build_app()()
    except Exception as failure:  # noqa: BLE001 - what is left is ours to mend; 1 would claim that a check failed
        if told := told_failure(failure):
            _complain(*told)
        traceback.print_exc()
        sys.exit(ExitCode.BUG)


def _complain(sentence: str, code: ExitCode) -> NoReturn:
    typer.echo(f"freshet: {sentence}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
