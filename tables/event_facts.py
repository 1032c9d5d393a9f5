"""What an event says by itself, worked out once for every kind of event instead of event by event."""

from typing import Final

import msgspec

from streams.contract.event_weights import WEIGHTS, is_finished_watch, weight_of
from streams.contract.events import EventType, Interaction, effective_type
from tables.engagement import CONSUMED, COUNTED
from tables.engagement_state import WATCHES, code_of
from tables.type_codes import CODE_OF

_NEUTRAL: Final = frozenset({EventType.IMPRESSION, EventType.SEARCH})


class EventFacts(msgspec.Struct, frozen=True, gc=False):
    """`kind_code` is of the effective type, `code` what a history keeps (`engagement_state.code_of`), `weight` what the
    event says for the item (0 = nothing, or against it). `counts`: towards popularity; `consumes`: the item was used;
    `is_neutral`: nothing was done with any item; `watches`: it reports a watch; `rates`: it is a rating."""

    kind_code: int
    code: int
    weight: int
    counts: bool
    consumes: bool
    is_neutral: bool
    watches: bool
    rates: bool


def facts_of(event: Interaction) -> EventFacts:
    """The facts of an event.

    >>> facts_of(Interaction("e", EventType.RATING, "u", "i", 0, rating=2.0)).counts
    False
    """
    event_type = event.event_type
    if event_type is _RATING:
        return _RATED[effective_type(event)]
    return _FINISHED[event_type] if is_finished_watch(event) else _OTHERS[event_type]


def _worked_out(event: Interaction) -> EventFacts:
    kind = effective_type(event)
    return EventFacts(
        CODE_OF[kind],
        code_of(event),
        max(0, weight_of(event)),
        kind in COUNTED,
        kind in CONSUMED,
        event.event_type in _NEUTRAL,
        event.event_type in WATCHES,
        event.event_type is EventType.RATING,
    )


def _like(kind: EventType, rating: float | None = None, completion_pct: float | None = None) -> Interaction:
    return Interaction("", kind, "", "", 0, rating=rating, completion_pct=completion_pct)


_RATING: Final = EventType.RATING
_OTHERS: Final = {kind: _worked_out(_like(kind)) for kind in WEIGHTS}
_FINISHED: Final = {
    kind: _worked_out(_like(kind, completion_pct=100))
    for kind in WEIGHTS
    if is_finished_watch(_like(kind, completion_pct=100))
}
_RATED: Final = {effective_type(rated): _worked_out(rated) for rated in (_like(_RATING, stars) for stars in (1, 3, 5))}
