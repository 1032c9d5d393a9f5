"""Events as producers write them, as Hypothesis strategies that several test files share."""

from typing import Any

import pytest
from hypothesis import strategies as st

APPEND_TIME_MS = 1_700_000_000_000
TYPES = [
    "impression",
    "click",
    "view",
    "play",
    "watch_start",
    "watch_progress",
    "watch_end",
    "like",
    "dislike",
    "skip",
    "rating",
    "purchase",
    "add_to_list",
    "hide",
    "search",
]

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_ids = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128).filter(
        lambda text: text not in (".", "..")
    ),
    st.integers(-(10**30), 10**30),
)
_times = st.one_of(
    st.integers(10**11, APPEND_TIME_MS + 300_000),
    st.datetimes().map(lambda t: f"{t.year % 50 + 1971:04}-{t.month:02}-{t.day:02}T{t.hour:02}:{t.minute:02}:00Z"),
)
_country = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
_percent = st.floats(0, 100) | st.integers(0, 100)


def _valid(event: dict[str, Any]) -> dict[str, Any]:
    if event["event_type"] in ("rating", "RATING") and event.get("rating") is None:
        event["rating"] = 3
    return event


_valid_events = st.fixed_dictionaries(
    {
        "event_type": st.sampled_from(TYPES + [name.upper() for name in TYPES]),
        "user_id": _ids,
        "item_id": _ids,
        "timestamp": _times,
    },
    optional={
        "event_id": _ids | st.none(),
        "watch_duration": st.floats(0, 10**9) | st.none(),
        "completion_pct": _percent | st.none(),
        "rating": st.floats(0.5, 5) | st.none(),
        "session_id": _ids,
        "device_type": _text | st.none(),
        "country": _country,
        "language": _text,
        "referrer": _text,
        "query": _text.filter(bool),
        "recommendation_id": _ids,
        "position": st.integers(0, 2**31 - 1),
        "experiment_id": _ids,
        "variant": _ids,
        "schema_version": _ids,
        "somebody_elses_field": st.none() | st.integers() | _text | st.lists(st.booleans()),
    },
).map(_valid)

_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    "event_type",
    "user_id",
    "item_id",
    "content_id",
    "timestamp",
    "event_id",
    "watch_duration",
    "completion_pct",
    "completion_percentage",
    "progress_pct",
    "rating",
    "session_id",
    "country",
    "position",
    "variant",
]


@pytest.fixture(scope="session")
def append_time_ms() -> int:
    return APPEND_TIME_MS


@pytest.fixture(scope="session")
def valid_events() -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects that `parse_interaction` accepts at the append time."""
    return _valid_events


@pytest.fixture(scope="session")
def near_events() -> st.SearchStrategy[dict[str, Any]]:
    """Valid events with some fields dropped or replaced: many are refused, some are not."""
    return st.builds(
        lambda event, drop, replace: {k: v for k, v in (event | replace).items() if k not in drop},
        _valid_events,
        st.sets(st.sampled_from(_FIELDS), max_size=2),
        st.dictionaries(st.sampled_from(_FIELDS), _anything, max_size=2),
    )
