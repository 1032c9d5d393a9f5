"""Where and when a list is decided: what the crossed features depend on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.taste import Taste
from streams.catalog import UserProfile
from streams.units import DAY_MS, HOUR_MS
from tables.item_model import ItemModel
from tables.user import User

_THURSDAY = 3  # 1970-01-01
_SATURDAY = 5
_NIGHT = frozenset((22, 23, 0, 1, 2, 3, 4, 5))
#: float32[256, 8]: the bits of every byte, the lowest first.
_BITS_OF = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little").astype(np.float32)
_HANDHELD = frozenset(("mobile", "phone", "tablet", "ios", "android"))


@dataclass(frozen=True, slots=True)
class Situation:
    """`genres` maps genre numbers to their share among the recent items; hours and weekdays are UTC."""

    now_ms: int
    language: str
    is_handheld: bool
    genres: dict[int, float]

    @classmethod
    def of(
        cls, user: User | None, profile: UserProfile | None, taste: Taste, model: ItemModel, now_ms: int
    ) -> "Situation":
        """The situation at `now_ms`; what was last seen of the user counts before the profile."""
        row = user.row if user is not None else None
        language = (row.language if row else "") or (profile.language if profile else None) or ""
        device = row.device_type if row else ""
        return cls(now_ms, language, device.lower() in _HANDHELD, _genre_shares(taste, profile, model))

    @property
    def is_weekend(self) -> bool:
        """Saturday or Sunday."""
        return (self.now_ms // DAY_MS + _THURSDAY) % 7 >= _SATURDAY

    @property
    def is_night(self) -> bool:
        """Between 22 and 6 o'clock."""
        return self.now_ms // HOUR_MS % 24 in _NIGHT

    def genre_shares(self, items: NDArray[np.int32], model: ItemModel) -> NDArray[np.float32]:
        """float32[items]: how much of the user's recent taste an item's genres cover."""
        bits = model.catalog.genre_columns.bits.take(items, 0).astype("<u8", copy=False).view(np.uint8)
        places = sorted({genre // 8 for genre in self.genres})  # bytes that say something of these genres
        shares = np.zeros((8, len(places)), np.float32)
        for genre, share in self.genres.items():
            shares[genre % 8, places.index(genre // 8)] = share
        by_byte = _BITS_OF @ shares
        covered: NDArray[np.float32] = by_byte[bits[:, places], np.arange(len(places))].sum(axis=1)
        return covered

    def language_match(self, items: NDArray[np.int32], model: ItemModel) -> NDArray[np.bool_]:
        """bool[items]: in the user's language; False where either is unknown."""
        number = model.catalog.language_ids.get(self.language, -2)
        match: NDArray[np.bool_] = model.catalog.language[items] == number
        return match


def _genre_shares(taste: Taste, profile: UserProfile | None, model: ItemModel) -> dict[int, float]:
    catalog = model.catalog
    counts: dict[int, float] = {}
    for index, weight in zip(taste.recent[:20].tolist(), taste.weights.tolist(), strict=False):
        for genre in catalog.genres[index]:
            counts[genre] = counts.get(genre, 0.0) + weight
    if not counts and profile is not None:
        counts = {catalog.genre_ids[name]: 1.0 for name in profile.favorite_genres if name in catalog.genre_ids}
    total = sum(counts.values())
    return {genre: count / total for genre, count in counts.items()}
