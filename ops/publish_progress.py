"""A progress bar on standard error while records are published; nothing when that is not a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ops.output import complaints


@contextmanager
def progress_bar(what: str, total: int | None, unit: str = "records") -> Iterator[Callable[[int], None]]:
    """Shows `what` until `total` units (None = unknown) are done; call the result with how many are done so far."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=complaints(),
        transient=True,
        disable=not complaints().is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
