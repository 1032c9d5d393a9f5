"""Every rule for interaction events, one example each way."""

import json
import subprocess
import sys
from typing import Any

import pytest

from streams.contract.events import EventType, Interaction, InvalidEvent, Reason, effective_type, parse_interaction

APPENDED = 1_700_000_000_000
BASE: dict[str, Any] = {"event_type": "click", "user_id": "u-1", "item_id": "i-1", "timestamp": APPENDED - 1000}


def parse(**fields: Any) -> Interaction:
    event = {name: value for name, value in (BASE | fields).items() if value is not ...}
    return parse_interaction(json.dumps(event).encode(), APPENDED)


def reason_of(value: bytes | None, append_time_ms: int = APPENDED) -> Reason:
    with pytest.raises(InvalidEvent) as caught:
        parse_interaction(value, append_time_ms)
    assert caught.value.detail
    return caught.value.reason


def refused(**fields: Any) -> Reason:
    event = {name: value for name, value in (BASE | fields).items() if value is not ...}
    return reason_of(json.dumps(event).encode())


def test_every_field_arrives() -> None:
    event = parse(
        event_id="e",
        watch_duration=12.5,
        completion_pct=50,
        rating=4.5,
        session_id="s",
        device_type="tv",
        country="de",
        language="de-DE",
        referrer="https://example.org",
        query="q",
        recommendation_id="r",
        position=3,
        experiment_id="x",
        variant="b",
        schema_version=2,
        unknown={"nested": [1]},
    )
    assert event == Interaction(
        event_id="e",
        event_type=EventType.CLICK,
        user_id="u-1",
        item_id="i-1",
        timestamp_ms=APPENDED - 1000,
        watch_duration_s=12.5,
        completion_pct=50.0,
        rating=4.5,
        session_id="s",
        device_type="tv",
        country="DE",
        language="de-DE",
        referrer="https://example.org",
        query="q",
        recommendation_id="r",
        position=3,
        experiment_id="x",
        variant="b",
        schema_version="2",
    )


@pytest.mark.parametrize("kind", list(EventType))
def test_types_in_lower_and_upper_case(kind: EventType) -> None:
    assert parse(event_type=kind.value, rating=4).event_type is kind
    assert parse(event_type=kind.value.upper(), rating=4).event_type is kind


def test_there_are_fifteen_types() -> None:
    assert len(EventType) == 15


@pytest.mark.parametrize("name", ["Click", "clicks", " ", "RATE"])
def test_other_types_are_unknown(name: str) -> None:
    assert refused(event_type=name) is Reason.UNKNOWN_EVENT_TYPE


@pytest.mark.parametrize("field", ["event_type", "user_id", "item_id", "timestamp"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_required_fields(field: str, value: Any) -> None:
    assert refused(**{field: value}) is Reason.MISSING_FIELD


def test_a_search_needs_no_item() -> None:
    assert parse(event_type="search", item_id=...).item_id == ""
    assert parse(event_type="search").item_id == "i-1"


def test_a_rating_needs_its_value() -> None:
    assert refused(event_type="rating") is Reason.MISSING_FIELD
    assert parse(event_type="rating", rating=0.5).rating == 0.5


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (7, "7"),
        (-7, "-7"),
        (7.0, "7"),
        ("x" * 128, "x" * 128),
        ("日本", "日本"),
        (" ", " "),
        ("...", "..."),
        ("/", "/"),
    ],
)
@pytest.mark.parametrize("field", ["user_id", "item_id", "event_id", "session_id"])
def test_ids(field: str, raw: Any, kept: str) -> None:
    assert getattr(parse(**{field: raw}), field) == kept


@pytest.mark.parametrize("field", ["user_id", "item_id", "content_id", "event_id", "session_id", "variant"])
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("x" * 129, Reason.OUT_OF_RANGE),
        (10**128, Reason.OUT_OF_RANGE),
        (-(10**127), Reason.OUT_OF_RANGE),
        ("a\0b", Reason.OUT_OF_RANGE),
        ("a\tb", Reason.OUT_OF_RANGE),
        ("u17\n", Reason.OUT_OF_RANGE),
        ("a\x7f", Reason.OUT_OF_RANGE),
        ("\x85", Reason.OUT_OF_RANGE),
        (".", Reason.OUT_OF_RANGE),
        ("..", Reason.OUT_OF_RANGE),
        (True, Reason.WRONG_TYPE),
        (1.5, Reason.WRONG_TYPE),
        (1e130, Reason.OUT_OF_RANGE),
        (["u"], Reason.WRONG_TYPE),
        ({}, Reason.WRONG_TYPE),
    ],
)
def test_ids_refused(field: str, raw: Any, reason: Reason) -> None:
    item = {} if field == "item_id" else {"item_id": ..., "content_id": "i"}
    assert refused(**item | {field: raw}) is reason


