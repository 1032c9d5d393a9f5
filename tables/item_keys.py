"""Items by 64-bit keys: what records about many items name them by, and arrays look them up by.

A key is the first 8 bytes of an id's BLAKE2b digest: the same in every process and every replay, whatever else is
known. Half a million ids have a chance of one in 150 million that two of them have one key. Whoever knows both ids
notices it and refuses the second one (`KeyTaken`), because everything learned of the one would count for the other.
"""

from collections.abc import Collection, Sequence
from hashlib import blake2b
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown
from tables.kernels.keys import find_numbers, place_numbers

_REMEMBERED_KEYS = 500_000
_FIRST_SIZE = 64

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int32]

#: Keys as they are in records.
STORED = np.dtype("<u8")


class KeyTaken(ValueError):
    """Two ids have the same key."""


class _Remembered(dict[str, int]):
    """Keys by id, remembered: a look-up costs a tenth of the hash."""

    def __missing__(self, item_id: str) -> int:
        if len(self) >= _REMEMBERED_KEYS:
            self.clear()
        key = self[item_id] = int.from_bytes(blake2b(item_id.encode(), digest_size=8).digest(), "little")
        return key


_key_by_id = _Remembered()


def key_of(item_id: str) -> int:
    """The key of an item.

    >>> f"{key_of('50'):016x}"
    'add4b6067b50eb24'
    """
    return _key_by_id[item_id]


class ItemKeys:
    """Numbers items in order of first use, by key or by id. `keys` uint64[capacity] are the keys by number, `ids` the
    ids; "" = only the key was named so far."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.keys = np.zeros(_FIRST_SIZE, np.uint64)
        self._number_of: dict[str, int] = {}
        self._places = np.full(4 * _FIRST_SIZE, -1, np.int32)

    def __len__(self) -> int:
        return len(self.ids)

    def get(self, item_id: str) -> int:
        """The number of an item that was named; -1 = it was not."""
        return self._number_of.get(item_id, -1)

    def of(self, item_ids: Collection[str]) -> Numbers:
        """int32[items]: the numbers of items, as `get` gives them."""
        return np.fromiter(map(self._number_of.get, item_ids, repeat(-1)), np.int32, len(item_ids))

    def number(self, item_id: str) -> int:
        """The number of an item, which gets one if it has none. Raises `KeyTaken`."""
        number = self._number_of.get(item_id)
        if number is None:
            number = int(self.numbers(np.array([key_of(item_id)], np.uint64))[0])
            if self.ids[number]:
                raise KeyTaken(f"item {item_id!r} has the 64-bit key of item {self.ids[number]!r} and is not taken")
            self.ids[number] = item_id
            self._number_of[item_id] = number
        return number

    def numbers_of_ids(self, item_ids: Sequence[str]) -> list[int]:
        """The numbers of items by id. Raises `KeyTaken`."""
        known = self._number_of
        return [known[item_id] if item_id in known else self.number(item_id) for item_id in item_ids]

    def numbers(self, keys: Keys) -> Numbers:
        """int32[keys]: the numbers of the items with these keys, which get one if they have none."""
        found = np.empty(len(keys), np.int32)
        if find_numbers(self.keys, self._places, keys, found):
            unknown = keys[found < 0]
            self._add(unknown[np.sort(np.unique(unknown, return_index=True)[1])])
            find_numbers(self.keys, self._places, keys, found)
        return found

    def _add(self, keys: Keys) -> None:
        first, end = len(self.ids), len(self.ids) + len(keys)
        if end > len(self.keys):
            self.keys = grown(self.keys, int(end * 1.5))
        self.keys[first:end] = keys
        self.ids += [""] * len(keys)
        if 2 * end > len(self._places):  # at most half full
            self._places = np.full(1 << (4 * end).bit_length(), -1, np.int32)
            first = 0
        place_numbers(self.keys, first, end, self._places)
