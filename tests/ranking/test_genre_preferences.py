"""Tastes in genres are those of plain loops over the histories."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.genre_preferences import GENRE_ITEMS, GENRE_STEP, genre_preferences
from ranking.interests import IS_POSITIVE, Histories
from ranking.ragged import Ragged
from streams.contract.catalog import CatalogItem
from tables.item_model import ItemModel

LIKED, REFUSED = int(IS_POSITIVE.nonzero()[0][0]), int((~IS_POSITIVE).nonzero()[0][0])
NAMES = [f"g{number}" for number in range(70)]  # more than a word of bits

ITEMS = st.lists(st.lists(st.sampled_from([*NAMES[:4], NAMES[66]]), unique=True, max_size=3), min_size=1, max_size=8)
HISTORY = st.lists(st.tuples(st.integers(-1, 7), st.booleans()), max_size=70)


def model_of(items: list[list[str]]) -> ItemModel:
    model = ItemModel()
    model.apply_catalog("all", CatalogItem("all", genres=tuple(NAMES)))
    for number, genres in enumerate(items):
        model.apply_catalog(f"i{number}", CatalogItem(f"i{number}", genres=tuple(genres)))
    return model


def by_loops(history: list[tuple[list[str], bool]]) -> tuple[dict[str, float], list[str], set[str]]:
    """Shares, the order in which genres were met, and disliked genres; of (genres, liked), the oldest first."""
    average: dict[str, float] = {}
    met: dict[str, None] = {}
    liked = [genres for genres, likes in history if likes and genres]
    for genres in liked[-GENRE_ITEMS:]:
        average = {genre: share * (1 - GENRE_STEP) for genre, share in average.items()}
        for genre in genres:
            average[genre] = average.get(genre, 0.0) + GENRE_STEP / len(genres)
    for genres in reversed(liked[-GENRE_ITEMS:]):
        met.update(dict.fromkeys([genres[0], *sorted(genres, key=NAMES.index)]))
    balance: dict[str, int] = {}
    for genres, likes in history:
        for genre in genres:
            balance[genre] = balance.get(genre, 0) + (1 if likes else -1)
    total = sum(average.values())
    shares = {genre: share / total for genre, share in average.items()}
    return shares, list(met), {genre for genre, score in balance.items() if score < 0}


@settings(deadline=None, max_examples=200)
@given(ITEMS, st.lists(HISTORY, min_size=1, max_size=3))
def test_shares_order_and_dislikes(items: list[list[str]], histories: list[list[tuple[int, bool]]]) -> None:
    model = model_of(items)
    numbers = [[number if number < len(items) else -1 for number, _ in own] for own in histories]
    rows = [np.array([model.index(f"i{number}") for number in own], np.int32) for own in numbers]
    codes = np.array([LIKED if likes else REFUSED for own in histories for _, likes in own], np.uint8)
    liked = np.array([sum(likes for _, likes in own) for own in histories], np.int64)
    found = genre_preferences(Histories(Ragged.of(rows), codes, liked), model)
    assert len(found) == len(histories)
    for preferred, own, of_own in zip(found, histories, numbers, strict=True):
        history = [
            (items[number] if number >= 0 else [], likes) for number, (_, likes) in zip(of_own, own, strict=True)
        ]
        shares, met, disliked = by_loops(history)
        assert preferred.shares == pytest.approx(shares)
        assert preferred.disliked == disliked
        listed = list(preferred.shares)
        exact = preferred.shares
        assert listed == sorted(listed, key=lambda genre: (-exact[genre], met.index(genre)))