def test_the_longest_integer_ids() -> None:
    assert len(parse(user_id=10**128 - 1).user_id) == 128
    assert len(parse(user_id=-(10**127) + 1).user_id) == 128
    assert reason_of(json.dumps(BASE).replace('"u-1"', "9" * 5000).encode()) is Reason.OUT_OF_RANGE


def test_an_integral_number_keeps_all_its_digits() -> None:
    value = json.dumps(BASE).replace('"u-1"', "9007199254740993.0").encode()
    assert parse_interaction(value, APPENDED).user_id == "9007199254740993"


@pytest.mark.parametrize("literal", ["1e400", "1e999999999", "1e-999999999999999999999", "1e99999999999999999999"])
def test_numbers_with_immense_exponents_cost_nothing(literal: str) -> None:
    value = json.dumps(BASE | {"session_id": ""}).replace('"u-1"', literal).encode()
    assert reason_of(value) in (Reason.OUT_OF_RANGE, Reason.WRONG_TYPE)
    unread = (
        json.dumps(BASE | {"session_id": "", "unknown": 1}).replace('"unknown": 1', f'"unknown": {literal}').encode()
    )
    assert parse_interaction(unread, APPENDED).user_id == "u-1"


def test_integral_numbers_are_integers() -> None:
    event = parse(timestamp=float(APPENDED), position=3.0, item_id=42.0, schema_version=2.0)
    assert (event.timestamp_ms, event.position, event.item_id, event.schema_version) == (APPENDED, 3, "42", "2")
    assert type(event.position) is int
    assert refused(position=3.5) is Reason.WRONG_TYPE


OPTIONAL = [
    "event_id", "content_id", "watch_duration", "completion_pct", "completion_percentage", "progress_pct", "rating",
    "session_id", "device_type", "country", "language", "referrer", "query", "recommendation_id", "position",
    "experiment_id", "variant", "schema_version",
]  # fmt: skip


@pytest.mark.parametrize("field", OPTIONAL)
def test_an_empty_text_is_absent(field: str) -> None:
    assert parse(**{field: ""}) == parse()
    assert parse(**dict.fromkeys(OPTIONAL, "") | {"query": "q"}) == parse(query="q")


def test_an_empty_item_is_none() -> None:
    assert parse(event_type="search", item_id="").item_id == ""
    assert parse(item_id="", content_id="c").item_id == "c"
    assert refused(event_type="rating", rating="") is Reason.MISSING_FIELD


def test_a_little_more_than_complete_is_complete() -> None:
    for field in ("completion_pct", "completion_percentage", "progress_pct"):
        event = parse(**{field: 100.4})
        assert (event.completion_pct, event.completion_clamped) == (100.0, True)
    assert not parse(completion_pct=100).completion_clamped
    both = parse(completion_pct=100, progress_pct=101)
    assert (both.completion_pct, both.completion_clamped) == (100.0, True)
    assert refused(completion_pct=99, progress_pct=101) is Reason.CONFLICTING_COMPLETION


def test_a_field_that_is_empty_does_not_hide_broken_json() -> None:
    assert reason_of(json.dumps(BASE | {"session_id": ""})[:-1].encode()) is Reason.NOT_JSON


def test_content_id_is_an_alias() -> None:
    assert parse(item_id=..., content_id="c").item_id == "c"
    assert parse(item_id="5", content_id=5).item_id == "5"
    assert refused(content_id="c") is Reason.CONFLICTING_ITEM_ID


@pytest.mark.parametrize("alias", ["completion_percentage", "progress_pct"])
def test_completion_aliases(alias: str) -> None:
    assert parse(**{alias: 12}).completion_pct == 12.0
    assert parse(completion_pct=12, **{alias: 12.0}).completion_pct == 12.0
    assert refused(completion_pct=12, **{alias: 13}) is Reason.CONFLICTING_COMPLETION


def test_the_two_completion_aliases_may_differ_no_more_than_the_field() -> None:
    assert refused(completion_percentage=0, progress_pct=1) is Reason.CONFLICTING_COMPLETION


