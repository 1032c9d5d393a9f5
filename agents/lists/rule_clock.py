"""Lets the rules of operators begin and end: as their topic says, and by the clock."""

import asyncio
import logging
from collections.abc import Callable

from agents.followers.item_follower import ItemFollower
from tables.rule_book import RuleBook

logger = logging.getLogger(__name__)

ROUND_S = 0.2


class RuleClock:
    """One background loop of a worker."""

    def __init__(self, book: RuleBook, items: ItemFollower, now_ms: Callable[[], int]) -> None:
        self._book = book
        self._items = items
        self._now_ms = now_ms

    def tick(self) -> None:
        """The rules that hold now are in force."""
        before = self._items.model.rules.in_force
        self._items.follow_rules(self._book.in_force(self._now_ms()))
        now = self._items.model.rules.in_force
        if before != now:
            names = ", ".join(rule.rule_id for rule in now) or "none"
            logger.info("rules of operators in force: %s", names)

    async def run(self) -> None:
        """Looks five times a second until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(ROUND_S)
