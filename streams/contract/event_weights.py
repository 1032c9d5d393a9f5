"""How much each interaction says about taste: the only table of event weights."""

from typing import Final

from streams.contract.events import EventType, Interaction, effective_type

__all__ = ["FINISHED_PCT", "FINISHED_WEIGHT", "WEIGHTS", "effective_type", "is_finished_watch", "weight_of"]

#: A watch that got this far, in percent, counts as finished: the rest is credits.
FINISHED_PCT: Final = 90.0
FINISHED_WEIGHT: Final = 5

#: Whole numbers, so that sums do not depend on the order of events. A rating has the weight of its effective type.
WEIGHTS: Final = {
    EventType.PURCHASE: 10,
    EventType.LIKE: 5,
    EventType.CLICK: 3,
    EventType.ADD_TO_LIST: 3,
    EventType.VIEW: 1,
    EventType.PLAY: 1,
    EventType.WATCH_START: 1,
    EventType.WATCH_PROGRESS: 1,
    EventType.WATCH_END: 1,
    EventType.IMPRESSION: 0,
    EventType.SEARCH: 0,
    EventType.SKIP: -1,
    EventType.DISLIKE: -3,
    EventType.HIDE: -5,
}
_WATCHES: Final = frozenset({EventType.WATCH_PROGRESS, EventType.WATCH_END})


def weight_of(event: Interaction) -> int:
    """The weight of an event, -5 to 10; below 0 the user did not like the item.

    >>> weight_of(Interaction("e", EventType.WATCH_END, "u", "i", 1_700_000_000_000, completion_pct=97.0))
    5
    >>> weight_of(Interaction("e", EventType.RATING, "u", "i", 1_700_000_000_000, rating=2.0))
    -3
    """
    if is_finished_watch(event):
        return FINISHED_WEIGHT
    return WEIGHTS[effective_type(event)]


def is_finished_watch(event: Interaction) -> bool:
    """Whether the event reports that the user watched the item to its end.

    >>> is_finished_watch(Interaction("e", EventType.WATCH_END, "u", "i", 1_700_000_000_000, completion_pct=40.0))
    False
    """
    return event.event_type in _WATCHES and event.completion_pct is not None and event.completion_pct >= FINISHED_PCT
