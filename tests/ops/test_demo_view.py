"""What the demo shows: live in a terminal, plain everywhere else."""

import io

from rich.console import Console

from ops.demo.endpoint_client import ListedItem, UserList
from ops.demo.freshness import Percentiles
from ops.demo.snapshot import Snapshot, UserView
from ops.demo.spotlight import ShownEvent, Spotlight
from ops.demo.view import LiveView, PlainView, view_for
from streams.contract.events import EventType, Interaction

USER = UserView(
    "42",
    [ShownEvent("rated 5", "Alien [Director's Cut]"), ShownEvent("search", "horror")],
    UserList("personal", [ListedItem("2", "Aliens", 0.9, "Because you liked Alien")]),
)
SNAPSHOT = Snapshot(1.5, 30.0, 450, 300.0, 12, 431, Percentiles(42.0, 180.0, 200.0), USER)


def event(user: str, kind: EventType = EventType.CLICK, item: str = "1", **fields: float | str) -> Interaction:
    return Interaction("e", kind, user, item, 0, **fields)  # type: ignore[arg-type]


def test_without_a_terminal_there_are_lines_and_no_escape_codes() -> None:
    file = io.StringIO()
    view = view_for(Console(file=file))
    view.phase_done("until_first_list", 4.25)
    view.notice("worker-1 (pid 7) was ended by SIGKILL [9]")
    with view:
        view.update(SNAPSHOT)
    text = file.getvalue()
    assert isinstance(view, PlainView)
    assert "\x1b" not in text
    assert "until first list   4.25 s" in text
    assert "! worker-1 (pid 7) was ended by SIGKILL [9]" in text
    assert "450 events, 300/s, lag 12, freshness p50 42 ms, p99 180 ms, 431 lists written" in text
    assert "rated 5         Alien [Director's Cut]" in text
    assert "0.90 Aliens (Because you liked Alien)" in text


def test_plain_lines_come_every_few_seconds_only() -> None:
    file, now_s = io.StringIO(), 0.0
    with PlainView(Console(file=file), clock_s=lambda: now_s) as view:
        for tenth in range(100):
            now_s = tenth / 10
            view.update(SNAPSHOT)
        assert file.getvalue().count("events") == 5


def test_what_is_not_known_yet_is_said() -> None:
    file = io.StringIO()
    with PlainView(Console(file=file)) as view:
        view.update(Snapshot(0.1, 30.0, 0, 0.0, None, 0, None, None))
    assert "lag unknown, freshness not yet" in file.getvalue()


def test_a_terminal_gets_a_picture_with_both_sides() -> None:
    file = io.StringIO()
    view = view_for(Console(file=file, force_terminal=True, width=160, height=40))
    assert isinstance(view, LiveView)
    with view:
        view.update(SNAPSHOT)
    text = file.getvalue()
    for part in (
        "What user 42 did",
        "Alien [Director's Cut]",
        "shown now (personal)",
        "Because you liked Alien",
        "450",
    ):
        assert part in text
    assert text.rstrip().endswith("\x1b[?25h"), "the cursor is given back"


def test_an_endpoint_that_is_away_is_shown_as_such() -> None:
    file = io.StringIO()
    with PlainView(Console(file=file)) as view:
        view.update(Snapshot(1.0, 2.0, 1, 1.0, 0, 0, None, UserView("42", [], None)))
    assert "the endpoint does not answer" in file.getvalue()


def test_the_busiest_user_is_shown_and_stays_a_while() -> None:
    now_s = 0.0
    spotlight = Spotlight({"1": "Alien"}, clock_s=lambda: now_s)
    assert spotlight.user() is None
    for user in ("a", "b", "b"):
        spotlight.note(event(user))
    assert spotlight.user() == "b"
    for _ in range(5):
        spotlight.note(event("a"))
    assert spotlight.user() == "b"
    now_s = 60.0
    assert spotlight.user() == "a"


def test_events_are_told_in_words_newest_first() -> None:
    spotlight = Spotlight({"1": "Alien"})
    spotlight.note(event("a", EventType.WATCH_END))
    spotlight.note(event("a", EventType.RATING, rating=4.5))
    spotlight.note(event("a", EventType.SEARCH, "", query="horror"))
    spotlight.note(event("a", item="unheard-of"))
    assert spotlight.events_of("a") == [
        ShownEvent("click", "unheard-of"),
        ShownEvent("search", "horror"),
        ShownEvent("rated 4.5", "Alien"),
        ShownEvent("watch end", "Alien"),
    ]
