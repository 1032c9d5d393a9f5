"""GET /api/v1/search/…: declared, and not there yet."""

from __future__ import annotations

from serving.endpoint.messages import Given, Response
from serving.endpoint.parameters import Parameters, text
from serving.endpoint.problems import Problem
from serving.endpoint.reads.recommendations import LIMIT

SUGGESTION_PARAMETERS = Parameters((text("q", "What was typed so far.", 200, required=True), LIMIT))
TRENDING_PARAMETERS = Parameters((LIMIT,))


class SearchNotOffered:
    """A clear no, so that a client can tell it from a mistyped path."""

    async def __call__(self, _given: Given) -> Response:
        """501."""
        raise Problem(501, "search is not offered by this release")
