"""Event types as small integers, as rows and deltas store them. Codes are part of the stored format: never renumber."""

from streams.contract.events import EventType

CODE_OF: dict[EventType, int] = {
    EventType.IMPRESSION: 1,
    EventType.CLICK: 2,
    EventType.VIEW: 3,
    EventType.PLAY: 4,
    EventType.WATCH_START: 5,
    EventType.WATCH_PROGRESS: 6,
    EventType.WATCH_END: 7,
    EventType.LIKE: 8,
    EventType.DISLIKE: 9,
    EventType.SKIP: 10,
    EventType.RATING: 11,
    EventType.PURCHASE: 12,
    EventType.ADD_TO_LIST: 13,
    EventType.HIDE: 14,
    EventType.SEARCH: 15,
}
#: In a history only: the user watched the item to its end, whatever event said so.
FINISHED = 16

if FINISHED in CODE_OF.values():
    raise AssertionError("the code of a finished watch is taken")
if set(CODE_OF) != set(EventType):
    raise AssertionError("every event type needs a code")
