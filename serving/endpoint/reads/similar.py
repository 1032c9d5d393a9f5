"""GET /api/v1/items/{item_id}/similar: what goes with an item, for everybody or in the order of one user."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from serving.endpoint.bodies import etag_of_shown, head_of, labels_by_version, new_recommendation_id, now_ms
from serving.endpoint.card_fields import FIELDS, asked_fields
from serving.endpoint.list_filter import Item, filter_list, joined, left, split
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, text
from serving.endpoint.personal_order import in_order_of
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import COUNTRY, LIMIT, MAX_MATURITY, REFRESH
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.endpoint.supply import FoundList, ListReader
from serving.endpoint.versions import Version
from serving.experiments import UNTREATED
from serving.keys import HOMEPAGE
from serving.list_format import WHICH_ONE
from serving.seen_filter import item_hash
from streams.contract.served import Algorithm, Surface

ITEM_ID = text("item_id", "The item whose neighbours are asked for.", required=True)
FOR_USER = text("user_id", "Whose order the items are put in.")
PARAMETERS = Parameters((LIMIT, COUNTRY, MAX_MATURITY, FOR_USER, FIELDS, REFRESH))
#: The same by the words of others.
CONTENT_ID = text("content_id", "The item whose neighbours are asked for.", required=True)
_BY_CONTENT: Final = frozenset((Algorithm.CONTENT, Algorithm.EMBEDDING))


class SimilarRead:
    """Answers with the ready neighbours; an item without any gets what is popular, labelled in `source`."""

    def __init__(self, store: Store, cache_control: Header, private: Header, reads: ReadNotes) -> None:
        self._store = store
        self._cache_control = cache_control
        self._reads = reads
        self._private = private

    async def __call__(self, given: Given) -> Response:
        """Always 200. With a user, what is both near the item and on the user's list comes first."""
        store = self._store
        item_id, limit, user_id = given["item_id"], given.get("limit", 20), given.get("user_id")
        version = store.versions.first() if user_id is None else store.versions.of(user_id)
        at_ms = now_ms()
        if user_id is None:
            near, own, audience = await store.similar(item_id, version), None, None
        else:
            self._reads.add(user_id)
            near, own, audience = await asyncio.gather(
                store.similar(item_id, version),
                store.user_list(user_id, HOMEPAGE, version),
                store.audience(version, user_id),
            )
        limits = store.audiences.limits(audience, given, lost=own is not None)
        reader, name = ListReader(limits, audience, at_ms, limit), orjson.dumps(item_id)
        itself = item_hash(item_id)
        found, items, source = await self._found(near, version, itself, reader)
        if not items and near is not None and own is not None and audience is None:
            # What they may see is not known, but what is on their list they may.
            mine = {key for key, _ in store.eligible(own, audience, given, at_ms)} - {itself}
            found, source = near, b"similar"
            items = [item for item in split(near.value, near.prefix, near.version.cards).items if item[0] in mine]
        if own is not None and own.version is found.version:  # an answer comes from one version
            items = in_order_of(own, items)
        items = self._worded(items[:limit])
        shown = joined(items, 0, limit, found.version.cards.cards, asked_fields(given))
        treatment = store.versions.version_treatment(user_id)
        labels = labels_by_version(found.version, treatment)
        made = new_recommendation_id()
        body = b'{%b,"recommendation_id":"%b","similar_items":[%b],"source":"%b",%b}' % (
            *(self._named(name), made, shown, source, labels),
        )
        shape = b"%d.%b" % (limit, reader.name)
        if own is not None:
            shape += b"." + own.value[WHICH_ONE].hex().encode()
        if treatment is not UNTREATED:
            shape += b"." + treatment.variant.encode()
        head = head_of(user_id or "", made, source, labels)
        told = ShownAnswer(at_ms, given, source.decode(), head, shown, Surface.SIMILAR, source == b"popular")
        control = self._cache_control if user_id is None else self._private
        return json_response(body, control, etag_of_shown(found, shape, shown), told)

    def _named(self, name: bytes) -> bytes:
        return b'"item_id":%b' % name

    def _worded(self, items: list[Item]) -> list[Item]:
        return items

    async def _found(
        self, near: FoundList | None, version: Version, itself: int, reader: ListReader
    ) -> tuple[FoundList, list[Item], bytes]:
        """The neighbours that the reader may see and has not met, else what is popular; never the item `itself`."""
        if near is not None:
            allowed = filter_list(near.value, near.prefix, near.version.cards, reader.limits, reader.at_ms)
            items = [item for item in left(allowed, reader.audience) if item[0] != itself]
            if items:
                return near, items, b"similar"
        found, items = await self._store.supply.popular(version, HOMEPAGE, "", reader)
        return found, [item for item in items if item[0] != itself], b"popular"


class ContentSimilarRead(SimilarRead):
    """The same by the words of others, beside ours: content_id, similarity_score, similarity_type."""

    async def __call__(self, given: Given) -> Response:
        """See SimilarRead."""
        given["item_id"] = given["content_id"]
        return await super().__call__(given)

    def _named(self, name: bytes) -> bytes:
        return b'"item_id":%b,"content_id":%b' % (name, name)

    def _worded(self, items: list[Item]) -> list[Item]:
        return [(key, _in_others_words(fragment)) for key, fragment in items]


def _in_others_words(fragment: bytes) -> bytes:
    item = orjson.loads(fragment)
    alike = "content" if item.get("algorithm") in _BY_CONTENT else "behavior"
    said = {"content_id": item["item_id"], "similarity_score": item["score"], "similarity_type": alike}
    return fragment[:-1] + b"," + orjson.dumps(said)[1:]
