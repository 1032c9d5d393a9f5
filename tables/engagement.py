"""Which events speak for an item, and which of them count towards its popularity."""

from streams.event_weights import WEIGHTS
from streams.events import EventType
from tables.type_codes import CODE_OF, FINISHED

POSITIVE: frozenset[EventType] = frozenset(kind for kind, weight in WEIGHTS.items() if weight > 0)
POSITIVE_CODES: frozenset[int] = frozenset({*(CODE_OF[kind] for kind in POSITIVE), FINISHED})

# Players report progress every few seconds: it shows attention, but counting it would rank items by their length.
COUNTED: frozenset[EventType] = POSITIVE - {EventType.WATCH_PROGRESS}
COUNTED_CODES: frozenset[int] = frozenset(CODE_OF[kind] for kind in COUNTED)
