"""Commands that change something note who gave them, and what became of them: `@audited` on the command says so."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec

import typer

from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.failures import told_failure

if TYPE_CHECKING:
    from ops.operator.audit_log.write import AuditedCommand

P = ParamSpec("P")
#: Says how the result is printed, and changes nothing.
_OF_OUTPUT: Final = "json"


def audited(
    name: str,
    *,
    users: frozenset[str] = frozenset(),
    unless: str = "",
    makes_the_log: bool = False,
    check: Callable[..., object] | None = None,
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Notes the command `name` before it does anything, and its end; without the first it is refused.

    `users` are parameters that name a user. With the flag `unless` the command changes nothing and is not noted. A
    command that `makes_the_log` is noted when it has done so. `check` raises for arguments that mean nothing, which no
    server has to be asked about.
    """

    def decorate(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def noted(*args: P.args, **arguments: P.kwargs) -> None:
            if unless and arguments[unless]:
                return command(*args, **arguments)
            if check is not None:
                check(*args, **arguments)
            noting = _command(name, arguments, users)
            if not makes_the_log:
                noting.begin()
            code, detail = ExitCode.BUG, ""
            try:
                command(*args, **arguments)
                code = ExitCode.OK
            except typer.Exit as ended:
                code = ExitCode(ended.exit_code)
                raise
            except KeyboardInterrupt:
                code = ExitCode.INTERRUPTED
                raise
            except Exception as failure:
                detail, code = told_failure(failure) or (type(failure).__name__, ExitCode.BUG)
                raise
            finally:
                _end(noting, code, detail, begin=makes_the_log)
            return None

        noted.audited_as = name  # type: ignore[attr-defined]  # tests ask which commands are noted
        return noted

    return decorate


def _command(name: str, arguments: dict[str, Any], users: frozenset[str]) -> "AuditedCommand":
    from ops.operator.audit_log.write import AuditedCommand

    settings = command_settings(arguments.get("config"))
    return AuditedCommand(settings, name, {k: v for k, v in arguments.items() if k != _OF_OUTPUT}, users)


def _end(noting: "AuditedCommand", code: int, detail: str, *, begin: bool) -> None:
    from ops.exit_codes import CommandFailed
    from streams.kafka.errors import KafkaError

    if begin and code in (ExitCode.UNREACHABLE, ExitCode.USAGE):
        return  # without Kafka, or not let in, there is nothing to make and nowhere to say so
    try:
        if begin:
            noting.begin()
        noting.end(code, detail)
    except (CommandFailed, KafkaError) as failure:  # what happened has happened; how it ended must not hide that
        typer.echo(f"freshet: how this command ended is not in the audit log: {failure}", err=True)
