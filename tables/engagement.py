"""Which events speak for an item, which count towards its popularity, and which tell what goes together."""

from streams.event_weights import WEIGHTS, is_finished_watch
from streams.events import EventType, Interaction, effective_type
from tables.type_codes import CODE_OF, FINISHED

POSITIVE: frozenset[EventType] = frozenset(kind for kind, weight in WEIGHTS.items() if weight > 0)
POSITIVE_CODES: frozenset[int] = frozenset({*(CODE_OF[kind] for kind in POSITIVE), FINISHED})

# Players report progress every few seconds: it shows attention, but counting it would rank items by their length.
COUNTED: frozenset[EventType] = POSITIVE - {EventType.WATCH_PROGRESS}
COUNTED_CODES: frozenset[int] = frozenset(CODE_OF[kind] for kind in COUNTED)

LIKED: frozenset[EventType] = frozenset({EventType.LIKE, EventType.PURCHASE, EventType.ADD_TO_LIST})

# Who dislikes or rates an item low has used it all the same: it says what goes together, unlike a skip or a hide.
# Measured on ml-100k, next item, last 20 %: HR@10 .208 without, .218 with them.
CONSUMED: frozenset[EventType] = POSITIVE | {EventType.DISLIKE}
CONSUMED_CODES: frozenset[int] = POSITIVE_CODES | {CODE_OF[EventType.DISLIKE]}


def is_liked(event: Interaction) -> bool:
    """Whether the event says that the item was liked and not merely used."""
    return is_finished_watch(event) or effective_type(event) in LIKED
