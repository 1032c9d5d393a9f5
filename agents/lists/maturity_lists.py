"""Writes a list that belongs to nobody, and what it is for those who may see less of it.

The endpoint leaves out of any list what a reader may not see. Of a hundred popular items that are all rated 18 nothing
would be left, so where a list holds items above a rating the same list is also made of items up to that rating.
"""

from typing import Protocol

from agents.lists.list_maker import ListMaker
from ranking.recommendations import Recommendations
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from streams.contract.catalog import MATURITIES, maturity_age

MAX_AGE = maturity_age(MATURITIES[-1])


class ListKey(Protocol):
    """The key of the list of items up to a maturity; "" = of all items."""

    def __call__(self, *, maturity: str = "") -> str: ...


class Make(Protocol):
    """Makes the list of items up to an age; None = of all items."""

    def __call__(self, *, age: int | None = None) -> Recommendations: ...


class MaturityLists:
    """Writes the lists of one worker."""

    def __init__(self, maker: ListMaker, writer: ListWriter) -> None:
        self._maker = maker
        self._writer = writer

    async def write(
        self, key_of: ListKey, make: Make, owner: PartitionOwner, now_ms: int, ttl_s: int
    ) -> Recommendations:
        """Returns the list of all items. Raises RedisUnavailable."""
        listed = make()
        await self._writer.write_shared(key_of(), self._maker.shared_value(listed, now_ms), ttl_s, owner)
        model = self._maker.model
        rated = model.catalog.maturity_age
        highest, lowest = rated[listed.item_index].max(initial=0), rated[: len(model)].min(initial=MAX_AGE)
        for maturity in MATURITIES[:-1]:
            age = maturity_age(maturity)
            if lowest <= age < highest:
                value = self._maker.shared_value(make(age=age), now_ms)
                await self._writer.write_shared(key_of(maturity=maturity), value, ttl_s, owner)
        return listed
