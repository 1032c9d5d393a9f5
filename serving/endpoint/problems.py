"""Everything that is not a 200, as RFC 9457 problem+json.

    Problem             400 a parameter   404 path   405 method   414 address too long   501 not yet   503 not ready

A problem names what is wrong for programs too: `parameter`, `value` and `allowed` are members of their own.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson

from serving.endpoint.messages import NOSNIFF, Headers, Response

_TYPE = (b"content-type", b"application/problem+json")
_NO_STORE = (b"cache-control", b"no-store")
SHOWN_CHARACTERS = 100


class Problem(Exception):
    """An answer that says what is wrong. `members` become members of the JSON object."""

    def __init__(self, status: int, detail: str, /, *, sent_headers: Headers | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = sent_headers or []
        self.members = members

    def response(self) -> Response:
        """The answer; never cached."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return Response(self.status, [_TYPE, _NO_STORE, NOSNIFF, *self.headers], orjson.dumps(body))


def bad_parameter(name: str, value: str, allowed: str, what: str = "is not allowed") -> Problem:
    """A 400 with the parameter's name, its value (cut to 100 characters) and what is allowed."""
    shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    shown = shown.encode("utf-8", "replace").decode()
    return Problem(400, f"{name} {what}", parameter=name, value=shown, allowed=allowed)
