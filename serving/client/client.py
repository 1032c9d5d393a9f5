"""The clients. Generated from the OpenAPI documents by `make docs`; do not edit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from serving.client import answers
from serving.client.sending import Sending, judged, read_request

TIMEOUT_S = 10.0


def _headers(token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"} if token else {}


def _body(answer: httpx.Response) -> Any:
    return answer.json() if "json" in answer.headers.get("content-type", "") else None


class Client:
    """`endpoint` and `collect` are their addresses, without a path. `token` is sent to both."""

    def __init__(
        self, endpoint: str, collect: str | None = None, *, token: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._collect = collect
        self._http = httpx.Client(base_url=endpoint, headers=_headers(token), timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _get(self, template: str, places: Mapping[str, str], parameters: Mapping[str, object]) -> Any:
        request = read_request(template, places, parameters)
        answer = self._http.get(request.path, params=request.parameters)
        return judged(answer.status_code, _body(answer))

    def _send(self, path: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        if self._collect is None:
            raise ValueError("the client was made without the address of collect")
        sending = Sending(events)
        while True:
            answer = self._http.post(self._collect + path, json=sending.waiting)
            wait_s = sending.answered(answer.status_code, _body(answer), answer.headers.get("retry-after"))
            if wait_s is None:
                return sending.event_ids
            time.sleep(wait_s)

    def events(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Sends events and returns their ids once all are in the log; ids are made where there are none, and what is
        not confirmed is sent again. Raises `RequestRefused` (`members["rejected"]` says what) and `NotConfirmed`."""
        return self._send("/api/v1/events", events)

    def track(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """The same; events without a timestamp happen when they arrive."""
        return self._send("/api/v1/interactions/track", events)

    def recommendations(
        self,
        *,
        user_id: str,
        context: Literal["homepage", "post_play", "search", "home"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
        item_type: str | None = None,
        genre: str | None = None,
        language: str | None = None,
        max_duration_s: str | None = None,
        released_after: str | None = None,
        attribute: str | None = None,
        captions: str | None = None,
        audio_description: str | None = None,
        mood: str | None = None,
        boost: str | None = None,
        exclude: str | None = None,
        page: str | None = None,
    ) -> answers.RecommendationsAnswer:
        """Answers with a cut of the list, as bytes."""
        parameters: dict[str, object] = {
            "user_id": user_id,
            "context": context,
            "limit": limit,
            "offset": offset,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
            "refresh": refresh,
            "item_type": item_type,
            "genre": genre,
            "language": language,
            "max_duration_s": max_duration_s,
            "released_after": released_after,
            "attribute": attribute,
            "captions": captions,
            "audio_description": audio_description,
            "mood": mood,
            "boost": boost,
            "exclude": exclude,
            "page": page,
        }
        found: answers.RecommendationsAnswer = self._get("/api/v1/recommendations", {}, parameters)
        return found

    def homepage(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.HomepageAnswer:
        """Reads the user's own rows in one round trip and joins them with the shared ones held in the process."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.HomepageAnswer = self._get(
            "/api/v1/recommendations/homepage/{user_id}", {"user_id": user_id}, parameters
        )
        return found

    def similar(
        self,
        *,
        item_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.SimilarAnswer:
        """Answers with the ready neighbours; an item without any gets what is popular, labelled in `source`."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.SimilarAnswer = self._get("/api/v1/items/{item_id}/similar", {"item_id": item_id}, parameters)
        return found

    def similar_content(
        self,
        *,
        content_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.SimilarContentAnswer:
        """The same by the words of others, beside ours: content_id, similarity_score, similarity_type."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.SimilarContentAnswer = self._get(
            "/api/v1/recommendations/similar/{content_id}", {"content_id": content_id}, parameters
        )
        return found

    def item(
        self,
        *,
        item_id: str,
        fields: str | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
    ) -> answers.ItemAnswer:
        """Answers with the item's card."""
        parameters: dict[str, object] = {
            "fields": fields,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
        }
        found: answers.ItemAnswer = self._get("/api/v1/items/{item_id}", {"item_id": item_id}, parameters)
        return found

    def item_features(
        self,
        *,
        item_id: str,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
    ) -> answers.ItemFeaturesAnswer:
        """Answers with the figures that workers keep of the item."""
        parameters: dict[str, object] = {
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
        }
        found: answers.ItemFeaturesAnswer = self._get(
            "/api/v1/items/{item_id}/features", {"item_id": item_id}, parameters
        )
        return found

    def trending(
        self,
        *,
        region: str | None = None,
        window: Literal["24h", "7d"] | None = None,
        category: str | None = None,
        limit: int | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.TrendingAnswer:
        """Answers from the process's own copy, refreshed every second: no Redis on the way, unless a user is named."""
        parameters: dict[str, object] = {
            "region": region,
            "window": window,
            "category": category,
            "limit": limit,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.TrendingAnswer = self._get("/api/v1/trending", {}, parameters)
        return found

    def continue_watching(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        fields: str | None = None,
    ) -> answers.ContinueWatchingAnswer:
        """Answers with the ready list."""
        parameters: dict[str, object] = {
            "limit": limit,
            "max_maturity": max_maturity,
            "fields": fields,
        }
        found: answers.ContinueWatchingAnswer = self._get(
            "/api/v1/users/{user_id}/continue-watching", {"user_id": user_id}, parameters
        )
        return found

    def bundle(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
    ) -> answers.BundleAnswer:
        """Answers with the rows of a homepage and their cards, to be kept for a day."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
        }
        found: answers.BundleAnswer = self._get("/api/v1/users/{user_id}/bundle", {"user_id": user_id}, parameters)
        return found

    def search(
        self,
        *,
        q: str,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        fields: str | None = None,
    ) -> answers.SearchAnswer:
        """Answers with the items that fit what was typed."""
        parameters: dict[str, object] = {
            "q": q,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "fields": fields,
        }
        found: answers.SearchAnswer = self._get("/api/v1/search", {}, parameters)
        return found

    def search_suggestions(
        self,
        *,
        q: str,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchSuggestionsAnswer:
        """Answers with words that go on from what was typed: searches of many, titles, people, genres."""
        parameters: dict[str, object] = {
            "q": q,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchSuggestionsAnswer = self._get("/api/v1/search/suggestions", {}, parameters)
        return found

    def search_trending(
        self,
        *,
        region: str | None = None,
        window: Literal["24h", "7d"] | None = None,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchTrendingAnswer:
        """Answers with what many search for now, where it leads to something that the reader may see."""
        parameters: dict[str, object] = {
            "region": region,
            "window": window,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchTrendingAnswer = self._get("/api/v1/search/trending", {}, parameters)
        return found

    def search_recent(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchRecentAnswer:
        """Answers with what the user searched for last, where it still leads to something that they may see."""
        parameters: dict[str, object] = {
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchRecentAnswer = self._get("/api/v1/search/recent", {}, parameters)
        return found


class AsyncClient:
    """`endpoint` and `collect` are their addresses, without a path. `token` is sent to both."""

    def __init__(
        self, endpoint: str, collect: str | None = None, *, token: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._collect = collect
        self._http = httpx.AsyncClient(base_url=endpoint, headers=_headers(token), timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _get(self, template: str, places: Mapping[str, str], parameters: Mapping[str, object]) -> Any:
        request = read_request(template, places, parameters)
        answer = await self._http.get(request.path, params=request.parameters)
        return judged(answer.status_code, _body(answer))

    async def _send(self, path: str, events: Sequence[Mapping[str, Any]]) -> list[str]:
        if self._collect is None:
            raise ValueError("the client was made without the address of collect")
        sending = Sending(events)
        while True:
            answer = await self._http.post(self._collect + path, json=sending.waiting)
            wait_s = sending.answered(answer.status_code, _body(answer), answer.headers.get("retry-after"))
            if wait_s is None:
                return sending.event_ids
            await asyncio.sleep(wait_s)

    async def events(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """Sends events and returns their ids once all are in the log; ids are made where there are none, and what is
        not confirmed is sent again. Raises `RequestRefused` (`members["rejected"]` says what) and `NotConfirmed`."""
        return await self._send("/api/v1/events", events)

    async def track(self, events: Sequence[Mapping[str, Any]]) -> list[str]:
        """The same; events without a timestamp happen when they arrive."""
        return await self._send("/api/v1/interactions/track", events)

    async def recommendations(
        self,
        *,
        user_id: str,
        context: Literal["homepage", "post_play", "search", "home"] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
        item_type: str | None = None,
        genre: str | None = None,
        language: str | None = None,
        max_duration_s: str | None = None,
        released_after: str | None = None,
        attribute: str | None = None,
        captions: str | None = None,
        audio_description: str | None = None,
        mood: str | None = None,
        boost: str | None = None,
        exclude: str | None = None,
        page: str | None = None,
    ) -> answers.RecommendationsAnswer:
        """Answers with a cut of the list, as bytes."""
        parameters: dict[str, object] = {
            "user_id": user_id,
            "context": context,
            "limit": limit,
            "offset": offset,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
            "refresh": refresh,
            "item_type": item_type,
            "genre": genre,
            "language": language,
            "max_duration_s": max_duration_s,
            "released_after": released_after,
            "attribute": attribute,
            "captions": captions,
            "audio_description": audio_description,
            "mood": mood,
            "boost": boost,
            "exclude": exclude,
            "page": page,
        }
        found: answers.RecommendationsAnswer = await self._get("/api/v1/recommendations", {}, parameters)
        return found

    async def homepage(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.HomepageAnswer:
        """Reads the user's own rows in one round trip and joins them with the shared ones held in the process."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.HomepageAnswer = await self._get(
            "/api/v1/recommendations/homepage/{user_id}", {"user_id": user_id}, parameters
        )
        return found

    async def similar(
        self,
        *,
        item_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.SimilarAnswer:
        """Answers with the ready neighbours; an item without any gets what is popular, labelled in `source`."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.SimilarAnswer = await self._get(
            "/api/v1/items/{item_id}/similar", {"item_id": item_id}, parameters
        )
        return found

    async def similar_content(
        self,
        *,
        content_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.SimilarContentAnswer:
        """The same by the words of others, beside ours: content_id, similarity_score, similarity_type."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.SimilarContentAnswer = await self._get(
            "/api/v1/recommendations/similar/{content_id}", {"content_id": content_id}, parameters
        )
        return found

    async def item(
        self,
        *,
        item_id: str,
        fields: str | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
    ) -> answers.ItemAnswer:
        """Answers with the item's card."""
        parameters: dict[str, object] = {
            "fields": fields,
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
        }
        found: answers.ItemAnswer = await self._get("/api/v1/items/{item_id}", {"item_id": item_id}, parameters)
        return found

    async def item_features(
        self,
        *,
        item_id: str,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
    ) -> answers.ItemFeaturesAnswer:
        """Answers with the figures that workers keep of the item."""
        parameters: dict[str, object] = {
            "country": country,
            "max_maturity": max_maturity,
            "user_id": user_id,
        }
        found: answers.ItemFeaturesAnswer = await self._get(
            "/api/v1/items/{item_id}/features", {"item_id": item_id}, parameters
        )
        return found

    async def trending(
        self,
        *,
        region: str | None = None,
        window: Literal["24h", "7d"] | None = None,
        category: str | None = None,
        limit: int | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        user_id: str | None = None,
        fields: str | None = None,
        refresh: Literal["true", "false"] | None = None,
    ) -> answers.TrendingAnswer:
        """Answers from the process's own copy, refreshed every second: no Redis on the way, unless a user is named."""
        parameters: dict[str, object] = {
            "region": region,
            "window": window,
            "category": category,
            "limit": limit,
            "max_maturity": max_maturity,
            "user_id": user_id,
            "fields": fields,
            "refresh": refresh,
        }
        found: answers.TrendingAnswer = await self._get("/api/v1/trending", {}, parameters)
        return found

    async def continue_watching(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        fields: str | None = None,
    ) -> answers.ContinueWatchingAnswer:
        """Answers with the ready list."""
        parameters: dict[str, object] = {
            "limit": limit,
            "max_maturity": max_maturity,
            "fields": fields,
        }
        found: answers.ContinueWatchingAnswer = await self._get(
            "/api/v1/users/{user_id}/continue-watching", {"user_id": user_id}, parameters
        )
        return found

    async def bundle(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        device_type: str | None = None,
        fields: str | None = None,
    ) -> answers.BundleAnswer:
        """Answers with the rows of a homepage and their cards, to be kept for a day."""
        parameters: dict[str, object] = {
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "device_type": device_type,
            "fields": fields,
        }
        found: answers.BundleAnswer = await self._get(
            "/api/v1/users/{user_id}/bundle", {"user_id": user_id}, parameters
        )
        return found

    async def search(
        self,
        *,
        q: str,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
        fields: str | None = None,
    ) -> answers.SearchAnswer:
        """Answers with the items that fit what was typed."""
        parameters: dict[str, object] = {
            "q": q,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
            "fields": fields,
        }
        found: answers.SearchAnswer = await self._get("/api/v1/search", {}, parameters)
        return found

    async def search_suggestions(
        self,
        *,
        q: str,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchSuggestionsAnswer:
        """Answers with words that go on from what was typed: searches of many, titles, people, genres."""
        parameters: dict[str, object] = {
            "q": q,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchSuggestionsAnswer = await self._get("/api/v1/search/suggestions", {}, parameters)
        return found

    async def search_trending(
        self,
        *,
        region: str | None = None,
        window: Literal["24h", "7d"] | None = None,
        user_id: str | None = None,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchTrendingAnswer:
        """Answers with what many search for now, where it leads to something that the reader may see."""
        parameters: dict[str, object] = {
            "region": region,
            "window": window,
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchTrendingAnswer = await self._get("/api/v1/search/trending", {}, parameters)
        return found

    async def search_recent(
        self,
        *,
        user_id: str,
        limit: int | None = None,
        country: str | None = None,
        max_maturity: Literal["all", "7", "12", "16", "18"] | None = None,
    ) -> answers.SearchRecentAnswer:
        """Answers with what the user searched for last, where it still leads to something that they may see."""
        parameters: dict[str, object] = {
            "user_id": user_id,
            "limit": limit,
            "country": country,
            "max_maturity": max_maturity,
        }
        found: answers.SearchRecentAnswer = await self._get("/api/v1/search/recent", {}, parameters)
        return found
