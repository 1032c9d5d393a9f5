"""GET /api/v1/items/{item_id}/similar: what goes with an item, for everybody or in the order of one user."""

from __future__ import annotations

import asyncio
import re

import orjson

from serving.endpoint.blocked import cut_without, id_of
from serving.endpoint.bodies import etag_of
from serving.endpoint.messages import Given, Header, Response, json_response
from serving.endpoint.parameters import Parameters, text
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.reads.recommendations import LIMIT
from serving.endpoint.store import Found, Store
from serving.keys import HOMEPAGE
from serving.list_format import cut_each

ITEM_ID = text("item_id", "The item whose neighbours are asked for.", required=True)
FOR_USER = text("user_id", "Whose order the items are put in.")
PARAMETERS = Parameters((LIMIT, FOR_USER))

#: How much the first places of the two orders differ: a large number makes both count alike all the way down.
FUSION = 20
_SCORE = re.compile(rb'(?<=,"score":)[0-9.]+')  # quotes inside a title are escaped: no title holds this


class Similar:
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
        if user_id is None:
            found, own = await store.similar(item_id, version), None
        else:
            self._reads.add(user_id)
            found, own = await asyncio.gather(
                store.similar(item_id, version), store.user_list(user_id, HOMEPAGE, version)
            )
        source = b"similar"
        if found is None:
            found, source = await store.popular(version, HOMEPAGE, ""), b"popular"
        if own is not None and own.version is not found.version:
            own = None  # an answer comes from one version
        name = orjson.dumps(item_id)
        hidden = found.version.blocked | {name}
        if own is None:
            items = cut_without(found.value, found.prefix, 0, limit, hidden)
        else:
            items = b",".join(_in_order_of(own, found, hidden)[:limit])
        labels = found.version.labels
        body = b'{"item_id":%b,"similar_items":[%b],"source":"%b",%b}' % (name, items, source, labels)
        shape = b"%d" % limit if own is None else b"%d.%b" % (limit, own.value[2:22].hex().encode())
        return json_response(body, self._cache_control if user_id is None else self._private, etag_of(found, shape))


def _in_order_of(own: Found, found: Found, hidden: frozenset[bytes]) -> list[bytes]:
    """The neighbours by the sum of 1 / (20 + place) in both lists: what the user has met or may not see is on no list
    of theirs and falls behind what is. Scores keep their places, so that they never rise."""
    fragments = [item for item in cut_each(found.value, found.prefix) if id_of(item) not in hidden]
    places = {id_of(item): place for place, item in enumerate(cut_each(own.value, own.prefix))}

    def worth(numbered: tuple[int, bytes]) -> float:
        place, item = numbered
        wanted = places.get(id_of(item))
        return 1 / (FUSION + place) + (0.0 if wanted is None else 1 / (FUSION + wanted))

    ordered = sorted(enumerate(fragments), key=worth, reverse=True)
    scores = [_SCORE.search(item) for item in fragments]
    return [
        _SCORE.sub(score[0], item, count=1) if score else item for (_, item), score in zip(ordered, scores, strict=True)
    ]
