"""What goes in and out of a handler. Plain tuples of bytes, as ASGI has them: nothing is converted on the way."""

from __future__ import annotations

from typing import Any, NamedTuple

Headers = list[tuple[bytes, bytes]]

JSON_TYPE = (b"content-type", b"application/json")
NOSNIFF = (b"x-content-type-options", b"nosniff")


class Request(NamedTuple):
    """A request whose route and parameters are checked. `parameters` holds every parameter that was given."""

    parameters: dict[str, Any]
    headers: dict[bytes, bytes]


class Response(NamedTuple):
    """A whole answer. The app adds content-length, and answers 304 when the asker has this ETag."""

    status: int
    headers: Headers
    body: bytes
    etag: bytes = b""


def json_response(body: bytes, cache_control: bytes, etag: bytes = b"") -> Response:
    """A 200 with JSON."""
    headers = [JSON_TYPE, (b"cache-control", cache_control), NOSNIFF]
    if etag:
        headers.append((b"etag", etag))
    return Response(200, headers, body, etag)
