"""Who may see what: from the user's record in Redis, else as it was last known, else the default for strangers.

The record is read in the same round trip as the list. What was read is held for a day, so that a reader who may see
little is not taken for a stranger while Redis is away or has lost the record; and it need not be read again while the
list beside it is the same, because whoever changes it changes that list (serving/list_format.py).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from serving.audience import Audience, decode
from serving.eligibility import ViewingLimits, narrowed
from serving.endpoint.card_fields import Fields
from serving.endpoint.messages import Given
from serving.endpoint.versions import Version
from streams.contract.catalog import MATURITIES, Maturity, maturity_age

MAX_HELD = 50_000  # 50 MB at 1 KB each, which is what is read of a record
HELD_S = 24 * 3600
PAGES_BYTES = 32 << 20  # 6,000 pages of 20 items: those who read again before their list or the catalogue changed
#: What a kept page costs beside its bytes: its reader's record, 1 KB, which it keeps in memory also when nobody else
#: does, and the objects that both are made of. 1,620 measured for a full record.
PAGE_OVERHEAD_BYTES = 1700
ANY_AGE = maturity_age("18")
#: For people whose list is there and whose record is lost: they are no strangers, and nobody knows what they may see.
LOST = ViewingLimits(-1)
OPEN = ViewingLimits(ANY_AGE)
#: See `Held`.
PageOf = tuple[int, int, int, Fields]
NO_PAGE: PageOf = (-1, -1, -1, ())


class Held:
    """A record, when it was last known to be in force, and beside which list of which version it lay (None = which is
    not known). Up to `end` all of that list may be shown whatever the time, by cards of a `generation`; `page` is what
    was shown of it last, joined, and `page_of` which (offset, limit, generation, fields) that is."""

    __slots__ = ("audience", "beside", "confirmed_s", "end", "generation", "page", "page_of", "version")

    def __init__(self, audience: Audience, beside: bytes, version: Version | None, confirmed_s: float) -> None:
        self.audience = audience
        self.beside = beside
        self.version = version
        self.confirmed_s = confirmed_s
        self.generation = self.end = -1
        self.page = b""
        self.page_of: PageOf = NO_PAGE


class Audiences:
    """The records of those who read last."""

    def __init__(self, default_maturity: Maturity) -> None:
        self._default = ViewingLimits(maturity_age(default_maturity))
        self._held: OrderedDict[str, Held] = OrderedDict()  # by when they were read, the longest ago first
        self.now_s = time.monotonic()  # at the last refresh
        self._pages: deque[tuple[Held, int]] = deque()  # by when they were joined, with their sizes
        self._page_bytes = 0
        #: What was read of a user by their stored id, however long ago; None = nothing.
        self.read_before = self._held.get

    def __len__(self) -> int:
        """How many readers' records are held."""
        return len(self._held)

    def take(
        self, stored_id: str, value: bytes, beside: bytes = b"", version: Version | None = None
    ) -> Audience | None:
        """The user's record, of which Redis gave `value` (b"" = none); None when it is not known. `beside` is
        `list_format.WHICH_ONE` of the homepage's list of a version, when that was read before."""
        audience = decode(value, stored_id) if value else None
        if audience is None:
            return self.held(stored_id)
        held = self._held
        held.pop(stored_id, None)
        if len(held) >= MAX_HELD:
            held.popitem(last=False)
        held[stored_id] = Held(audience, beside, version if beside else None, self.now_s)
        return audience

    def keep_page(self, held: Held, page: bytes, page_of: PageOf) -> None:
        """Remembers what a reader was shown, PAGES_BYTES of all of them. Empty pages are not worth it."""
        if not page:
            return
        size = len(page) + PAGE_OVERHEAD_BYTES
        held.page, held.page_of = page, page_of
        self._pages.append((held, size))
        self._page_bytes += size
        while self._page_bytes > PAGES_BYTES:
            oldest, size = self._pages.popleft()
            self._page_bytes -= size
            oldest.page, oldest.page_of = b"", NO_PAGE

    def held(self, stored_id: str) -> Audience | None:
        """What was last known of the user, a day ago at most."""
        known = self._held.get(stored_id)
        return known.audience if known is not None and self.now_s - known.confirmed_s < HELD_S else None

    def limits(self, audience: Audience | None, given: Given, *, lost: bool = False) -> ViewingLimits:
        """What lists of everybody may show: what the user may see, and no more than the request and its token allow. Of
        a stranger the token says it, else the default. `lost`: it is no stranger, see LOST."""
        if audience is not None:
            limits = audience.limits
        elif lost:
            limits = LOST
        else:
            limits = OPEN if "token_age" in given else self._default
        return _narrowed(limits, given)

    def own_limits(self, audience: Audience, given: Given) -> ViewingLimits:
        """The same of a user's own list."""
        return _narrowed(audience.limits, given) if restricts(given) else audience.limits

    def restricting(self, given: Given) -> ViewingLimits | None:
        """What a request allows by itself; None = everything."""
        return _narrowed(OPEN, given) if restricts(given) else None


def restricts(given: Given) -> bool:
    """Whether a request may allow less than its user may see."""
    return "country" in given or "max_maturity" in given or "token_age" in given


def _narrowed(limits: ViewingLimits, given: Given) -> ViewingLimits:
    age = min(maturity_age(given.get("max_maturity", MATURITIES[-1])), given.get("token_age", ANY_AGE))
    return narrowed(limits, age, given.get("country", ""))
