"""The text indexes of the versions that serve, kept beside their cards, and asked without holding anybody up.

An index follows the cards of its version within a refresh. It is written in one thread and asked in another, because a
commit takes 30 ms and a wide query 10: the loop that answers everything else has neither.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

from serving.endpoint.problems import Problem
from serving.endpoint.search.remembered import RememberedMatches
from serving.endpoint.search.text_index import IndexedItem, Match, TextIndex
from serving.endpoint.versions import LiveVersions, Version
from serving.item_card import NOBODYS

ITEMS_A_TURN: Final = 2_000
#: Searches that wait for the thread; a hundred of them take a fifth of a second.
MAX_WAITING: Final = 100
#: Of a query so many items are looked at, and so many when the reader may see too few of these.
CANDIDATES: Final = 200
MOST_CANDIDATES: Final = 5_000


class ItemSearch:
    """Made within the event loop. `refused` counts searches that came while too many waited."""

    def __init__(self, versions: LiveVersions) -> None:
        self.refused = 0
        self._versions = versions
        self._indexes: dict[str, TextIndex] = {}
        self._whole: set[str] = set()  # versions all of whose cards were put into their index
        self._remembered = RememberedMatches()
        self._generation = 0  # grows whenever an index is another one: what is found meanwhile is not remembered
        self._writing = ThreadPoolExecutor(1, "search index")
        self._asking = ThreadPoolExecutor(1, "search")
        self._waiting = 0

    async def follow(self) -> None:
        """Brings the indexes up to what the cards are now; of a follow that failed everything is due again."""
        known = {version.keys.version: version for version in self._versions.known}
        for name, version in known.items():
            await self._follow(name, version)
        if self._whole.issuperset(known):  # until then those of versions that served before are asked
            self._whole.intersection_update(known)
            for name in self._indexes.keys() - known.keys():
                del self._indexes[name]
                self._forget()

    async def _follow(self, name: str, version: Version) -> None:
        cards = version.cards.cards
        while changed := cards.changed:
            keys = list(islice(changed, ITEMS_A_TURN))
            items = [self._item(version, key) for key in keys]
            changed.difference_update(keys)  # now: a card that changes meanwhile is due again
            index = self._indexes.get(name) or TextIndex()
            try:
                await asyncio.get_running_loop().run_in_executor(self._writing, index.put, items)
            except BaseException:
                changed.update(keys)
                raise
            self._indexes[name] = index
            self._forget()
        if cards.stamp:  # all of them were read
            self._whole.add(name)

    def _forget(self) -> None:
        self._generation += 1
        self._remembered.clear()

    def _item(self, version: Version, key: int) -> IndexedItem:
        cards = version.cards.cards
        card = cards.held.get(key)
        if card is None or card.facts == NOBODYS:
            return IndexedItem(key, None)
        return IndexedItem(key, cards.title_of(key), card.details)

    async def find(
        self, version: Version, words: tuple[str, ...], limit: int = CANDIDATES, *, mistyped: bool = False
    ) -> list[Match]:
        """As `TextIndex.find`: what a version's items are found by, while not all of them are in its index what another
        one's are. Raises a 503 Problem while too many searches wait."""
        name = self._asked_for(version.keys.version)
        index, query = self._indexes.get(name), (name, words, limit, mistyped)
        known = self._remembered.get(query)
        if known is not None or index is None or not words:
            return known or []
        if self._waiting >= MAX_WAITING:
            self.refused += 1
            raise Problem(503, "too many searches wait", sent_headers=[(b"retry-after", b"1")])
        self._waiting += 1
        generation = self._generation
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._asking, lambda: index.find(words, limit, mistyped=mistyped))
        finally:
            self._waiting -= 1
        if self._generation == generation:
            self._remembered.keep(query, found)
        return found

    def _asked_for(self, name: str) -> str:
        """The version whose index is asked for one: items have the same keys in all, and cards say what may be seen."""
        if name in self._whole:
            return name
        return next((other for other in self._indexes if other in self._whole), name)

    async def close(self) -> None:
        """Ends both threads; what waits is not asked any more."""
        for pool in (self._writing, self._asking):
            pool.shutdown(wait=False, cancel_futures=True)
