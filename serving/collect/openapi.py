"""Makes openapi.json of `freshet collect`: `python -m serving.collect.openapi`.

What an event may be is the schema that the log's own parser is tested against, so the two cannot differ.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from serving.collect.app import EVENTS, TRACK
from serving.collect.request_body import MAX_EVENTS
from serving.endpoint.openapi_schemas import SCHEMAS
from streams.contract.schemas import schemas

DOCUMENT: Final = Path(__file__).with_name("openapi.json")
_PROBLEM: Final = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_TEXT: Final = {"type": "string"}
_PLACES: Final = {"type": "array", "items": {"type": ["string", "null"]}}

_WHY: Final = {
    "400": "The body holds no events: not JSON, neither object nor array, or empty.",
    "401": "No valid token.",
    "403": "Events of another user, a scope that the token lacks, or a page of an origin that may not send.",
    "404": "Nothing is there.",
    "405": "Only POST and OPTIONS.",
    "408": "The body did not arrive in time.",
    "413": f"More than a MiB, more than {MAX_EVENTS} events, or one of more than 64 KiB.",
    "415": "Neither application/json nor text/plain.",
    "422": "Events are refused: `rejected` says which and why. The others are in the log.",
    "429": "Too many events of these users, none is in the log.",
    "503": "Kafka did not acknowledge: send the events of `unconfirmed` again, with the same event_id. Without "
    "`unconfirmed` all of them: too many bodies arrived at once.",
}


def document() -> dict[str, Any]:
    """The whole OpenAPI 3.1 document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Freshet collect",
            "version": version("freshet"),
            "description": "Takes events and writes them to the log. Errors are RFC 9457 problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            EVENTS.decode(): {"post": _write("events", "One event, or several.", "Event")},
            TRACK.decode(): {
                "post": _write("track", "The same; an event without a timestamp happened now.", "TrackedEvent")
            },
            "/healthz": {"get": _read("health", "The process runs.")},
            "/readyz": {"get": _read("ready", "Whether Kafka takes events, and why not.", "503")},
        },
        "components": {"schemas": _schemas()},
    }


def _write(operation: str, summary: str, event: str) -> dict[str, Any]:
    one = {"$ref": f"#/components/schemas/{event}"}
    several = {"type": "array", "minItems": 1, "items": one, "description": f"At most {MAX_EVENTS}."}
    held = {
        "type": "object",
        "required": ["events"],
        "additionalProperties": False,
        "properties": {
            "events": several,
            "access_token": {
                "type": ["string", "null"],
                "description": "For senders that can set no Authorization header.",
            },
        },
    }
    body = {"schema": {"anyOf": [one, several, held]}}
    accepted = {"application/json": {"schema": {"$ref": "#/components/schemas/Accepted"}}}
    return {
        "operationId": operation,
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {
            "202": {"description": "Every event is in the log: Kafka acknowledged it.", "content": accepted},
            **{status: {"description": why, "content": _PROBLEM} for status, why in _WHY.items() if status != "404"},
        },
    }


def _read(operation: str, summary: str, *problems: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/State"}}}
    told = {status: {"description": "Not ready, and why.", "content": _PROBLEM} for status in problems}
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": {"description": "It does.", "content": content}, **told},
    }


def _schemas() -> dict[str, Any]:
    event = {name: value for name, value in schemas()["interaction"].items() if name not in ("$schema", "$id")}
    time = event["properties"]["timestamp"]
    absent = {**time, "anyOf": [*time["anyOf"], {"type": "null"}, {"enum": [""]}]}
    tracked = {
        **event,
        "properties": {**event["properties"], "timestamp": absent},
        "required": [name for name in event["required"] if name != "timestamp"],
    }
    problem = SCHEMAS["Problem"]
    return {
        "Event": event,
        "TrackedEvent": tracked,
        "Accepted": {
            "type": "object",
            "required": ["accepted", "event_ids", "positions"],
            "properties": {
                "accepted": {"type": "integer", "description": "How many events are in the log: all of them."},
                "event_ids": {
                    "type": "array",
                    "items": _TEXT,
                    "description": "Of each event, in the order of the request; made of the event when it had none.",
                },
                "positions": {
                    "type": "array",
                    "items": {
                        "type": ["object", "null"],
                        "required": ["partition", "offset"],
                        "properties": {"partition": {"type": "integer"}, "offset": {"type": "integer"}},
                    },
                    "description": "Where each event is in the log. A list reflects it once its `as_of` has the same "
                    "partition and an offset that is not smaller. null: Kafka had it from an attempt before.",
                },
            },
        },
        "Rejected": {
            "type": "object",
            "required": ["index", "reason", "detail"],
            "properties": {
                "index": {"type": "integer", "description": "Place in the request, from 0."},
                "reason": {
                    **_TEXT,
                    "description": "For programs: as dead letters have it, rate_limited or too_many_at_once.",
                },
                "detail": {**_TEXT, "description": "For people."},
            },
        },
        "Problem": {
            **problem,
            "properties": {
                **problem["properties"],
                "allowed": {"type": ["string", "integer"]},
                "reason": _TEXT,
                "accepted": {"type": "integer"},
                "event_ids": {**_PLACES, "description": "null for those that are not in the log."},
                "rejected": {"type": "array", "items": {"$ref": "#/components/schemas/Rejected"}},
                "unconfirmed": {
                    "type": "object",
                    "additionalProperties": _TEXT,
                    "description": "Place in the request to event_id: send these again.",
                },
                "retry_after_s": {"type": "integer"},
            },
        },
        "State": {"type": "object", "required": ["status"], "properties": {"status": _TEXT}},
    }


def text() -> str:
    """The document as it is checked in."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text())
