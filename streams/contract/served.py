"""Records of `recommendation.served`: one list as one reader was shown it, written by the endpoint.

The key is `streams.contract.user_records`'; its record id is unique among all records. A list that is shown twice is
two records with one `recommendation_id`. Answers that name no user (trending for everybody) have an empty `user_id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec


class Surface(StrEnum):
    """Which route answered."""

    RECOMMENDATIONS = "recommendations"
    HOMEPAGE = "homepage"
    SIMILAR = "similar"
    TRENDING = "trending"
    CONTINUE_WATCHING = "continue_watching"
    SEARCH = "search"


class Algorithm(StrEnum):
    """Which generator put an item on a list."""

    CO_OCCURRENCE = "co_occurrence"
    SEQUENTIAL = "sequential"
    EMBEDDING = "embedding"
    CONTENT = "content"
    TRENDING = "trending"
    POPULAR = "popular"
    EXPLORE = "explore"
    RULE = "rule"


#: An algorithm's code, where bytes count, is its place here.
ALGORITHMS: Final = tuple(Algorithm)


class AsOf(msgspec.Struct, frozen=True, gc=False):
    """The event that a list reflects."""

    partition: int
    offset: int


class ServedItem(msgspec.Struct, frozen=True, gc=False):
    """An item as it was shown. `position` counts from 0 within the list, or within the row; `row` is "" where there are
    none. `algorithm` is one of `Algorithm`, "" where a list of a former release does not say."""

    item_id: str
    position: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    score: float = 0.0
    algorithm: str = ""
    row: str = ""


class ServedList(msgspec.Struct, frozen=True):
    """A list as it was shown at `timestamp` (ms). Absent text is ""; `as_of` None = a list that belongs to no user."""

    recommendation_id: str
    surface: str
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    items: tuple[ServedItem, ...]
    user_id: str = ""
    context: str = ""
    offset: int = 0
    source: str = ""
    model_version: str = ""
    variant: str = ""
    experiment_id: str = ""
    device_type: str = ""
    country: str = ""
    generated_at: str = ""
    as_of: AsOf | None = None


_DECODER: Final = msgspec.json.Decoder(ServedList)


def parse_served(value: bytes) -> ServedList:
    """The list in a record. Raises `ValueError` on anything else."""
    return _DECODER.decode(value)
