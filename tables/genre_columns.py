"""The genres of items as bits, so that sets of genres are compared by the word and not one by one."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown

NO_CATEGORY = -1
_WORD = 64
#: float32[256, 8]: the bits of every byte, the lowest first.
_BITS_OF = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(np.float32)

Indices = NDArray[np.integer]
Words = NDArray[np.uint64]


class GenreColumns:
    """Columns by item index. `category` int32[capacity] is the item's first genre, NO_CATEGORY = none; `bits`
    uint64[capacity, words] has a bit for each genre number, with as many words as there are genres to name."""

    def __init__(self) -> None:
        self.category = np.zeros(0, np.int32)
        self.bits = np.zeros((0, 1), np.uint64)
        self.scale = np.zeros(0, np.float32)  # 1 / sqrt(genres), 0 without any

    def grow(self, capacity: int) -> None:
        """Room for `capacity` items; new ones have no genre."""
        self.category = grown(self.category, capacity, NO_CATEGORY)
        self.bits = grown(self.bits, capacity)
        self.scale = grown(self.scale, capacity)

    def put(self, index: int, genres: tuple[int, ...]) -> None:
        """Set the genres of an item, the first being its category."""
        self.category[index] = genres[0] if genres else NO_CATEGORY
        bits = self.word_of(genres)
        if len(bits) > self.bits.shape[1]:
            wider = np.zeros((len(self.bits), len(bits)), np.uint64)
            wider[:, : self.bits.shape[1]] = self.bits
            self.bits = wider
        self.bits[index] = 0
        self.bits[index, : len(bits)] = bits
        self.scale[index] = len(set(genres)) ** -0.5 if genres else 0.0

    def word_of(self, genres: Iterable[int]) -> Words:
        """A set of genre numbers as bits, at least as wide as the columns."""
        numbers = list(genres)
        words = np.zeros(max(self.bits.shape[1], max(numbers, default=0) // _WORD + 1), np.uint64)
        for number in numbers:
            words[number // _WORD] |= np.uint64(1) << np.uint64(number % _WORD)
        return words

    def of(self, items: Indices) -> tuple[Words, NDArray[np.float32]]:
        """uint64[items, words] bits of the items' genres, and float32[items] 1 / sqrt(their number), 0 without any:
        what the cosine of two items' genres is made of."""
        return self.bits.take(items, 0), self.scale.take(items)

    def likeness_to(self, index: int, items: int) -> NDArray[np.float32]:
        """float32[items] in 0..1: the cosine of every item's genres and those of one item."""
        shared = np.bitwise_count(self.bits[:items] & self.bits[index]).sum(axis=1)
        likeness: NDArray[np.float32] = shared * (self.scale[:items] * self.scale[index])
        return likeness

    def any_of(self, items: Indices, genres: Words) -> NDArray[np.bool_]:
        """bool[items]: has one of the genres in `genres` (of `word_of`)."""
        shared = np.bitwise_or.reduce(self.bits[items] & genres[: self.bits.shape[1]], axis=1)
        hits: NDArray[np.bool_] = shared != 0
        return hits

    def union(self, items: Indices) -> Words:
        """The genres of all of `items` together."""
        genres: Words = np.bitwise_or.reduce(self.bits[items], axis=0)
        return genres

    def has(self, items: Indices) -> NDArray[np.uint8]:
        """uint8[items, genres up to the end of the last word]: 1 where the item has the genre."""
        return np.unpackbits(self._bytes(items), axis=1, bitorder="little")

    def covered(self, items: Indices, shares: Mapping[int, float]) -> NDArray[np.float32]:
        """float32[items]: the sum of the shares of an item's genres, for shares by genre number."""
        places = sorted({genre // 8 for genre in shares})  # bytes that say something of these genres
        by_bit = np.zeros((8, len(places)), np.float32)
        for genre, share in shares.items():
            by_bit[genre % 8, places.index(genre // 8)] = share
        by_byte = _BITS_OF @ by_bit
        covered: NDArray[np.float32] = by_byte[self._bytes(items)[:, places], np.arange(len(places))].sum(axis=1)
        return covered

    def _bytes(self, items: Indices) -> NDArray[np.uint8]:
        """uint8[items, bytes]: genre 8 n + m is bit m of byte n."""
        return self.bits.take(items, 0).astype("<u8", copy=False).view(np.uint8)
