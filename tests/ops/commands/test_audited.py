"""Which commands are noted, and what becomes of what they do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from ops.cli import build_app
from ops.commands import audited as subject
from ops.commands.audited import audited
from ops.exit_codes import CommandFailed, ExitCode

#: What changes nothing that others see, or is a process or a producer: Kafka's and the processes' own logs tell.
NOT_NOTED = {
    "acls", "audit", "audit-log", "bench", "collect", "compare", "config", "demo", "dlq list", "dlq show", "doctor",
    "down", "evaluate", "experiment assign", "experiment list", "experiment report", "experiment show",
    "experiment size",
    "inspect item", "inspect user", "lag", "logs", "publish", "rule list",
    "rule show", "scale", "schema", "schema apply", "serve", "simulate",
    "sink", "snapshot list", "status", "storefront", "train", "up", "versions", "why", "worker",
}  # fmt: skip


def commands(app: typer.Typer, above: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in app.registered_commands:
        assert command.callback is not None
        yield f"{above}{command.name or command.callback.__name__}", command.callback
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{above}{group.name} " if group.name else above)


def test_every_command_that_changes_something_is_noted_under_its_name() -> None:
    found = dict(commands(build_app()))
    noted = {name: getattr(callback, "audited_as", None) for name, callback in found.items()}
    assert {name: said for name, said in noted.items() if said is not None} == {
        name: name for name in found if name.partition(" ")[0] != "bench" and name not in NOT_NOTED
    }


class Noting:
    """In the place of a command's notes."""

    def __init__(self) -> None:
        self.said: list[object] = []
        self.refusal: Exception | None = None

    def begin(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.said.append("begun")

    def end(self, code: int, detail: str) -> None:
        self.said.append((code, detail))


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Noting:
    made = Noting()
    monkeypatch.setattr(subject, "_command", lambda *_: made)
    return made


@pytest.mark.parametrize(
    ("failure", "noted"),
    [
        (None, (ExitCode.OK, "")),
        (typer.Exit(1), (ExitCode.CHECK_FAILED, "")),
        (CommandFailed("not that"), (ExitCode.CHECK_FAILED, "not that")),
        (KeyboardInterrupt(), (ExitCode.INTERRUPTED, "")),
        (ValueError("of what is secret"), (ExitCode.BUG, "ValueError")),
    ],
)
def test_every_end_is_noted(noting: Noting, failure: BaseException | None, noted: tuple[int, str]) -> None:
    @audited("work")
    def work() -> None:
        assert noting.said == ["begun"]
        if failure is not None:
            raise failure

    if failure is None:
        work()
    else:
        with pytest.raises(type(failure)):
            work()
    assert noting.said == ["begun", noted]


def test_what_cannot_be_noted_does_not_begin(noting: Noting) -> None:
    noting.refusal = CommandFailed("no log")
    done: list[int] = []

    @audited("work")
    def work() -> None:
        done.append(1)

    with pytest.raises(CommandFailed, match="no log"):
        work()
    assert not done


def test_an_end_that_cannot_be_noted_is_said(noting: Noting, capsys: pytest.CaptureFixture[str]) -> None:
    @audited("make", makes_the_log=True)
    def make() -> None:
        noting.refusal = CommandFailed("no log")

    make()
    assert "not in the audit log: no log" in capsys.readouterr().err


def test_what_only_looks_is_not_noted(noting: Noting) -> None:
    @audited("look", unless="dry_run")
    def look(*, dry_run: bool) -> None:
        """Nothing."""

    look(dry_run=True)
    assert not noting.said
    look(dry_run=False)
    assert noting.said == ["begun", (ExitCode.OK, "")]
