"""GET /api/v1/recommendations/homepage/{user_id}: the rows of a homepage, no item twice.

    top_picks             the user's list; called "Watch again" when they have met everything
    continue_watching     what they have begun
    because_you_watched   what goes with what they liked last; the title cites it
    trending              the 24-hour trend of their country, else of everywhere; never older than 15 minutes
    new_releases          of their country, else of everywhere
    popular_in_genre      of their favourite genre; `popular` where none is known

All rows are of one version, that of the user's list. What the user may not see is left out of each, what they have met
out of the last three, which are made for everybody; trending and the last are in the order of their own list.
"""

from __future__ import annotations

import asyncio
from binascii import hexlify
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from serving.endpoint.bodies import etag_of_shown, now_ms, opening, source_of
from serving.endpoint.card_fields import FIELDS, Fields, asked_fields
from serving.endpoint.list_filter import joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters
from serving.endpoint.personal_order import in_order_of
from serving.endpoint.reads.recommendations import COUNTRY, DEVICE_TYPE, LIMIT, MAX_MATURITY, REFRESH
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.endpoint.supply import FoundList, ListReader, Supplied
from serving.endpoint.versions import Version
from serving.experiments import UNTREATED
from serving.keys import GENRE_ROW, GLOBAL_REGION, HOMEPAGE, NEW_ROW, POST_PLAY, TRENDING_TTL_S, WINDOWS
from serving.list_format import WHICH_ONE, header_bytes
from streams.contract.served import Surface

PARAMETERS = Parameters((LIMIT, COUNTRY, MAX_MATURITY, DEVICE_TYPE, FIELDS, REFRESH))
#: A list of what its user has seen before is not called their top picks. Quotes inside a title are escaped.
_SEEN_AGAIN = b'"reason_code":"seen_again"'
ROWS = 6
#: Rows of what many like, in the order of the reader's own list. New releases stay newest first.
IN_THEIR_ORDER = frozenset(("trending", "popular_in_genre", "popular"))


class Row(NamedTuple):
    """One row before duplicates are taken out. Without a title it is called by the reason of its first item."""

    id: str
    title: str
    supplied: Supplied | None


