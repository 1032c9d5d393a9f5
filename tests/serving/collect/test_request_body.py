"""What a request's body says: events as the log takes them, reasons for the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.collect.request_body import MAX_EVENTS, read_body
from serving.endpoint.problems import Problem
from streams.contract.events import derived_event_id, parse_interaction
from streams.contract.reasons import InvalidEvent

NOW_MS = 1_767_225_600_000
EVENT = {"event_type": "click", "user_id": "u", "item_id": "i", "timestamp": NOW_MS}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_one_event_is_taken_byte_for_byte() -> None:
    text = b'  {"event_type":"CLICK", "user_id":7, "content_id":"i", "timestamp":1767225600000, "mine":{"a":1}}\n'
    (event,) = read_body(text, NOW_MS).checked
    assert event.value == text.strip()
    assert (event.place, event.user_id) == (0, "7")
    assert event.event_id == parse_interaction(text, NOW_MS).event_id


def test_an_event_that_has_no_id_has_one_made_of_it() -> None:
    (event,) = read_body(body(EVENT), NOW_MS).checked
    parsed = parse_interaction(body(EVENT), NOW_MS)
    assert event.event_id == derived_event_id("u", "i", parsed.event_type, NOW_MS)


@pytest.mark.parametrize("held", [[EVENT, EVENT | {"user_id": "v"}], {"events": [EVENT, EVENT | {"user_id": "v"}]}])
def test_several_are_an_array_or_within_an_object(held: Any) -> None:
    assert [event.user_id for event in read_body(body(held), NOW_MS).checked] == ["u", "v"]


def test_the_others_of_a_batch_are_taken_beside_those_that_are_refused() -> None:
    sent = read_body(body([EVENT, EVENT | {"rating": 9}, {"user_id": "u"}, 7, EVENT | {"event_id": "e"}]), NOW_MS)
    assert [event.place for event in sent.checked] == [0, 4]
    assert [(refused.place, refused.reason) for refused in sent.refused] == [
        (1, "out_of_range"),
        (2, "missing_field"),
        (3, "wrong_type"),
    ]


def test_a_token_may_be_beside_the_events() -> None:
    assert read_body(body({"events": [EVENT], "access_token": "t"}), NOW_MS).access_token == "t"


def test_an_event_may_have_a_member_named_events() -> None:
    (event,) = read_body(body(EVENT | {"events": [1]}), NOW_MS).checked
    assert event.user_id == "u"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"", 400),
        (b"7", 400),
        (b'"x"', 400),
        (b"[]", 400),
        (b'{"events": []}', 400),
        (b"{", 400),
        (b'{"events": [', 400),
        (b"[{}", 400),
        (b'\xff{"a":1}', 400),
        (b'{"a": "\xff"}', 400),
        (body(EVENT | {"more": "x" * 70_000}), 413),
        (body([EVENT] * (MAX_EVENTS + 1)), 413),
    ],
)
def test_what_holds_no_events_is_refused_as_a_whole(text: bytes, status: int) -> None:
    with pytest.raises(Problem) as problem:
        read_body(text, NOW_MS)
    assert problem.value.status == status


def test_a_missing_time_is_now_where_that_is_so() -> None:
    timeless = {name: value for name, value in EVENT.items() if name != "timestamp"}
    assert read_body(body(timeless), NOW_MS).refused[0].reason == "missing_field"
    for absent in (timeless, timeless | {"timestamp": None}, timeless | {"timestamp": ""}):
        (event,) = read_body(body(absent), NOW_MS, adds_time=True).checked
        assert parse_interaction(event.value, NOW_MS).timestamp_ms == NOW_MS
    (event,) = read_body(body(EVENT | {"timestamp": NOW_MS - 5}), NOW_MS, adds_time=True).checked
    assert parse_interaction(event.value, NOW_MS).timestamp_ms == NOW_MS - 5


_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.sampled_from(["click", "LIKE", "rating", "search", "x", 7]),
        "user_id": st.sampled_from(["u", 7, "", None, "a\nb", "x" * 200]),
        "item_id": st.sampled_from(["i", 7, None]),
        "timestamp": st.sampled_from([NOW_MS, 5, "2026-01-01T00:00:00Z", "soon", NOW_MS + 10**7, None]),
        "rating": st.sampled_from([4, 9, "4"]),
        "event_id": st.sampled_from(["e", 5, None, ""]),
    },
)


@given(st.lists(_FIELDS, min_size=1, max_size=5))
def test_it_takes_what_the_log_takes_and_says_why_as_dead_letters_do(events: list[dict[str, Any]]) -> None:
    sent = read_body(body(events), NOW_MS)
    expected: dict[int, str] = {}
    for place, event in enumerate(events):
        try:
            expected[place] = parse_interaction(body(event), NOW_MS).event_id
        except InvalidEvent as refusal:
            expected[place] = f"refused: {refusal.reason}"
    found = {event.place: event.event_id for event in sent.checked}
    assert found | {refused.place: f"refused: {refused.reason}" for refused in sent.refused} == expected
