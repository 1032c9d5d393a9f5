"""What answers hold. Generated from the OpenAPI documents by `make docs`; do not edit."""

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "BegunItemAnswer",
    "BundleAnswer",
    "ContentItemAnswer",
    "ContinueWatchingAnswer",
    "HomepageAnswer",
    "ItemAnswer",
    "ItemFeaturesAnswer",
    "ProblemAnswer",
    "RecommendationsAnswer",
    "RowAnswer",
    "SearchAnswer",
    "SearchRecentAnswer",
    "SearchSuggestionsAnswer",
    "SearchTrendingAnswer",
    "SimilarAnswer",
    "SimilarContentAnswer",
    "SuggestionAnswer",
    "TrendingAnswer",
]


class ItemAnswer(TypedDict):
    """`ItemAnswer` of the document."""

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


class BegunItemAnswer(TypedDict):
    """`BegunItemAnswer` of the document."""

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


class RowAnswer(TypedDict):
    """`RowAnswer` of the document."""

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
    items: list["ItemAnswer | BegunItemAnswer"]


class RecommendationsAnswer(TypedDict):
    """`RecommendationsAnswer` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    source: Literal["personal", "segment", "popular"]
    generated_at: str
    expires_at: str
    stale: bool
    as_of: dict[str, Any] | None
    recommendations: list["ItemAnswer"]
    experiment_id: NotRequired[str]
    next_page: NotRequired[str | None]


class HomepageAnswer(TypedDict):
    """`HomepageAnswer` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    source: Literal["personal", "segment", "popular"]
    generated_at: str
    expires_at: str
    stale: bool
    as_of: dict[str, Any] | None
    sections: list["RowAnswer"]
    experiment_id: NotRequired[str]


class BundleAnswer(TypedDict):
    """`BundleAnswer` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    source: Literal["personal", "segment", "popular"]
    generated_at: str
    expires_at: str
    stale: bool
    as_of: dict[str, Any] | None
    keep_until: str
    sections: list["RowAnswer"]
    experiment_id: NotRequired[str]


class SimilarAnswer(TypedDict):
    """`SimilarAnswer` of the document."""

    item_id: str
    similar_items: list["ItemAnswer"]
    recommendation_id: str
    source: Literal["similar", "popular"]
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class SimilarContentAnswer(TypedDict):
    """`SimilarContentAnswer` of the document."""

    item_id: str
    content_id: str
    similar_items: list["ContentItemAnswer"]
    recommendation_id: str
    source: Literal["similar", "popular"]
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class ContentItemAnswer(TypedDict):
    """`ContentItemAnswer` of the document."""


class ItemFeaturesAnswer(TypedDict):
    """`ItemFeaturesAnswer` of the document."""

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


class TrendingAnswer(TypedDict):
    """`TrendingAnswer` of the document."""

    region: str
    window: str
    category: str | None
    recommendation_id: str
    items: list["ItemAnswer"]
    updated_at: str
    stale: bool
    model_version: str
    variant: str
    experiment_id: NotRequired[str]


class ContinueWatchingAnswer(TypedDict):
    """`ContinueWatchingAnswer` of the document."""

    user_id: str
    recommendation_id: str
    model_version: str
    variant: str
    items: list["BegunItemAnswer"]
    experiment_id: NotRequired[str]


class SearchAnswer(TypedDict):
    """`SearchAnswer` of the document."""

    query: str
    recommendation_id: str
    model_version: str
    variant: str
    items: list["ItemAnswer"]
    experiment_id: NotRequired[str]


class SearchSuggestionsAnswer(TypedDict):
    """`SearchSuggestionsAnswer` of the document."""

    query: str
    suggestions: list["SuggestionAnswer"]


class SuggestionAnswer(TypedDict):
    """`SuggestionAnswer` of the document."""

    text: str
    type: Literal["query", "person", "genre", "title"]
    item_id: NotRequired[str]


class SearchTrendingAnswer(TypedDict):
    """`SearchTrendingAnswer` of the document."""

    region: str
    window: str
    searches: list[dict[str, Any]]


class SearchRecentAnswer(TypedDict):
    """`SearchRecentAnswer` of the document."""

    user_id: str
    searches: list[dict[str, Any]]


class ProblemAnswer(TypedDict):
    """`ProblemAnswer` of the document."""

    type: str
    title: str
    status: int
    detail: str
    parameter: NotRequired[str]
    value: NotRequired[str]
    allowed: NotRequired[str]
