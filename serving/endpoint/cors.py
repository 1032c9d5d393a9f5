"""Which web pages of other origins may read answers (CORS), and which may send, by an allow-list."""

from __future__ import annotations

from serving.endpoint.messages import Headers, Response

_VARY = (b"vary", b"Origin")
_EXPOSED = (b"access-control-expose-headers", b"etag, retry-after")  # of answers: browsers ignore it on a preflight


class Cors:
    """Adds the headers for origins on the list ("*" for all of them) and answers preflight requests."""

    def __init__(
        self, origins: tuple[str, ...], methods: bytes = b"GET, HEAD", sent: bytes = b"authorization, if-none-match"
    ) -> None:
        """`methods` and `sent`: what pages may do, and the headers that they may set."""
        self._origins = frozenset(origin.encode() for origin in origins)
        self._any = "*" in origins
        self._methods, self._sent = methods, sent

    def headers(self, origin: bytes | None) -> Headers:
        """What to add to an answer for a request with this Origin."""
        if self._any:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED]
        if not self._origins:
            return []
        if origin in self._origins and origin is not None:
            return [(b"access-control-allow-origin", origin), _EXPOSED, _VARY]
        return [_VARY]

    def may_send(self, origin: bytes | None) -> bool:
        """Whether a request with this Origin may change something: pages of the list may, and whatever is no page."""
        return origin is None or self._any or origin in self._origins

    def preflight(self, origin: bytes | None) -> Response:
        """The answer to OPTIONS: what may be sent, when the origin may send at all. `headers` is added as to any
        answer: browsers take an origin that is named twice for none."""
        headers: Headers = [(b"allow", self._methods + b", OPTIONS")]
        if any(name == b"access-control-allow-origin" for name, _ in self.headers(origin)):
            headers += [
                (b"access-control-allow-methods", self._methods),
                (b"access-control-allow-headers", self._sent),
                (b"access-control-max-age", b"600"),
            ]
        return Response(204, headers, b"")
