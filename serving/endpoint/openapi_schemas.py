"""The shapes of answers, as JSON Schema, for openapi.json."""

from __future__ import annotations

from typing import Any

from streams.contract.served import ALGORITHMS

Schema = dict[str, Any]


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _array(of: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{of}"}}


_TEXT: Schema = {"type": "string"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_FLAG: Schema = {"type": "boolean"}

_KNOWN: dict[str, Schema] = {
    "content_id": {"type": "string", "description": "The same as item_id, for who asks for it."},
    "thumbnail_url": _TEXT,
    "item_type": _TEXT,
    "genres": {"type": "array", "items": _TEXT},
    "duration_s": {"type": "number", "minimum": 0},
    "released_at": _TIME,
    "year": {"type": "integer"},
    "language": _TEXT,
    "maturity": _TEXT,
    "people": {"type": "array", "items": _TEXT, "description": "The director, then the cast."},
    "attributes": {"type": "object"},
}
_ITEM = _object(
    {
        "item_id": _TEXT,
        "title": _TEXT,
        "score": {"type": "number", "minimum": 0, "maximum": 1, "description": "Never rises along a list."},
        "reason": {"type": "string", "description": "For people."},
        "reason_code": {"type": "string", "description": "For programs."},
    },
    {
        "algorithm": {"type": "string", "enum": list(ALGORITHMS), "description": "Which generator names the item."},
        **_KNOWN,
        "source": {
            "type": "string",
            "enum": ["genre", "segment", "popular"],
            "description": "Of an item that is not of the user's own list, in an answer that was narrowed.",
        },
        "boosted": {"type": "boolean", "description": "True of an item that `boost` counts more; else absent."},
    },
)
_FIGURE: Schema = {"type": "number", "minimum": 0, "maximum": 1, "description": "Relative to the highest of all items."}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SIMILAR: dict[str, Schema] = {
    "recommendation_id": {"type": "string", "description": "Send it back with clicks on these items."},
    "source": {"type": "string", "enum": ["similar", "popular"]},
    "model_version": _TEXT,
    "variant": _TEXT,
}
_EXPERIMENT: dict[str, Schema] = {
    "experiment_id": {"type": "string", "description": "The user's experiments, with commas between; absent = none."}
}
_RECOMMENDATION_ID: Schema = {"type": "string", "description": "Send it back with clicks on these items."}
_LABELS: dict[str, Schema] = {
    "user_id": _TEXT,
    "recommendation_id": _RECOMMENDATION_ID,
    "model_version": _TEXT,
    "variant": {
        "type": "string",
        "description": "The user's variants, in the order of `experiment_id`; without one, what the version is called. "
        "Send both back with clicks.",
    },
    "source": {"type": "string", "enum": ["personal", "segment", "popular"]},
    "generated_at": _TIME,
    "expires_at": _TIME,
    "stale": {"type": "boolean", "description": "Whether expires_at has passed."},
    "as_of": {
        "type": ["object", "null"],
        "description": "The last event that the list reflects; null when it is nobody's own.",
        "required": ["partition", "offset"],
        "properties": {"partition": {"type": "integer"}, "offset": {"type": "integer"}},
    },
}

ROWS = (
    "top_picks",
    "continue_watching",
    "because_you_watched",
    "trending",
    "new_releases",
    "popular_in_genre",
    "popular",
)

SCHEMAS: dict[str, Schema] = {
    "Item": _ITEM,
    "BegunItem": _object(
        {
            "item_id": _TEXT,
            "title": _TEXT,
            "progress_pct": {"type": "number", "minimum": 0, "maximum": 100},
            "position_s": {"type": "number", "minimum": 0},
            "updated_at": _TIME,
        },
        _KNOWN,
    ),
    "Row": _object(
        {
            "id": {"type": "string", "enum": list(ROWS)},
            "title": _TEXT,
            "items": {
                "type": "array",
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Item", "BegunItem")]},
            },
        }
    ),
    "recommendations": _object(
        {**_LABELS, "recommendations": _array("Item")},
        {
            **_EXPERIMENT,
            "next_page": {
                "type": ["string", "null"],
                "description": "Of an answer that was narrowed: `page` of the next one; null = there is none.",
            },
        },
    ),
    "homepage": _object({**_LABELS, "sections": _array("Row")}, _EXPERIMENT),
    "bundle": _object(
        {
            **_LABELS,
            "keep_until": {**_TIME, "description": "When a device is to throw it away."},
            "sections": _array("Row"),
        },
        _EXPERIMENT,
    ),
    "similar": _object({"item_id": _TEXT, "similar_items": _array("Item"), **_SIMILAR}, _EXPERIMENT),
    "similar_content": _object(
        {"item_id": _TEXT, "content_id": _TEXT, "similar_items": _array("ContentItem"), **_SIMILAR}, _EXPERIMENT
    ),
    "ContentItem": {
        "allOf": [
            {"$ref": "#/components/schemas/Item"},
            _object(
                {
                    "content_id": _TEXT,
                    "similarity_score": {"type": "number", "minimum": 0, "maximum": 1, "description": "The score."},
                    "similarity_type": {
                        "type": "string",
                        "enum": ["behavior", "content"],
                        "description": "Whether they are used together, or alike by what the catalogue says.",
                    },
                }
            ),
        ]
    },
    "item": _object({"item_id": _TEXT, "title": _TEXT}, _KNOWN),
    "item_features": _object(
        {"item_id": _TEXT, "model_version": _TEXT, "updated_at": {"type": ["string", "null"], "format": "date-time"}},
        {
            "popularity": _FIGURE,
            "trend_24h": _FIGURE,
            "trend_7d": _FIGURE,
            "events": _COUNT,
            "events_7d": _COUNT,
            "watches": _COUNT,
            "viewers": _COUNT,
            "average_completion_pct": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
            "average_rating": {"type": ["number", "null"], "minimum": 0, "maximum": 5},
        },
    ),
    "trending": _object(
        {
            "region": {"type": "string", "description": "Whose list it is: * when the one asked for has none."},
            "window": _TEXT,
            "category": {"type": ["string", "null"]},
            "recommendation_id": _RECOMMENDATION_ID,
            "items": _array("Item"),
            "updated_at": _TIME,
            "stale": _FLAG,
            "model_version": _TEXT,
            "variant": _TEXT,
        },
        _EXPERIMENT,
    ),
    "continue_watching": _object(
        {
            "user_id": _TEXT,
            "recommendation_id": _RECOMMENDATION_ID,
            "model_version": _TEXT,
            "variant": _TEXT,
            "items": _array("BegunItem"),
        },
        _EXPERIMENT,
    ),
    "search": _object(
        {
            "query": _TEXT,
            "recommendation_id": _RECOMMENDATION_ID,
            "model_version": _TEXT,
            "variant": _TEXT,
            "items": _array("Item"),
        },
        _EXPERIMENT,
    ),
    "search_suggestions": _object({"query": _TEXT, "suggestions": _array("Suggestion")}),
    "Suggestion": _object(
        {"text": _TEXT, "type": {"type": "string", "enum": ["query", "person", "genre", "title"]}},
        {"item_id": {"type": "string", "description": "Of a title."}},
    ),
    "search_trending": _object(
        {
            "region": _TEXT,
            "window": _TEXT,
            "searches": {
                "type": "array",
                "items": _object({"query": _TEXT, "score": {"type": "number", "minimum": 0, "maximum": 1}}),
            },
        }
    ),
    "search_recent": _object(
        {
            "user_id": _TEXT,
            "searches": {
                "type": "array",
                "description": "The newest first.",
                "items": _object({"query": _TEXT, "searched_at": _TIME}),
            },
        }
    ),
    "health": _object({"status": _TEXT}),
    "ready": _object({"status": _TEXT, "redis": _TEXT}),
    "openapi": {"type": "object"},
    "Problem": _object(
        {"type": _TEXT, "title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
        {"parameter": _TEXT, "value": _TEXT, "allowed": _TEXT},
    ),
}
