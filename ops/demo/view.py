"""What people get to see: a live picture in a terminal, plain lines anywhere else."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from ops.demo.panels import in_lines, picture
from ops.demo.snapshot import Snapshot, UserView

PLAIN_INTERVAL_S = 2.0
_REFRESHES_PER_S = 4.0


class View(ABC):
    """Hears what happens. Between `__enter__` and `__exit__` traffic flows."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False, soft_wrap=True)

    def notice(self, text: str) -> None:
        """A line about something that should not happen."""
        self.console.print(f"[yellow]! {escape(text)}[/yellow]", soft_wrap=True)

    def phase_done(self, name: str, duration_s: float) -> None:
        """A step ended."""
        self.console.print(f"{name.replace('_', ' '):<16} {duration_s:6.2f} s", markup=False)

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def update(self, snapshot: Snapshot) -> None:
        """New figures."""


class LiveView(View):
    """Redraws one picture in place; needs a terminal."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live = Live(console=console, refresh_per_second=_REFRESHES_PER_S, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()  # also gives the cursor back

    def update(self, snapshot: Snapshot) -> None:
        """Draws them."""
        self._live.update(picture(snapshot))


class PlainView(View):
    """A line every `PLAIN_INTERVAL_S`, and one user's events and list at the end. No escape codes."""

    def __init__(self, console: Console, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console)
        self._clock_s = clock_s
        self._next_s = 0.0
        self._last_user: UserView | None = None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._last_user is not None:
            self.console.print(in_lines(self._last_user), markup=False, soft_wrap=True)

    def update(self, snapshot: Snapshot) -> None:
        """Prints them, when the last line is old enough."""
        self._last_user = snapshot.user or self._last_user
        if self._clock_s() >= self._next_s:
            self._next_s = self._clock_s() + PLAIN_INTERVAL_S
            self.console.print(progress_line(snapshot), markup=False, soft_wrap=True)


def progress_line(snapshot: Snapshot) -> str:
    """The figures in one line."""
    freshness = snapshot.freshness
    fresh = f"p50 {freshness.p50:.0f} ms, p99 {freshness.p99:.0f} ms" if freshness else "not yet"
    lag = "unknown" if snapshot.lag is None else f"{snapshot.lag:,}"
    return (
        f"{snapshot.passed_s:5.1f} s  {snapshot.published:,} events, {snapshot.events_per_s:.0f}/s, lag {lag}, "
        f"freshness {fresh}, {snapshot.lists_written:,} lists written"
    )


def view_for(console: Console) -> View:
    """The live picture for terminals, plain lines for the rest."""
    return LiveView(console) if console.is_terminal else PlainView(console)
