"""What goes in and out of a handler. Plain tuples of bytes, as ASGI has them: nothing is converted on the way."""

from __future__ import annotations

from typing import Any, NamedTuple

from serving.endpoint.shown import ShownAnswer

Header = tuple[bytes, bytes]
Headers = list[Header]
#: Every parameter that was given, by name, checked.
Given = dict[str, Any]

JSON_TYPE = (b"content-type", b"application/json")
NOSNIFF = (b"x-content-type-options", b"nosniff")


class Response(NamedTuple):
    """A whole answer. The app adds content-length, and answers 304 when the asker has this ETag. What is `shown` is
    told once it is: an answer may still be refused, and to HEAD nothing is shown."""

    status: int
    headers: Headers
    body: bytes
    etag: bytes = b""
    shown: ShownAnswer | None = None


def json_response(body: bytes, cache_control: Header, etag: bytes = b"", shown: ShownAnswer | None = None) -> Response:
    """A 200 with JSON."""
    headers = [JSON_TYPE, cache_control, NOSNIFF]
    if etag:
        headers.append((b"etag", etag))
    return tuple.__new__(Response, (200, headers, body, etag, shown))  # half the time of calling it


def cache_control(directives: bytes) -> Header:
    """How long an answer may be kept, and by whom."""
    return b"cache-control", directives
