"""Refused rows are found, all others are stored."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sinks.halving import write_halving
from streams.sinks.sink import RowsRefused, StoreRow, StoreUnavailable


class PickyStore:
    """Refuses what holds one of the offsets."""

    def __init__(self, refused: set[int]) -> None:
        self.refused = refused
        self.stored: list[StoreRow] = []
        self.names: list[str] = []

    async def write(self, rows: Sequence[StoreRow], name: str) -> None:
        self.names.append(name)
        bad = {row.offset for row in rows} & self.refused
        if bad:
            raise RowsRefused(f"offsets {bad}")
        self.stored += rows


@given(st.lists(st.integers(1, 3), min_size=1, max_size=60), st.sets(st.integers(0, 59), max_size=6))
async def test_only_refused_records_are_missing(rows_of: list[int], refused: set[int]) -> None:
    rows = [StoreRow("t", 0, offset, number) for offset, count in enumerate(rows_of) for number in range(count)]
    store = PickyStore(refused & set(range(len(rows_of))))
    told = await write_halving(rows, "block", store.write)
    assert {offset for _, _, offset in told} == store.refused
    assert store.stored == [row for row in rows if row.offset not in store.refused]
    assert len(set(store.names)) == len(store.names), "what is stored in parts must not look like what is stored"


async def test_a_store_that_is_away_is_no_refusal() -> None:
    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await write_halving([StoreRow("t", 0, 0, None)], "block", away)
