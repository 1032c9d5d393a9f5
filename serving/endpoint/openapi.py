"""Makes openapi.json from the routing table: `python -m serving.endpoint.openapi`.

The parameters come from the declarations that parse them, so the document cannot promise what the code refuses.
"""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from serving.endpoint.config import EndpointConfig
from serving.endpoint.openapi_schemas import SCHEMAS
from serving.endpoint.parameters import Parameter
from serving.endpoint.routes import Route, routes_of
from serving.endpoint.services import Services
from serving.redis_address import RedisUrl

DOCUMENT = Path(__file__).with_name("openapi.json")


def document() -> dict[str, Any]:
    """The whole OpenAPI 3.1 document."""
    routes = asyncio.run(_routes())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Freshet",
            "version": version("freshet"),
            "description": "Ready-made recommendation lists. Read-only. Errors are RFC 9457 problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {route.template: {"get": _get(route), "head": _head(route)} for route in routes},
        "components": {"schemas": SCHEMAS},
    }


async def _routes() -> tuple[Route, ...]:
    """The routes of an endpoint that is never started."""
    url = "redis://127.0.0.1"
    return routes_of(Services(EndpointConfig(url), RedisUrl.parse(url))).all


def _get(route: Route) -> dict[str, Any]:
    return {**_operation(route), "operationId": route.operation, "responses": _responses(route, bodies=True)}


def _head(route: Route) -> dict[str, Any]:
    return {**_operation(route), "operationId": f"head_{route.operation}", "responses": _responses(route, bodies=False)}


def _operation(route: Route) -> dict[str, Any]:
    described = [_parameter(parameter, "query") for parameter in route.parameters.declared]
    if route.path_parameter is not None:
        described.insert(0, _parameter(route.path_parameter, "path"))
    return {"summary": (route.handler.__class__.__doc__ or "").splitlines()[0], "parameters": described}


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _responses(route: Route, *, bodies: bool) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    if route.operation in SCHEMAS:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{route.operation}"}}}
        responses["200"] = {"description": "The answer.", **({"content": content} if bodies else {})}
        responses["304"] = {"description": "The asker has this answer (If-None-Match)."}
    if route.operation == "metrics":
        responses["200"] = {
            "description": "Prometheus text format.",
            **({"content": {"text/plain": {"schema": {"type": "string"}}}} if bodies else {}),
        }
    problems = {"400": "A parameter is wrong.", "405": "Only GET, HEAD and OPTIONS.", "414": "The address is too long."}
    if route.operation in ("item", "item_features"):
        problems["404"] = "There is no such item, or not for this reader."
    if route.operation.startswith("search"):
        problems["503"] = "Too many searches wait."
    if route.guarded:
        problems |= {
            "401": "No valid token.",
            "403": "Another user's list, or a scope that the token lacks.",
            "429": "Too many requests.",
        }
    if route.operation == "ready":
        problems["503"] = "Not ready, and why."
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, meaning in problems.items():
        responses[status] = {"description": meaning, **({"content": content} if bodies else {})}
    return responses


def text() -> str:
    """The document as it is checked in."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(text())
