"""Which re-ranking rules apply, and how strongly."""

from dataclasses import dataclass

TOP = 10
FRONT = 20


@dataclass(frozen=True, slots=True)
class RerankSettings:
    """The strengths of the rules; each is off at the value that `off` gives it.

    `mmr_lambda` (0..1] is how much relevance counts against likeness in slots 1-20, 1 = alone. `min_genres` 0..20
    different genres are in the first 20. At most `category_max` items of one category are in the first 10, 0 = any
    number. At most `genre_share_max` (0..1] of the first 20 are of one category. Scores of items released within
    7 or 30 days are multiplied by `boost_7d` and `boost_30d` (>= 1). `new_item_share` (0..1) of all slots is for items
    released within 30 days. `explore_items` 0..10 of the slots 11-20 try something the ranker would not list.
    """

    mmr_lambda: float = 0.85
    min_genres: int = 3
    category_max: int = 0
    genre_share_max: float = 1.0
    boost_7d: float = 1.3
    boost_30d: float = 1.1
    new_item_share: float = 0.05
    explore_items: int = 3

    @classmethod
    def off(cls) -> "RerankSettings":
        """The list exactly as it was ranked."""
        return cls(mmr_lambda=1.0, min_genres=0, boost_7d=1.0, boost_30d=1.0, new_item_share=0.0, explore_items=0)
