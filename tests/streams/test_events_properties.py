"""What holds for every event, not only for the examples."""

import json
import unicodedata
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.event_weights import WEIGHTS, is_finished_watch, weight_of
from streams.contract.events import EventType, Interaction, InvalidEvent, Reason, parse_interaction

Events = st.SearchStrategy[dict[str, Any]]
FOLD_REASONS = {Reason.WRONG_PARTITION, Reason.TOO_OLD, Reason.FOLD_FAILED}


@given(data=st.data())
def test_valid_events_parse_and_keep_what_they_say(
    data: st.DataObject, valid_events: Events, append_time_ms: int
) -> None:
    raw = data.draw(valid_events)
    event = parse_interaction(text(raw), append_time_ms)
    assert event.user_id == str(raw["user_id"])
    assert event.item_id == str(raw["item_id"])
    assert event.event_type.value == raw["event_type"].lower()
    assert event.query == raw.get("query")
    assert 0 <= event.timestamp_ms <= append_time_ms + 300_000
    assert event.rating == raw.get("rating")
    assert len(event.event_id) <= 128
    assert weight_of(event) in {5, *WEIGHTS.values()}


def text(raw: dict[str, Any]) -> bytes:
    return json.dumps(raw).encode()


@given(value=st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | st.none())
def test_any_bytes_give_an_event_or_a_reason(value: bytes | None) -> None:
    assert_event_or_reason(value, 1_700_000_000_000)


@given(data=st.data())
def test_any_damage_gives_an_event_or_a_reason(data: st.DataObject, near_events: Events, append_time_ms: int) -> None:
    value = bytearray(text(data.draw(near_events)))
    for position, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(value) - 1), st.integers(0, 255)), max_size=3)
    ):
        value[position] = byte
    assert_event_or_reason(bytes(value), append_time_ms)


def outcome(value: bytes | None, append_time_ms: int) -> Interaction | InvalidEvent:
    try:
        return parse_interaction(value, append_time_ms)
    except InvalidEvent as refusal:
        return refusal


def assert_event_or_reason(value: bytes | None, append_time_ms: int) -> None:
    result = outcome(value, append_time_ms)
    if isinstance(result, InvalidEvent):
        assert result.reason not in FOLD_REASONS
        assert result.detail
    else:
        assert value is not None
        assert_clean(result, append_time_ms)
        json.loads(value)  # whatever we accept, any other JSON parser reads too
        assert outcome(value, append_time_ms) == result


def assert_clean(event: Interaction, append_time_ms: int) -> None:
    for name in ("event_id", "user_id", "item_id", "session_id"):
        kept = getattr(event, name)
        if kept is not None and not (name == "item_id" and event.event_type is EventType.SEARCH and kept == ""):
            assert 1 <= len(kept) <= 128
            assert not any(unicodedata.category(character) == "Cc" for character in kept)
            kept.encode()
    assert 0 <= event.timestamp_ms <= append_time_ms + 300_000
    assert event.completion_pct is None or 0 <= event.completion_pct <= 100
    assert event.watch_duration_s is None or 0 <= event.watch_duration_s <= 10**9
    assert event.rating is None or 0.5 <= event.rating <= 5
    assert event.country is None or event.country.isupper()


@given(data=st.data())
def test_order_and_white_space_do_not_matter(data: st.DataObject, valid_events: Events, append_time_ms: int) -> None:
    raw = data.draw(valid_events)
    shuffled = dict(data.draw(st.permutations(list(raw.items()))))
    spaced = json.dumps(shuffled, indent=2, ensure_ascii=False).encode()
    assert parse_interaction(spaced, append_time_ms) == parse_interaction(text(raw), append_time_ms)


def test_every_type_has_a_weight_and_the_signs_are_right() -> None:
    assert set(WEIGHTS) == set(EventType) - {EventType.RATING}
    negative = {kind for kind, weight in WEIGHTS.items() if weight < 0}
    assert negative == {EventType.SKIP, EventType.DISLIKE, EventType.HIDE}


def event(kind: EventType, rating: float | None = None, completion_pct: float | None = None) -> Interaction:
    return Interaction("e", kind, "u", "i", 1_700_000_000_000, rating=rating, completion_pct=completion_pct)


def test_weights_of_ratings_and_watches() -> None:
    assert [weight_of(event(EventType.RATING, rating=r)) for r in (1, 3, 4, 5)] == [-3, 1, 5, 5]
    assert weight_of(event(EventType.PURCHASE)) == 10
    assert weight_of(event(EventType.WATCH_PROGRESS, completion_pct=89.9)) == 1
    assert weight_of(event(EventType.WATCH_PROGRESS, completion_pct=90)) == 5
    assert not is_finished_watch(event(EventType.CLICK, completion_pct=100))
