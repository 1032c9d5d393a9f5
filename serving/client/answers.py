"""What answers hold. Generated from the OpenAPI documents by `make docs`; do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "BegunItem",
    "ContentItem",
    "ContinueWatching",
    "Homepage",
    "Item",
    "ItemFeatures",
    "Problem",
    "Recommendations",
    "Row",
    "Similar",
    "SimilarContent",
    "Trending",
]


class Item(TypedDict):
    """`Item` of the document."""

    item_id: str
    title: str
    content_id: NotRequired[str]
    thumbnail_url: NotRequired[str]
    item_type: NotRequired[str]
    genres: NotRequired[list[str]]
    duration_s: NotRequired[float]
    released_at: NotRequired[str]
    year: NotRequired[int]
    language: NotRequired[str]
    maturity: NotRequired[str]
    people: NotRequired[list[str]]
    attributes: NotRequired[dict[str, Any]]


class BegunItem(TypedDict):
    """`BegunItem` of the document."""

    item_id: str
    title: str
    progress_pct: float
    position_s: float
    updated_at: str
    content_id: NotRequired[str]
    thumbnail_url: NotRequired[str]
    item_type: NotRequired[str]
    genres: NotRequired[list[str]]
    duration_s: NotRequired[float]
    released_at: NotRequired[str]
    year: NotRequired[int]
    language: NotRequired[str]
    maturity: NotRequired[str]
    people: NotRequired[list[str]]
    attributes: NotRequired[dict[str, Any]]


class Row(TypedDict):
    """`Row` of the document."""

    id: Literal[
        "top_picks",
        "continue_watching",
        "because_you_watched",
        "trending",
        "new_releases",
        "popular_in_genre",
        "popular",
    ]
    title: str
    items: list["Item | BegunItem"]


class Recommendations(TypedDict):
    """`Recommendations` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    source: Literal["personal", "segment", "popular"]
    generated_at: str
    expires_at: str
    stale: bool
    as_of: dict[str, Any] | None
    recommendations: list["Item"]
    experiment_id: NotRequired[str]


class Homepage(TypedDict):
    """`Homepage` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    source: Literal["personal", "segment", "popular"]
    generated_at: str
    expires_at: str
    stale: bool
    as_of: dict[str, Any] | None
    sections: list["Row"]
    experiment_id: NotRequired[str]


class Similar(TypedDict):
    """`Similar` of the document."""

    item_id: str
    similar_items: list["Item"]
    recommendation_id: str
    source: Literal["similar", "popular"]
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class SimilarContent(TypedDict):
    """`SimilarContent` of the document."""

    item_id: str
    content_id: str
    similar_items: list["ContentItem"]
    recommendation_id: str
    source: Literal["similar", "popular"]
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class ContentItem(TypedDict):
    """`ContentItem` of the document."""


class ItemFeatures(TypedDict):
    """`ItemFeatures` of the document."""

    item_id: str
    model_version: str
    updated_at: str | None
    popularity: NotRequired[float]
    trend_24h: NotRequired[float]
    trend_7d: NotRequired[float]
    events: NotRequired[int]
    events_7d: NotRequired[int]
    watches: NotRequired[int]
    viewers: NotRequired[int]
    average_completion_pct: NotRequired[float | None]
    average_rating: NotRequired[float | None]


class Trending(TypedDict):
    """`Trending` of the document."""

    region: str
    window: str
    category: str | None
    recommendation_id: str
    items: list["Item"]
    updated_at: str
    stale: bool
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class ContinueWatching(TypedDict):
    """`ContinueWatching` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    items: list["BegunItem"]
    experiment_id: NotRequired[str]


class Problem(TypedDict):
    """`Problem` of the document."""

    type: str
    title: str
    status: int
    detail: str
    parameter: NotRequired[str]
    value: NotRequired[str]
    allowed: NotRequired[str]
