"""GET /api/v1/users/{user_id}/bundle: a homepage with its cards, for a device to keep and show while it is offline.

What it holds may be shown from now until `keep_until`, at least a day later; then the device throws it away. Nobody can
call it back meanwhile, so items whose time ends before that are left out. The hour is the same for all who ask within
one, so that an unchanged bundle has an unchanged tag.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from serving.eligibility import AnyLimits
from serving.endpoint.card_fields import FIELDS
from serving.endpoint.messages import Given
from serving.endpoint.parameters import Parameters, integer
from serving.endpoint.reads.homepage import HomepageRead, Row
from serving.endpoint.reads.recommendations import COUNTRY, DEVICE_TYPE, MAX_MATURITY
from serving.fragments import rfc3339
from streams.contract.units import HOUR_MS

#: Of six rows: 300 items of 2.5 KB at most.
PER_ROW: Final = integer("limit", "How many items a row.", 1, 50, 20)
PARAMETERS: Final = Parameters((PER_ROW, COUNTRY, MAX_MATURITY, DEVICE_TYPE, FIELDS))
KEPT_MS: Final = 24 * HOUR_MS
FIELDS_KEPT: Final = "card,people,year,maturity"
_IN_TIME: Final = AnyLimits()


def keep_until_ms(at_ms: int) -> int:
    """Until when what is answered at a time may be kept: a whole hour, 24 to 25 hours later."""
    return (at_ms // HOUR_MS + 1) * HOUR_MS + KEPT_MS


class BundleRead(HomepageRead):
    """Answers with the rows of a homepage and their cards, to be kept for a day."""

    def _completed(self, given: Given) -> Given:
        return {"fields": FIELDS_KEPT} | given

    def _shown(self, rows: list[Row], at_ms: int) -> list[Row]:
        until_ms = keep_until_ms(at_ms)
        return [_kept(row, until_ms) for row in rows]

    def _tag(self, _of_lists: bytes, body: bytes) -> bytes:
        # Lists of everybody are written every second, mostly with the items that they had.
        return b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()

    def _said(self, at_ms: int) -> bytes:
        return b',"keep_until":"%b"' % rfc3339(keep_until_ms(at_ms)).encode()


def _kept(row: Row, until_ms: int) -> Row:
    if row.supplied is None:
        return row
    found, items = row.supplied
    facts_of = found.version.cards.facts_of
    kept = [item for item in items if _IN_TIME.allow(facts_of(item[0]) or b"", until_ms)]
    return row._replace(supplied=(found, kept))
