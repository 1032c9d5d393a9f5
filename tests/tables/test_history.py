"""History is unique, in event-time order, bounded, and survives its row."""

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType
from tables.engagement import CONSUMED_CODES, POSITIVE_CODES
from tables.history import KNOWN, History
from tables.type_codes import CODE_OF

VIEW, DISLIKE, SKIP = CODE_OF[EventType.VIEW], CODE_OF[EventType.DISLIKE], CODE_OF[EventType.SKIP]

visits = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 20), st.sampled_from([VIEW, DISLIKE])), max_size=60
)


def built(sequence: list[tuple[str, int, int]], limit: int = 5) -> History:
    history = History(limit)
    for item, at_ms, code in sequence:
        history.visit(item, at_ms, code)
    return history


@given(visits)
def test_it_holds_the_newest_visits_in_event_time_order(sequence: list[tuple[str, int, int]]) -> None:
    newest: dict[str, int] = {}
    for item, at_ms, _ in sequence:
        newest[item] = max(at_ms, newest.get(item, 0))
    history = built(sequence, limit=100)
    assert {item: at for item, (at, _) in history.entries.items()} == newest
    times = [at for at, _ in history.entries.values()]
    assert times == sorted(times)


@given(visits)
def test_it_is_bounded_and_counts_what_was_liked(sequence: list[tuple[str, int, int]]) -> None:
    history = built(sequence)
    assert len(history) <= 5
    assert history.liked == sum(code in POSITIVE_CODES for _, code in history.entries.values())


@given(visits)
def test_it_survives_its_row(sequence: list[tuple[str, int, int]]) -> None:
    history = built(sequence)
    restored = History.from_row(history.to_row(), 5)
    assert list(restored.entries.items()) == list(history.entries.items())
    assert restored.liked == history.liked


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 20), st.sampled_from([VIEW, SKIP])), max_size=40),
    st.integers(1, 6),
)
def test_the_context_of_a_visit_is_what_was_used_before_it(sequence: list[tuple[str, int, int]], limit: int) -> None:
    history = History(5)
    for item, at_ms, code in sequence:
        newer = history.visit(item, at_ms, code)
        if newer == KNOWN:
            continue
        newest_first = list(reversed(history.entries.items()))
        used = [item_id for item_id, (_, known) in newest_first[newer + 1 :] if known in CONSUMED_CODES]
        assert history.context(newer, limit) == used[:limit]


def test_a_repeated_item_moves_to_its_newest_place() -> None:
    assert list(built([("a", 1, VIEW), ("b", 2, VIEW), ("a", 3, VIEW)]).entries) == ["b", "a"]


def test_a_late_visit_takes_its_place_by_event_time_and_sees_only_what_was_before() -> None:
    history = built([("a", 1, VIEW), ("c", 3, VIEW)])
    newer = history.visit("b", 2, VIEW)
    assert list(history.entries) == ["a", "b", "c"]
    assert history.context(newer, 30) == ["a"]


def test_repeating_what_is_already_there_is_known() -> None:
    history = built([("a", 1, VIEW), ("b", 5, VIEW)])
    assert history.visit("b", 6, VIEW) == KNOWN
    assert history.visit("a", 2, VIEW) == KNOWN  # late, and "a" was the item before anyway
    assert history.visit("b", 4, VIEW) == KNOWN  # visited again since
    assert history.visit("a", 7, VIEW) == 0


def test_a_visit_older_than_a_full_history_teaches_nothing_about_it() -> None:
    history = built([(item, 10 + place, VIEW) for place, item in enumerate("abcde")])
    newer = history.visit("z", 1, VIEW)
    assert "z" not in history.entries
    assert history.context(newer, 30) == []