@pytest.mark.parametrize(
    ("field", "inside", "outside"),
    [
        ("completion_pct", [0, 100, 101], [-0.1, 101.1, 10**400]),
        ("completion_percentage", [0, 101], [-1, 101.5]),
        ("progress_pct", [0, 101], [-1, 102]),
        ("rating", [0.5, 5], [0, 0.4, 5.1, -3]),
        ("watch_duration", [0, 10**9], [-0.001, 10**9 + 1]),
        ("position", [0, 2**31 - 1], [-1, 2**31]),
        ("country", ["DE", "xk"], ["D", "DEU", "D1", "ßx", "D\n"]),
    ],
)
def test_ranges(field: str, inside: list[Any], outside: list[Any]) -> None:
    for value in inside:
        parse(**{field: value})
    for value in outside:
        assert refused(**{field: value}) is Reason.OUT_OF_RANGE, value


@pytest.mark.parametrize("field", ["completion_pct", "rating", "watch_duration", "position", "country", "query"])
@pytest.mark.parametrize("value", [True, [], {}])
def test_other_json_types(field: str, value: Any) -> None:
    assert refused(**{field: value}) is Reason.WRONG_TYPE


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"nan"])
@pytest.mark.parametrize("field", [b"rating", b"unknown"])
def test_numbers_that_json_does_not_have(field: bytes, literal: bytes) -> None:
    value = json.dumps(BASE).encode()[:-1] + b', "' + field + b'": ' + literal + b"}"
    assert reason_of(value) is Reason.NOT_JSON


def test_numbers_beyond_a_float() -> None:
    assert reason_of(json.dumps(BASE).encode()[:-1] + b', "watch_duration": 1e999}') is Reason.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (APPENDED, APPENDED),
        (APPENDED + 300_000, APPENDED + 300_000),
        (10**11, 10**11),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14t22:13:20.0019z", 1_700_000_000_001),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00-01:00", 3_600_000),
        (float(APPENDED), APPENDED),
    ],
)
def test_timestamps(raw: Any, kept: int) -> None:
    assert parse(timestamp=raw).timestamp_ms == kept


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (APPENDED // 1000, Reason.TIMESTAMP_IN_SECONDS),
        (0, Reason.TIMESTAMP_IN_SECONDS),
        (10**11 - 1, Reason.TIMESTAMP_IN_SECONDS),
        (-1, Reason.OUT_OF_RANGE),
        (-APPENDED, Reason.OUT_OF_RANGE),
        ("1969-12-31T23:59:59Z", Reason.OUT_OF_RANGE),
        ("1969-12-31T23:59:59-05:00", Reason.OUT_OF_RANGE),
        ("1970-01-01T12:00:00+05:00", Reason.OUT_OF_RANGE),
        ("2023-11-14T22:13:60Z", Reason.WRONG_TYPE),
        ("2023-02-29T22:13:20Z", Reason.WRONG_TYPE),
        ("2023-11-14T24:00:00Z", Reason.WRONG_TYPE),
        ("0001-01-01T00:00:00+14:00", Reason.OUT_OF_RANGE),
        (APPENDED + 300_001, Reason.TIMESTAMP_IN_FUTURE),
        (APPENDED * 1000, Reason.TIMESTAMP_IN_FUTURE),
        (10**300, Reason.TIMESTAMP_IN_FUTURE),
        ("9999-12-31T23:59:59Z", Reason.TIMESTAMP_IN_FUTURE),
        (APPENDED + 0.5, Reason.WRONG_TYPE),
        (str(APPENDED), Reason.WRONG_TYPE),
        ("2023-11-14T22:13:20", Reason.WRONG_TYPE),
        ("2023-11-14", Reason.WRONG_TYPE),
        ("2023-13-14T22:13:20Z", Reason.WRONG_TYPE),
        ("yesterday", Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
    ],
)
def test_timestamps_refused(raw: Any, reason: Reason) -> None:
    assert refused(timestamp=raw) is reason


def test_a_timestamp_longer_than_python_converts() -> None:
    value = json.dumps(BASE | {"timestamp": 0}).replace('"timestamp": 0', '"timestamp": ' + "9" * 5000)
    assert reason_of(value.encode()) is Reason.OUT_OF_RANGE


