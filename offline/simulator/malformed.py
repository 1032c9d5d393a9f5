"""Records that real producers get wrong, each with the reason it must be refused for."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import orjson

from streams.contract.events import Reason
from streams.contract.units import DAY_MS
from streams.contract.wire import MAX_RECORD_BYTES

Event = Mapping[str, Any]
_YEAR_MS: Final = 365 * DAY_MS


def _without(*fields: str) -> Callable[[Event], bytes]:
    return lambda event: orjson.dumps({name: value for name, value in event.items() if name not in fields})


def _with(**fields: Any) -> Callable[[Event], bytes]:
    return lambda event: orjson.dumps({**event, **fields})


#: Reason and how to spoil a valid event for it.
RECIPES: Final[tuple[tuple[Reason, Callable[[Event], bytes | None]], ...]] = (
    (Reason.NOT_JSON, lambda event: orjson.dumps(event)[:-7]),
    (Reason.NOT_JSON, lambda event: orjson.dumps(event).replace(b'"', b"'")),
    (Reason.NOT_JSON, lambda event: orjson.dumps(event)[:-1] + b',"rating":NaN}'),
    (Reason.NOT_JSON, lambda event: orjson.dumps(event).replace(b'"event_type"', b'"event_type\xff"')),
    (Reason.NOT_JSON, lambda _: b"\x00\x00\x00\x00\x2a\x0cAvro?"),
    (Reason.NOT_JSON, lambda _: b""),
    (Reason.NOT_JSON, lambda _: None),
    (Reason.WRONG_TYPE, lambda event: b"[" + orjson.dumps(event) + b"]"),
    (Reason.WRONG_TYPE, _with(user_id={"id": 7})),
    (Reason.WRONG_TYPE, _with(timestamp="yesterday")),
    (Reason.WRONG_TYPE, _with(completion_pct="50%")),
    (Reason.MISSING_FIELD, _without("user_id")),
    (Reason.MISSING_FIELD, _without("item_id")),
    (Reason.MISSING_FIELD, _without("event_type")),
    (Reason.MISSING_FIELD, _with(timestamp=None)),
    (Reason.OUT_OF_RANGE, _with(completion_pct=140)),
    (Reason.OUT_OF_RANGE, _with(rating=11)),
    (Reason.OUT_OF_RANGE, _with(country="Germany")),
    (Reason.OUT_OF_RANGE, _with(user_id="u17\n")),
    (Reason.OUT_OF_RANGE, _with(watch_duration=-3)),
    (Reason.TIMESTAMP_IN_SECONDS, lambda event: _with(timestamp=event["timestamp"] // 1000)(event)),
    (Reason.TIMESTAMP_IN_FUTURE, lambda event: _with(timestamp=event["timestamp"] + _YEAR_MS)(event)),
    (Reason.CONFLICTING_ITEM_ID, _with(content_id="another-item")),
    (Reason.CONFLICTING_COMPLETION, _with(completion_pct=10, progress_pct=20)),
    (Reason.UNKNOWN_EVENT_TYPE, _with(event_type="teleport")),
    (Reason.TOO_LARGE, _with(referrer="x" * MAX_RECORD_BYTES)),
    (Reason.TOO_DEEP, lambda event: orjson.dumps(event)[:-1] + b',"context":' + b"[" * 40 + b"]" * 40 + b"}"),
)


def malform(event: Event, random: np.random.Generator) -> tuple[Reason, bytes | None]:
    """A spoilt record made from a valid event (with timestamp, item and user), and why it must be refused."""
    reason, recipe = RECIPES[int(random.integers(len(RECIPES)))]
    return reason, recipe(event)
