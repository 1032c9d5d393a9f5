"""What is worked out once of an event is what the functions say that work it out of each."""

from itertools import product

import pytest

from streams.contract.event_weights import weight_of
from streams.contract.events import EventType, Interaction, effective_type
from tables.engagement import CONSUMED, COUNTED
from tables.engagement_state import code_of, watch_after
from tables.event_facts import facts_of
from tables.type_codes import CODE_OF

EVENTS = [
    Interaction("e", kind, "u", "i", 1_700_000_000_000, completion_pct=completion_pct, rating=rating)
    for kind, completion_pct, rating in product(
        EventType, (None, 0.0, 89.9, 90.0, 100.0), (None, 0.5, 2.5, 3.0, 3.5, 4.0, 5.0)
    )
    if not (kind is EventType.RATING and rating is None)
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.event_type} {event.completion_pct} {event.rating}")
def test_facts_are_what_each_event_says(event: Interaction) -> None:
    facts, kind = facts_of(event), effective_type(event)
    assert facts.kind_code == CODE_OF[kind]
    assert facts.code == code_of(event)
    assert facts.weight == max(0, weight_of(event))
    assert (facts.counts, facts.consumes) == (kind in COUNTED, kind in CONSUMED)
    assert facts.is_neutral == (event.event_type in (EventType.IMPRESSION, EventType.SEARCH))
    assert facts.rates == (event.event_type is EventType.RATING)
    assert facts.watches or [watch_after(known, event, late=False) for known in range(3)] == [0, 1, 2]
