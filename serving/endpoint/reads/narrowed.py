"""A user's list as one request narrows it: filters, items to leave out, pages of a list that changes.

Out of the stored list first, which `boost` puts in another order. Where that runs dry, out of the row of the asked-for
genre, then of what the country or everybody watches: such items say so in `source`. Everything is looked at by the card
of the item and the limits of the reader, so an answer may be short, and holds nothing that was not asked for.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final
from zlib import crc32

import orjson

from serving.endpoint.bodies import etag_of_shown, now_ms, opening, source_of
from serving.endpoint.card_fields import asked_fields
from serving.endpoint.item_filter import BOOST, FILTERS, ItemFilter
from serving.endpoint.list_filter import Item, joined
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.page_token import PAGE, mark_of, shown_before, token_after
from serving.endpoint.parameters import text
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.endpoint.supply import FoundList, ListReader
from serving.experiments import UNTREATED
from serving.item_card import NOBODYS
from serving.keys import GENRE_ROW, HOMEPAGE
from serving.seen_filter import item_hash
from streams.contract.item_details import decode_details

EXCLUDE: Final = text("exclude", "Ids of items to leave out, with commas between.", 512)
PARAMETERS: Final = (*FILTERS, BOOST, EXCLUDE, PAGE)
NAMES: Final = frozenset(parameter.name for parameter in PARAMETERS)
_SCORE: Final = re.compile(rb'(?<=,"score":)[0-9.]+')  # quotes inside a title are escaped: no title holds this
#: What `boost` multiplies the scores of what fits with, as an operator's boost would.
BOOST_FACTOR: Final = 2.0
#: Of a shared list so many items are looked through at most.
_LOOKED_THROUGH: Final = 1_000


class NarrowedRead:
    """Answers with what is left of the list, and what goes on from there."""

    def __init__(self, store: Store, cache_control: Header) -> None:
        self._store = store
        self._cache_control = cache_control

    async def __call__(self, given: Given) -> Response:
        """Always 200, perhaps without items."""
        store, at_ms = self._store, now_ms()
        user_id, context = given["user_id"], given.get("context", HOMEPAGE)
        offset, limit, country = given.get("offset", 0), given.get("limit", 20), given.get("country", "")
        if country:
            store.countries.add(country)
        version, stored_id = store.versions.of(user_id), store.stored_id(user_id)
        own, audience = await asyncio.gather(
            store.user_list(user_id, context, version), store.audience(version, user_id)
        )
        mine = [] if own is None else store.eligible(own, audience, given, at_ms)
        if not mine and context != HOMEPAGE:
            own = await store.user_list(user_id, HOMEPAGE, version) or own
            mine = [] if own is None else store.eligible(own, audience, given, at_ms)
        limits = store.audiences.limits(audience, given, lost=own is not None)
        reader = ListReader(limits, audience, at_ms, _LOOKED_THROUGH)
        popular = await store.supply.popular(own.version if own else version, context, country, reader)
        main = own or popular[0]
        supplied: list[tuple[str, FoundList, list[Item]]] = []
        if own is not None:
            supplied.append(("", own, mine))
        if genre := given.get("genre"):
            names = main.version.cards.cards.genres.names_of(genre)
            row = await store.supply.row(main.version, GENRE_ROW, (genre, *names), reader)
            if row is not None:
                supplied.append(("genre", *row))
        supplied.append((source_of(opening(popular[0], user_id, at_ms)), *popular))
        if boost := given.get("boost"):
            source, found, items_found = supplied[0]
            supplied[0] = source, found, boosted(items_found, ItemFilter.boosted(boost), main)
        before = shown_before(given.get("page"))
        wanted = _wanted(main, supplied, before, given, reader)
        chosen = [item for _, item in zip(range(offset + limit), wanted, strict=False)][offset:]
        items = joined(_falling(chosen), 0, limit, main.version.cards.cards, asked_fields(given))
        token = token_after(before, [key for key, _ in chosen])
        treatment = UNTREATED
        if own is None:
            device = given.get("device_type", "")
            treatment = store.versions.treatment(stored_id, country, device, is_known=audience is not None)
        head = opening(main, user_id, at_ms, treatment=treatment)
        body = b'%b,"next_page":%b,"recommendations":[%b]}' % (head, orjson.dumps(token), items)
        asked = sorted((name, str(value)) for name, value in given.items())
        shape = b"%b.%x" % (reader.name, crc32(orjson.dumps(asked)))
        source = "personal" if own is not None else source_of(head)
        shown = ShownAnswer(at_ms, given, source, head, items, is_fallback=own is None)
        return json_response(body, self._cache_control, etag_of_shown(main, shape, items), shown)


def _wanted(
    main: FoundList,
    supplied: list[tuple[str, FoundList, list[Item]]],
    before: frozenset[bytes],
    given: Given,
    reader: ListReader,
) -> Iterator[Item]:
    """The items that were asked for and not shown yet, each once, of lists of one version."""
    asked, cards = ItemFilter.of(given), main.version.cards
    held, told = cards.cards.held, cards.formerly.facts
    passed_over = {item_hash(name) for name in given.get("exclude", "").split(",")}
    for source, found, items in supplied:
        if found.version is not main.version:
            continue
        for key, fragment in items:
            card = held.get(key)
            if card is None or key in passed_over or mark_of(key) in before:
                continue
            # The cards were looked at where the list was; those that the former release may have hidden are few.
            if key in told and not reader.limits.allow(cards.facts_of(key) or NOBODYS, reader.at_ms):
                continue
            details = decode_details(card.details)
            if asked.fits(details, _day(details.released_at_ms)):
                passed_over.add(key)
                yield key, fragment[:-1] + b',"source":"%b"}' % source.encode() if source else fragment


def boosted(items: list[Item], wanted: ItemFilter, found: FoundList) -> list[Item]:
    """The items of a list by score, which counts more where an item fits; those say so. An item shows the highest score
    of those after it, as after re-ranking."""
    held, ordered = found.version.cards.cards.held, list[tuple[float, float, Item]]()
    for key, fragment in items:
        card, told = held.get(key), _SCORE.search(fragment)
        score = float(told[0]) if told is not None else 0.0
        details = decode_details(card.details if card is not None else b"")
        if wanted.fits(details, _day(details.released_at_ms)):
            ordered.append((score * BOOST_FACTOR, score, (key, fragment[:-1] + b',"boosted":true}')))
        else:
            ordered.append((score, score, (key, fragment)))
    ordered.sort(key=itemgetter(0), reverse=True)  # those of equal scores stay as they were
    made, highest = list[Item](), 0.0
    for _, score, (key, fragment) in reversed(ordered):
        highest = max(highest, score)
        made.append((key, _SCORE.sub(b"%.4f" % highest, fragment, count=1)))
    return made[::-1]


def _day(time_ms: int | None) -> str:
    return "" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).date().isoformat()


def _falling(items: list[Item]) -> list[Item]:
    """With scores that never rise, though items are of several lists."""
    made, lowest = list[Item](), 1.0
    for key, fragment in items:
        score = _SCORE.search(fragment)
        if score is not None:
            lowest = min(lowest, float(score[0]))
            fragment = _SCORE.sub(b"%.4f" % lowest, fragment, count=1)
        made.append((key, fragment))
    return made
