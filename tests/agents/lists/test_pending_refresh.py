"""Why lists are written: for an event until they are, else for the last cause."""

from agents.instruments import ListCause
from agents.lists.pending_refresh import PendingRefresh


def test_the_last_cause_counts_but_for_an_event_and_who_is_done_has_none() -> None:
    pending = PendingRefresh()
    pending.add(["a"])
    pending.add(["a", "b"], ListCause.RESTORED)  # a scan after Redis was away finds who waits for an event too
    pending.add(["b"], ListCause.LEARNED)
    pending.add_first(["c"], ListCause.PROFILE)
    pending.add_missed(["d"])
    pending.add_refused(["e"])
    pending.add_undated("f")
    pending.take_up(1)
    assert {user: pending.cause(user) for user in pending.first(10)} == {
        "a": ListCause.EVENT,
        "b": ListCause.LEARNED,
        "c": ListCause.PROFILE,
        "d": ListCause.MISSED,
        "e": ListCause.REFUSED,
        "f": ListCause.RESTORED,
    }
    pending.done(["b"])
    pending.add(["b"], ListCause.LOST)
    assert pending.cause("b") is ListCause.LOST
