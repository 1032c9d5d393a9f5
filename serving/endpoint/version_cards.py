"""What one version's items are now: their cards, and what workers of the former release say instead."""

from __future__ import annotations

import asyncio

from serving.eligibility import ALWAYS_MS, strictest
from serving.endpoint.cards import Cards
from serving.endpoint.former_release import FormerlyHidden
from serving.former_format import FormerItem
from serving.keys import Keys
from serving.redis_link import Link


class VersionCards:
    """`generation` grows once answers may be others because items are."""

    def __init__(self, link: Link, keys: Keys, most_bytes: int) -> None:
        self.cards = Cards(link, keys, most_bytes)
        self.formerly = FormerlyHidden(link, keys)
        self._is_former = not keys.clustered  # no former release knows clusters
        self.generation = 0
        self._made_of = (0, b"")

    async def refresh(self) -> None:
        """Brings both up to date. Raises RedisUnavailable."""
        try:
            await asyncio.gather(self.cards.refresh(), *([self.formerly.refresh()] if self._is_former else []))
        finally:  # of a refresh that was cut short some cards are new
            made_of = (self.cards.generation, self.formerly.stamp)
            self.generation += made_of != self._made_of
            self._made_of = made_of

    def facts_of(self, key: int) -> bytes | None:
        """Facts of an item that is shown though no list of its version names it: what its card and the former release
        say, the stricter of both; None = its card is not held."""
        card, told = self.cards.held.get(key), self.formerly.facts.get(key)
        if card is None or told is None:
            return None if card is None else card.facts
        return strictest(card.facts, told)

    def of_former(self, item: FormerItem) -> tuple[bytes, int]:
        """Facts of an item of a list of the former format, and when they last changed. Nobody may be shown it whom the
        list, what the former release told, or the card forbid it: whoever went back to workers of the former release
        has cards that nobody keeps up to date."""
        card, told = self.cards.held.get(item.key), self.formerly.facts.get(item.key)
        said = [item.facts]
        if card is not None:
            said.append(card.facts)
        if told is not None:
            return strictest(*said, told), ALWAYS_MS
        return strictest(*said), 0 if card is None else card.restated_ms
