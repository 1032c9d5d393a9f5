"""The pictures: figures on top, one user's events and list side by side."""

from collections.abc import Iterator

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ops.demo.snapshot import Snapshot, UserView

SHOWN_ITEMS = 8


def picture(snapshot: Snapshot) -> RenderableType:
    """Everything the live view shows."""
    parts: list[RenderableType] = [figures(snapshot)]
    if snapshot.user is not None:
        parts.append(side_by_side(snapshot.user))
    return Group(*parts)


def figures(snapshot: Snapshot) -> RenderableType:
    """The numbers of the moment."""
    freshness = snapshot.freshness
    values = {
        "time": f"{snapshot.passed_s:.0f} of {snapshot.seconds:.0f} s",
        "published": f"{snapshot.published:,}",
        "events/s": f"{snapshot.events_per_s:.0f}",
        "lag": "?" if snapshot.lag is None else f"{snapshot.lag:,}",
        "freshness p50": f"{freshness.p50:.0f} ms" if freshness else "…",
        "p99": f"{freshness.p99:.0f} ms" if freshness else "…",
        "lists written": f"{snapshot.lists_written:,}",
    }
    cells = [Text.assemble((f"{value}\n", "bold cyan"), (name, "dim")) for name, value in values.items()]
    return Panel(Columns(cells, equal=True, expand=True), title="Freshet")


def side_by_side(user: UserView) -> RenderableType:
    """What the user did, newest first, and what they are shown now."""
    both = Table.grid(expand=True, padding=(0, 1))
    both.add_column(ratio=2)
    both.add_column(ratio=5)
    both.add_row(_events(user), _list(user))
    return both


def in_lines(user: UserView) -> str:
    """The same one below the other, for logs."""
    return "\n".join(_lines(user))


def _lines(user: UserView) -> Iterator[str]:
    yield f"What user {user.user_id} did, newest first:"
    for event in user.events:
        yield f"    {event.what:<15} {event.title}"
    yield f"What they are shown now ({_source(user)}):"
    for item in user.shown_list.recommendations if user.shown_list else ():
        yield f"    {item.score:.2f} {item.title} ({item.reason})"


def _events(user: UserView) -> Table:
    table = Table(title=f"What user {user.user_id} did", expand=True)
    table.add_column("event", no_wrap=True)
    table.add_column("title", no_wrap=True, overflow="ellipsis")
    for event in user.events:
        table.add_row(event.what, Text(event.title))
    return table


def _list(user: UserView) -> Table:
    shown = user.shown_list
    table = Table(title=f"What they are shown now ({_source(user)})", expand=True)
    table.add_column("title", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True, overflow="ellipsis", ratio=4)
    for item in shown.recommendations if shown else ():
        table.add_row(Text(item.title), f"{item.score:.2f}", Text(item.reason))
    return table


def _source(user: UserView) -> str:
    return user.shown_list.source if user.shown_list else "the endpoint does not answer"
