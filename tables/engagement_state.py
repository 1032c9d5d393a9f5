"""What is known of one user and one item after several events: the strongest says it, not the last.

What the user makes of the item, as the type code that a history holds:

    strength      said by                                                      against one of the same strength
    3 explicit    like, dislike, hide, purchase, add_to_list, every rating     the newer
    2 finished    a watch to its end                                           (they are the same)
    1 in passing  click, view, play, watch_start, _progress, _end, skip        the newer

So a like that is followed by a skip remains a like, a finished film that is clicked on is still a finished film, and a
dislike after a like counts. An event that comes after newer ones about its item changes the code only when it is
stronger.

How far watching it has come:

    before \\ event    play, watch_start    another report of a watch    one that finishes    anything else
    not begun         begun                begun                        finished             not begun
    begun             begun                begun                        finished             begun
    finished          begun: again         finished                     finished             finished

A start that comes after newer events does not begin a finished watch again.
"""

from typing import Final

from streams.contract.event_weights import is_finished_watch
from streams.contract.events import EventType, Interaction, effective_type
from tables.type_codes import CODE_OF, FINISHED

NOT_BEGUN: Final = 0
BEGUN: Final = 1
ENDED: Final = 2

STARTS: Final = frozenset({EventType.PLAY, EventType.WATCH_START})
WATCHES: Final = STARTS | {EventType.WATCH_PROGRESS, EventType.WATCH_END}

_EXPLICIT = (EventType.LIKE, EventType.DISLIKE, EventType.HIDE, EventType.PURCHASE, EventType.ADD_TO_LIST)
_STRENGTH = {CODE_OF[kind]: 3 for kind in (*_EXPLICIT, EventType.RATING)} | {FINISHED: 2}


def code_of(event: Interaction) -> int:
    """The code of one event by itself. A rating is a like or a dislike, or else it is kept as a rating: 3 stars are no
    praise, but they were given on purpose.

    >>> code_of(Interaction("e", EventType.RATING, "u", "i", 0, rating=4.0)) == CODE_OF[EventType.LIKE]
    True
    """
    if is_finished_watch(event):
        return FINISHED
    kind = effective_type(event)
    is_fair = event.event_type is EventType.RATING and kind is EventType.VIEW
    return CODE_OF[EventType.RATING if is_fair else kind]


def code_after(known: int | None, code: int, *, late: bool) -> int:
    """The code after an event with `code` about an item that had the code `known` (None = new). `late`: there are newer
    events about the item."""
    if known is None:
        return code
    gained = _STRENGTH.get(code, 1) - _STRENGTH.get(known, 1)
    return code if gained > 0 or (gained == 0 and not late) else known


def watch_after(known: int, event: Interaction, *, late: bool) -> int:
    """How far watching has come after an event, from `known`."""
    if is_finished_watch(event):
        return ENDED
    if event.event_type not in WATCHES:
        return known
    if event.event_type in STARTS and not late:
        return BEGUN
    return max(known, BEGUN)