class HomepageRead:
    """Reads the user's own rows in one round trip and joins them with the shared ones held in the process."""

    def __init__(self, store: Store, cache_control: Header) -> None:
        self._store = store
        self._cache_control = cache_control

    async def __call__(self, given: Given) -> Response:
        """Always 200. Rows that would be empty are left out; `limit` is per row."""
        store, given = self._store, self._completed(given)
        user_id, limit, at_ms = given["user_id"], given.get("limit", 20), now_ms()
        version = store.versions.of(user_id)  # once: it may change meanwhile
        own, begun, after, audience = await asyncio.gather(
            store.user_list(user_id, HOMEPAGE, version),
            store.continue_list(user_id, version),
            store.user_list(user_id, POST_PLAY, version),
            store.audience(version, user_id),
        )
        page = _page(begun)
        country = given.get("country") or page["country"]
        if country:
            store.countries.add(country)
        limits = store.audiences.limits(audience, given, lost=own is not None)
        # A row may lose to those above it whatever they show: as many more items are needed.
        reader = ListReader(limits, audience, at_ms, ROWS * limit)
        popular = await store.supply.popular(own.version if own else version, HOMEPAGE, country, reader)
        main = own or popular[0]

        def eligible(found: FoundList | None) -> Supplied | None:
            return None if found is None else (found, store.eligible(found, audience, given, at_ms))

        rows = [
            Row("top_picks", "Top picks", eligible(own)),
            Row("continue_watching", "Continue watching", eligible(begun)),
            Row("because_you_watched", "", eligible(after)),
            *await self._shared_rows(main.version, country, page["genre"], popular, reader),
        ]
        rows = [row for row in rows if row.supplied is None or row.supplied[0].version is main.version]
        rows = [_ordered(row, own) if row.id in IN_THEIR_ORDER else row for row in rows]
        rows = self._shown(rows, at_ms)
        treatment = UNTREATED
        if own is None:
            treatment = store.versions.treatment(
                store.stored_id(user_id), country, given.get("device_type", ""), is_known=audience is not None
            )
        head, sections = opening(main, user_id, at_ms, treatment=treatment), _sections(rows, limit, asked_fields(given))
        items = b",".join(sections)
        said = self._said(at_ms)
        body = b'%b%b,"sections":[%b]}' % (head, said, items)
        made = b".".join(hexlify(row.supplied[0].value[WHICH_ONE]) if row.supplied else b"" for row in rows)
        shape = b"%b.%d.%d.%b%x" % (made, limit, at_ms > main.prefix.expires_at_ms, reader.name, crc32(said))
        if treatment is not UNTREATED:
            shape = b"%b.%b" % (shape, treatment.variant.encode())
        source = source_of(head) if own is None else "personal"
        shown = ShownAnswer(at_ms, given, source, head, items, Surface.HOMEPAGE, is_fallback=own is None)
        tag = self._tag(etag_of_shown(main, shape, items), body)
        return json_response(body, self._cache_control, tag, shown)

    def _completed(self, given: Given) -> Given:
        """What is asked for, where a request does not say it."""
        return given

    def _shown(self, rows: list[Row], _at_ms: int) -> list[Row]:
        """What is left of rows that may be shown now."""
        return rows

    def _tag(self, of_lists: bytes, _body: bytes) -> bytes:
        """The entity tag; `of_lists` is another one whenever a list was written again."""
        return of_lists

    def _said(self, _at_ms: int) -> bytes:
        """Further members of the answer."""
        return b""

    async def _shared_rows(
        self, version: Version, country: str, genre: str, popular: Supplied, reader: ListReader
    ) -> list[Row]:
        supply = self._store.supply
        rows = [
            await self._trending(version, country, reader),
            Row("new_releases", "New releases", await supply.row(version, NEW_ROW, (country, GLOBAL_REGION), reader)),
        ]
        of_genre = await supply.row(version, GENRE_ROW, (genre,), reader)
        if of_genre is None or not of_genre[1]:
            return [*rows, Row("popular", "Popular", popular)]
        return [*rows, Row("popular_in_genre", f"Popular in {genre}", of_genre)]

    async def _trending(self, version: Version, country: str, reader: ListReader) -> Row:
        for place in dict.fromkeys((country or GLOBAL_REGION, GLOBAL_REGION)):
            shown = await self._store.supply.trending_in(version, place, WINDOWS[0], reader)
            if shown is not None and reader.at_ms - shown[0].prefix.generated_at_ms <= TRENDING_TTL_S * 1000:
                return Row("trending", "", shown)
        return Row("trending", "", None)


def _page(begun: FoundList | None) -> dict[str, Any]:
    """What the shared rows depend on (ranking.rows.Page); of somebody of whom nothing is known, nothing."""
    if begun is not None:
        page: dict[str, Any] | None = orjson.loads(header_bytes(begun.value, begun.prefix)).get("page")
        if page is not None:
            return page
    return {"genre": "", "country": ""}


def _ordered(row: Row, own: FoundList | None) -> Row:
    if row.supplied is None:
        return row
    found, items = row.supplied
    return row._replace(supplied=(found, in_order_of(own, items)))


def _sections(rows: list[Row], limit: int, fields: Fields) -> list[bytes]:
    on_page: set[int] = set()
    sections = []
    for row in rows:
        if row.supplied is None:
            continue
        cards = row.supplied[0].version.cards.cards
        if items := [item for item in row.supplied[1] if item[0] not in on_page][:limit]:
            on_page.update(key for key, _ in items)
            named = row.title and _SEEN_AGAIN not in items[0][1]
            head = orjson.dumps({"id": row.id, "title": row.title if named else orjson.loads(items[0][1])["reason"]})
            sections.append(b'%b,"items":[%b]}' % (head[:-1], joined(items, 0, limit, cards, fields)))
    return sections
