"""Finished lists, still as item indices; the serving format gives them titles."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranking.filters.eligibility import RULES
from ranking.ragged import Ints, Ragged
from ranking.rerank.rerank import Reranked
from streams.contract.events import EventType
from streams.contract.served import ALGORITHMS, Algorithm
from tables.item_model import ItemModel
from tables.type_codes import CODE_OF

Source = Literal["personal", "segment", "popular"]
ReasonCode = Literal[
    "because_you_watched", "trending", "popular", "new", "similar", "explore", "for_you", "seen_again", "featured"
]


class ListReason(IntEnum):
    """What is said of an item on a user's list, see ranking/reasons.py."""

    BECAUSE = 0
    NEW_THIS_WEEK = 1
    NEW_THIS_MONTH = 2
    TRENDING = 3
    POPULAR = 4
    FOR_YOU = 5
    EXPLORE = 6
    SEEN_AGAIN = 7
    FEATURED = 8


CODES: tuple[ReasonCode, ...] = (
    "because_you_watched",
    "new",
    "new",
    "trending",
    "popular",
    "for_you",
    "explore",
    "seen_again",
    "featured",
)
_TEXTS = (
    "",
    "New this week",
    "New this month",
    "",
    "Popular",
    "Picked for you",
    "Something different",
    "Watch again",
    "Featured",
)
PICKED = 0  # no event: chosen while onboarding
_VERBS = {
    PICKED: "picked",
    CODE_OF[EventType.CLICK]: "opened",
    CODE_OF[EventType.VIEW]: "viewed",
    CODE_OF[EventType.LIKE]: "liked",
    CODE_OF[EventType.RATING]: "rated",
    CODE_OF[EventType.PURCHASE]: "bought",
    CODE_OF[EventType.ADD_TO_LIST]: "saved",
}


def because(code: int, title: str) -> str:
    """What a reason says of an event of the user's own, by its type code.

    >>> because(CODE_OF[EventType.LIKE], "Alien"), because(CODE_OF[EventType.PLAY], "Alien")
    ('Because you liked Alien', 'Because you watched Alien')
    """
    return f"Because you {_VERBS.get(code, 'watched')} {title}"


def text_of(reason: int, trend_segment: str) -> str:
    """What a reason says that cites no event; `trend_segment` is whose trend it is, "" = everywhere's.

    >>> text_of(ListReason.TRENDING, "Europe"), text_of(ListReason.TRENDING, ""), text_of(ListReason.POPULAR, "")
    ('Trending in Europe', 'Trending now', 'Popular')
    """
    if reason == ListReason.TRENDING:
        return f"Trending in {trend_segment}" if trend_segment else "Trending now"
    return _TEXTS[reason]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """One list, best first. `item_index` int32[], `score` float32[] in 0..1, not increasing; one `reason_code` and one
    `reason` text an item; `reason_item` int32[] is the item whose title ends that text, of the user's own history or
    what all of the list is similar to, -1 = none; one of `algorithms` an item. `dropped` counts candidates by the rule
    that dropped them; `user_embedding` float32[128] is the user's own, all 0 = unknown, empty for a list that is
    nobody's."""

    item_index: Ints
    score: NDArray[np.float32]
    reason_code: list[ReasonCode]
    reason: list[str]
    reason_item: Ints
    source: Source
    algorithms: Sequence[Algorithm]
    dropped: dict[str, int] = field(default_factory=dict)
    user_embedding: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.item_index)

    def first(self, count: int) -> "Recommendations":
        """At most so many of them."""
        if len(self) <= count:
            return self
        return replace(
            self,
            item_index=self.item_index[:count],
            score=self.score[:count],
            reason_code=self.reason_code[:count],
            reason=self.reason[:count],
            reason_item=self.reason_item[:count],
            algorithms=self.algorithms[:count],
        )


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of the users of a batch: `items` best first, with `scores` float32[items] in 0..1, not increasing, and
    the `reasons` uint8[items]; `cited` int32[items] is the item of the user's own history behind the reason, -1 = none,
    and `cited_codes` uint8[items] the type code of what they did with it; `algorithms` uint8[items] are codes of
    `ranking.algorithms`. By user the `sources`, whose trend they are
    told of (`trend_places`, "" = everywhere's), and how many candidates each eligibility filter `dropped` int64[users,
    rules]. `reranked` says which rule moved what; `vectors` float32[users, 128] are the users' own, all 0 = unknown."""

    items: Ragged
    scores: NDArray[np.float32]
    reasons: NDArray[np.uint8]
    cited: Ints
    cited_codes: NDArray[np.uint8]
    algorithms: NDArray[np.uint8]
    sources: list[Source]
    trend_places: list[str]
    dropped: NDArray[np.int64]
    reranked: Reranked
    vectors: NDArray[np.float32]

    def of(self, user: int, model: ItemModel) -> Recommendations:
        """The list of one of them."""
        own = slice(*self.items.offsets[user : user + 2].tolist())
        cited, codes = self.cited[own], self.cited_codes[own].tolist()
        reasons, place = self.reasons[own].tolist(), self.trend_places[user]
        return Recommendations(
            self.items.values[own],
            self.scores[own],
            [CODES[reason] for reason in reasons],
            [
                because(code, model.title(item)) if reason == ListReason.BECAUSE else text_of(reason, place)
                for reason, item, code in zip(reasons, cited.tolist(), codes, strict=True)
            ],
            cited,
            self.sources[user],
            [ALGORITHMS[code] for code in self.algorithms[own].tolist()],
            dict(zip([rule.__name__ for rule in RULES], self.dropped[user].tolist(), strict=True)),
            self.vectors[user],
        )
