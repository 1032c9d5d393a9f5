"""Which list an event belongs to."""

import msgspec
import pytest

from streams.contract.events import EventType, Interaction
from streams.contract.served import ServedItem, ServedList
from streams.sinks.attribution import BY_ID, BY_WINDOW, CLOCK_MS, AttributionLists

NOW = 1_700_000_000_000
WINDOW = 24 * 3_600_000


def listed(recommendation_id: str, at_ms: int, *items: str) -> ServedList:
    return ServedList(
        recommendation_id,
        "homepage",
        at_ms,
        tuple(ServedItem(item, position, algorithm=f"by {recommendation_id}") for position, item in enumerate(items)),
        user_id="u",
    )


def lists(*shown: ServedList, most_bytes: int = 10**6) -> AttributionLists:
    made = AttributionLists(WINDOW, most_bytes)
    for one in shown:
        made.add(one.user_id, one.timestamp, msgspec.json.encode(one))
    return made


def click(item: str, **more: object) -> Interaction:
    return msgspec.structs.replace(Interaction("e", EventType.CLICK, "u", item, NOW), **more)


def found(made: AttributionLists, event: Interaction, append_ms: int = NOW) -> tuple[str, int, str] | None:
    attribution = made.attribution(event, append_ms)
    if attribution is None:
        return None
    return attribution.shown.recommendation_id, attribution.item.position, attribution.by


def test_an_id_wins_over_a_later_list() -> None:
    made = lists(listed("first", NOW - 3000, "a", "b"), listed("second", NOW - 2000, "b"))
    assert found(made, click("b", recommendation_id="first")) == ("first", 1, BY_ID)
    assert found(made, click("b")) == ("second", 0, BY_WINDOW)


def test_without_an_id_the_last_list_that_showed_the_item() -> None:
    made = lists(listed("first", NOW - 3000, "a"), listed("second", NOW - 2000, "b"), listed("later", NOW + 1, "a"))
    assert found(made, click("a")) == ("first", 0, BY_WINDOW)
    assert found(made, click("c")) is None
    assert found(made, click("a", user_id="other")) is None


def test_an_id_of_a_list_that_did_not_show_the_item_is_no_reason_to_guess() -> None:
    made = lists(listed("first", NOW - 3000, "a"), listed("second", NOW - 2000, "b"))
    assert found(made, click("b", recommendation_id="first")) is None
    assert found(made, click("b", recommendation_id="unheard of")) is None


@pytest.mark.parametrize(("age_ms", "belongs"), [(WINDOW, True), (WINDOW + 1, False), (0, True), (-1, False)])
def test_the_window(age_ms: int, belongs: bool) -> None:
    made = lists(listed("one", NOW - age_ms, "a"))
    assert (found(made, click("a")) is not None) == belongs


@pytest.mark.parametrize(("late_ms", "belongs"), [(0, True), (3_600_000, True), (3_600_001, False)])
def test_of_a_late_event_the_window_begins_as_late(late_ms: int, belongs: bool) -> None:
    """What was shown before is known to whoever was there, and to nobody who reads the log again from the event on."""
    made = lists(listed("one", NOW - WINDOW + 3_600_000, "a"))
    assert (found(made, click("a"), NOW + late_ms) is not None) == belongs


def test_a_click_with_an_id_may_seem_to_come_before_its_list() -> None:
    made = lists(listed("one", NOW + CLOCK_MS, "a"), listed("two", NOW + CLOCK_MS + 1, "a"))
    assert found(made, click("a", recommendation_id="one")) == ("one", 0, BY_ID)
    assert found(made, click("a", recommendation_id="two")) is None


def test_position_decides_when_an_item_stands_twice() -> None:
    made = lists(listed("one", NOW - 1, "a", "b", "a"))
    assert found(made, click("a", recommendation_id="one", position=2)) == ("one", 2, BY_ID)
    assert found(made, click("a", recommendation_id="one", position=7)) == ("one", 0, BY_ID)


def test_ids_with_quotes_are_found() -> None:
    made = lists(listed('say "hi"', NOW - 1, 'a"b\\c'))
    assert found(made, click('a"b\\c', recommendation_id='say "hi"')) == ('say "hi"', 0, BY_ID)


def test_old_lists_and_too_many_go_and_take_their_bytes_along() -> None:
    made = lists(listed("old", NOW - WINDOW - CLOCK_MS - 1, "a"), listed("new", NOW - 1, "a"))
    made.prune(NOW)
    assert len(made) == 1
    assert found(made, click("a", recommendation_id="new")) is not None
    made.prune(NOW + 2 * WINDOW)
    assert (len(made), made.bytes_held) == (0, 0)
    few = lists(*(listed(f"l{number}", NOW - 100 + number, "a") for number in range(50)), most_bytes=2_000)
    assert 0 < few.bytes_held <= 2_000
    assert found(few, click("a")) == ("l49", 0, BY_WINDOW)


def test_who_is_erased_was_shown_nothing() -> None:
    made = lists(listed("old", NOW - 10, "a"), listed("new", NOW - 1, "b"))
    made.forget("u", NOW - 5)
    assert found(made, click("a")) is None
    assert found(made, click("b")) is not None
    made.prune(NOW + 2 * WINDOW)
    assert made.bytes_held == 0
