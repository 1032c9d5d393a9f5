"""The routing table: every address this service answers, on one screen."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from serving.endpoint.guard.tokens import METRICS
from serving.endpoint.messages import Given, Response, cache_control
from serving.endpoint.parameters import Parameter, Parameters
from serving.endpoint.problems import Problem
from serving.endpoint.reads import (
    bundle,
    continue_watching,
    homepage,
    item,
    process,
    recommendations,
    search,
    similar,
    trending,
)
from serving.endpoint.search.searcher import Searcher
from serving.endpoint.services import Services

Handler = Callable[[Given], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One address. `operation` names it in documents and metrics; `path_parameter` is the one in braces, if any.

    A route that is not guarded needs no token: it says nothing about users. `scope` is what a token must hold for one
    that shows no lists.
    """

    template: str
    operation: str
    parameters: Parameters
    handler: Handler
    path_parameter: Parameter | None = None
    guarded: bool = True
    scope: str | None = None


class Routes:
    """Finds the route of a raw path: a dictionary for fixed paths, then one expression for those with an id."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.all = routes
        self._fixed = {route.template.encode(): route for route in routes if route.path_parameter is None}
        patterned = [route for route in routes if route.path_parameter is not None]
        #: The longest address that there can be: every byte of its id percent-encoded.
        self.max_path_bytes = max(
            len(route.template) + (route.path_parameter.longest_bytes if route.path_parameter else 0)
            for route in routes
        )
        self._by_group = {f"r{number}": route for number, route in enumerate(patterned)}
        self._pattern = re.compile(
            "|".join(_expression(group, route.template) for group, route in self._by_group.items()).encode()
        )

    def find(self, raw_path: bytes) -> tuple[Route, bytes]:
        """The route and the raw value of its path parameter. Raises a 404 or 414 Problem."""
        route = self._fixed.get(raw_path)
        if route is not None:
            return route, b""
        if len(raw_path) > self.max_path_bytes:
            raise Problem(414, f"the path is longer than {self.max_path_bytes} bytes")
        match = self._pattern.fullmatch(raw_path)
        if match is None or match.lastgroup is None:
            raise Problem(404, "there is nothing at this path; /openapi.json lists what there is")
        return self._by_group[match.lastgroup], match[match.lastgroup]


def _expression(group: str, template: str) -> str:
    return re.sub(r"\\{\w+\\}", f"(?P<{group}>[^/]+)", re.escape(template))


def routes_of(services: Services) -> Routes:
    """Every route, bound to where its answers come from."""
    config, store = services.config, services.store
    private = cache_control(b"private, max-age=%d" % config.max_age_s)
    public = private if config.tokens else cache_control(b"public, max-age=%d" % config.max_age_s)
    user, item_id = recommendations.USER_ID, similar.ITEM_ID
    lists = recommendations.RecommendationsRead(store, private)
    home = homepage.HomepageRead(store, private)
    near = similar.SimilarRead(store, public, private, services.reads)
    begun = continue_watching.ContinueWatchingRead(store, private, services.reads)
    searching = Searcher(store, services.search), public, private
    bare = Parameters()
    return Routes(
        (
            Route("/api/v1/recommendations", "recommendations", recommendations.PARAMETERS, lists),
            Route("/api/v1/recommendations/homepage/{user_id}", "homepage", homepage.PARAMETERS, home, user),
            Route("/api/v1/items/{item_id}/similar", "similar", similar.PARAMETERS, near, item_id),
            Route(
                "/api/v1/recommendations/similar/{content_id}",
                "similar_content",
                similar.PARAMETERS,
                similar.ContentSimilarRead(store, public, private, services.reads),
                similar.CONTENT_ID,
            ),
            Route("/api/v1/items/{item_id}", "item", item.PARAMETERS, item.ItemRead(store, public, private), item_id),
            Route(
                "/api/v1/items/{item_id}/features",
                "item_features",
                item.FEATURES_PARAMETERS,
                item.ItemFeaturesRead(store, public, private),
                item_id,
            ),
            Route("/api/v1/trending", "trending", trending.PARAMETERS, trending.TrendingRead(store, public, private)),
            Route(
                "/api/v1/users/{user_id}/continue-watching",
                "continue_watching",
                continue_watching.PARAMETERS,
                begun,
                user,
            ),
            Route(
                "/api/v1/users/{user_id}/bundle", "bundle", bundle.PARAMETERS, bundle.BundleRead(store, private), user
            ),
            Route("/api/v1/search", "search", search.PARAMETERS, search.ItemSearchRead(store, *searching)),
            Route(
                "/api/v1/search/suggestions",
                "search_suggestions",
                search.SUGGESTION_PARAMETERS,
                search.SuggestionsRead(store, *searching),
            ),
            Route(
                "/api/v1/search/trending",
                "search_trending",
                search.TRENDING_PARAMETERS,
                search.TrendingSearchesRead(store, *searching),
            ),
            Route(
                "/api/v1/search/recent",
                "search_recent",
                search.RECENT_PARAMETERS,
                search.RecentSearchesRead(store, *searching),
            ),
            Route("/healthz", "health", bare, process.Health(), guarded=False),
            Route("/readyz", "ready", bare, process.Ready(services), guarded=False),
            Route("/metrics", "metrics", bare, process.MetricsPage(services), scope=METRICS),
            Route("/openapi.json", "openapi", bare, process.OpenApi(), guarded=False),
        )
    )
