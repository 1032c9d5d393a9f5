"""The sets of names that items are bounded to (countries, languages) as bits: rules compare words and not texts."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown

_WORD = 64


class NameSets:
    """Columns by item index: `bounded` bool[capacity], and for those that are, `bits` uint64[capacity, words] with a
    bit for each name by its number. `len()` is how many items are bounded."""

    def __init__(self) -> None:
        self.bounded = np.zeros(0, np.bool_)
        self.bits = np.zeros((0, 1), np.uint64)
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def names(self) -> list[str]:
        """All names that an item was ever bounded to."""
        return list(self._names)

    def grow(self, capacity: int) -> None:
        """Room for `capacity` items; new ones are not bounded."""
        self.bounded, self.bits = grown(self.bounded, capacity), grown(self.bits, capacity)

    def put(self, index: int, names: Collection[str]) -> None:
        """Bound an item to names; none = it is not bounded."""
        self._count += bool(names) - bool(self.bounded[index])
        self.bounded[index] = bool(names)
        self.bits[index] = 0
        for name in names:
            number = self._numbers.get(name)
            if number is None:
                number = self._numbers[name] = len(self._names)
                self._names.append(name)
                if number >= _WORD * self.bits.shape[1]:
                    self.bits = np.concatenate([self.bits, np.zeros((len(self.bits), 1), np.uint64)], axis=1)
            self.bits[index, number // _WORD] |= np.uint64(1) << np.uint64(number % _WORD)

    def number_of(self, name: str | None) -> int:
        """The number of a name, -1 when no item is bounded to it."""
        return -1 if name is None else self._numbers.get(name, -1)

    def open_to(self, indices: NDArray[np.integer], name: str | None) -> NDArray[np.bool_]:
        """bool[indices]: not bounded, or bounded to the name among others."""
        mask: NDArray[np.bool_] = ~self.bounded[indices]
        number = self.number_of(name)
        if number >= 0:
            words = self.bits[indices, number // _WORD]
            mask |= (words >> np.uint64(number % _WORD)) & np.uint64(1) != 0
        return mask

    def of(self, index: int) -> frozenset[str]:
        """The names that an item is bounded to; none = it is not bounded."""
        bits = np.unpackbits(self.bits[index].astype("<u8", copy=False).view(np.uint8), bitorder="little")
        return frozenset(self._names[number] for number in bits.nonzero()[0].tolist())
