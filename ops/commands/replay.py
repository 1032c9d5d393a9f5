"""`freshet replay`: reads the log again, into a new version."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.replay.progress import ReplayProgress


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(replay)


@audited("replay")
def replay(
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name of the version to build.")],
    reads_from: Annotated[
        str,
        typer.Option(
            "--from", help="Where to begin: earliest, or the append time of the first event to read (RFC 3339 or ms)."
        ),
    ] = "earliest",
    snapshot: Annotated[
        str, typer.Option("--snapshot", help="Name of a snapshot to begin with; the log is read from there on.")
    ] = "",
    archive: Annotated[
        bool, typer.Option("--archive", help="Read the records that `freshet archive` kept first, then the log.")
    ] = False,
    inexact: Annotated[
        bool, typer.Option("--inexact", help="Accept a snapshot that was made with other fold versions or settings.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", dir_okay=False, exists=True, help="File of FRESHET_* settings for the new version."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Number of workers on this machine.")] = 1,
    json: JsonOption = False,
) -> None:
    """Read the log again into a new version, beside the live one and without touching it.

    Starts ordinary workers under the name NEW with the code and settings of this installation. Far from the head they
    fold only; near it they write the lists of active users, and then follow the log as a live candidate until Ctrl-C or
    SIGTERM, which ends them. Run the command again, here or on more machines, at any time: it goes on exactly where it
    was. Then: `freshet compare`, `freshet promote`. With --json a line a second.
    """
    import logging

    from ops.operator.replay.run import Replay, ReplayPlan
    from ops.operator.replay.start import Beginning
    from ops.processes.interrupts import Interrupted, Interrupts
    from ops.processes.supervisor import ProcessSupervisor

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    beginning = Beginning(reads_from, snapshot, archive, inexact)
    plan = ReplayPlan(command_settings(config), new, beginning, workers)
    view: _View = _JsonView() if json else _BarView(new)
    supervisor = ProcessSupervisor(view.notice)
    try:
        with Interrupts() as interrupts, view:
            interrupts.run(Replay(plan, view.progress, view.arrived).run(supervisor))
        console().print(f"a worker of {new} ended for good: the version was retired, or it was asked to", markup=False)
    except Interrupted:
        console().print(f"{new} is left where it is; run the command again to go on", markup=False)
    finally:
        supervisor.stop()
    if json:
        print_json({"event": "ended", "version": new, "caught_up_s": view.caught_up_s, **view.last})


class _View:
    """What both ways to show a replay remember."""

    def __init__(self) -> None:
        self.caught_up_s: float | None = None
        self.last: dict[str, Any] = {}

    def __enter__(self) -> "_View":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def progress(self, progress: "ReplayProgress") -> None:
        """How far it is now."""
        self.last = progress.as_dict()

    def arrived(self, seconds: float) -> None:
        """It is at the head."""
        self.caught_up_s = round(seconds, 1)

    def notice(self, text: str) -> None:
        """A worker ended unasked."""
        typer.echo(text, err=True)


class _JsonView(_View):
    def progress(self, progress: "ReplayProgress") -> None:
        super().progress(progress)
        print_json({"event": "progress", **self.last})

    def arrived(self, seconds: float) -> None:
        super().arrived(seconds)
        print_json({"event": "caught_up", "seconds": self.caught_up_s, **self.last})


class _BarView(_View):
    def __init__(self, version: str) -> None:
        super().__init__()
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
        )
        self._bar = Progress(*columns, console=console())
        self._task = self._bar.add_task(version, total=None, more="")

    def __enter__(self) -> "_View":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def progress(self, progress: "ReplayProgress") -> None:
        super().progress(progress)
        self._bar.update(self._task, completed=progress.folded, total=max(progress.total, 1), more=_in_words(progress))

    def arrived(self, seconds: float) -> None:
        super().arrived(seconds)
        self._bar.print(f"caught up after {seconds:.0f} s; following the log as a candidate until Ctrl-C")


def _in_words(progress: "ReplayProgress") -> str:
    from serving.fragments import rfc3339

    rate = "" if progress.events_per_s is None else f"{progress.events_per_s:,.0f} events/s"
    eta = "at the head" if not progress.behind else "" if progress.eta_s is None else f"{progress.eta_s:,.0f} s left"
    return "  ".join(text for text in (rate, eta, f"log of {rfc3339(progress.watermark_ms)}") if text)