def test_an_event_without_id_gets_one_from_what_it_says() -> None:
    assert parse().event_id == parse(device_type="tv").event_id == parse(item_id=..., content_id="i-1").event_id
    assert len(parse().event_id) == 32
    ids = {
        parse(**{field: other}).event_id for field, other in [("user_id", "u"), ("item_id", "i"), ("timestamp", 10**12)]
    }
    assert len(ids | {parse(event_type="view").event_id, parse().event_id}) == 5
    assert parse(user_id="a", item_id="bc").event_id != parse(user_id="ab", item_id="c").event_id


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b"   ", Reason.NOT_JSON),
        (b"{", Reason.NOT_JSON),
        (b"{}{}", Reason.NOT_JSON),
        (b"\xef\xbb\xbf{}", Reason.NOT_JSON),
        (b"\x00\x01\x02\xff", Reason.NOT_JSON),
        ("{}".encode("utf-16"), Reason.NOT_JSON),
        (b'{"unknown": "\xff"}', Reason.NOT_JSON),
        (b'{"user_id": "\xed\xa0\x80"}', Reason.NOT_JSON),
        (b'{"user_id": "\\ud800"}', Reason.NOT_JSON),
        (b'{"user_id": "\\udc00x"}', Reason.NOT_JSON),
        (b'{"unknown": "\\ud800"}', Reason.NOT_JSON),
        (b'{"user_id": "a\nb"}', Reason.NOT_JSON),
        (b"{'user_id': 1}", Reason.NOT_JSON),
        (b'{"user_id": 1,}', Reason.NOT_JSON),
        (b'{"user_id": 01}', Reason.NOT_JSON),
        (b"[]", Reason.WRONG_TYPE),
        (b"null", Reason.WRONG_TYPE),
        (b'"text"', Reason.WRONG_TYPE),
        (b"1", Reason.WRONG_TYPE),
        (b"{}", Reason.MISSING_FIELD),
    ],
)
def test_values_that_hold_no_event(value: bytes | None, reason: Reason) -> None:
    assert reason_of(value) is reason


def sized(size: int) -> bytes:
    head = json.dumps(BASE).encode()[:-1] + b', "referrer": "'
    return head + b"x" * (size - len(head) - 2) + b'"}'


def test_size() -> None:
    assert parse_interaction(sized(65_536), APPENDED).user_id == "u-1"
    assert reason_of(sized(65_537)) is Reason.TOO_LARGE


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    return json.dumps(BASE).encode()[:-1] + b', "deep": ' + opening * depth + b"1" + closing * depth + b"}"


def test_depth() -> None:
    assert parse_interaction(nested(31), APPENDED).user_id == "u-1"
    assert reason_of(nested(32)) is Reason.TOO_DEEP
    assert reason_of(nested(6000, b'{"a":', b"}")) is Reason.TOO_DEEP
    assert reason_of(nested(32_000, b"[", b"")) is Reason.TOO_DEEP


def test_brackets_inside_text_and_beside_each_other_are_not_depth() -> None:
    assert parse(query='[[[{{{"\\[[' * 20).user_id == "u-1"
    assert parse(unknown=[[]] * 100).user_id == "u-1"


def test_the_callers_stack_does_not_decide() -> None:
    """A replay with a deeper Python stack must accept what the live loop accepted."""

    def descend(levels: int) -> str:
        return descend(levels - 1) if levels else parse_interaction(nested(31), APPENDED).user_id

    assert descend(sys.getrecursionlimit() - 250) == "u-1"


def test_the_last_of_equal_keys_counts_and_each_must_be_valid() -> None:
    tail = json.dumps(BASE).encode()[:-1]
    assert parse_interaction(tail + b', "user_id": "second"}', APPENDED).user_id == "second"
    assert reason_of(b'{"user_id": [], ' + tail[1:] + b"}") is Reason.WRONG_TYPE


def test_effective_type_of_ratings() -> None:
    assert [effective_type(parse(event_type="rating", rating=r)).value for r in (0.5, 2.9, 3, 3.9, 4, 5)] == [
        "dislike",
        "dislike",
        "view",
        "view",
        "like",
        "like",
    ]
    assert effective_type(parse(event_type="view", rating=5)) is EventType.VIEW


def test_parsing_needs_nothing_but_pure_modules() -> None:
    """`tables` imports this package's data modules and must not get a client library with them."""
    code = (
        "import streams.contract.events, streams.contract.catalog, sys; "
        "print({'faust','aiokafka','kafka','asyncio'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
