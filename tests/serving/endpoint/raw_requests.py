"""Requests as a hostile client would send them: bytes, well-formed or not, several on one connection."""

from __future__ import annotations

from random import Random

LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
_METHODS = (
    [b"GET"] * 12 + [b"HEAD"] * 3 + [b"OPTIONS", b"POST", b"DELETE", b"PATCH", b"TRACE", b"get", b"G\x00T", b"X" * 300]
)
_IDS = [
    b"u1",
    b"%",
    b"%4",
    b"%zz",
    b"%00",
    b"%ff%fe",
    b"%C0%AF",
    b"%ED%A0%80",
    b"%F4%90%80%80",
    b"%25%32%35",
    b"a%2Fb",
    b"..",
    b"%2e%2e%2f",
    b"\xff\xfe",
    "日本".encode(),
    b"*",
    b"{u}",
    b"}:homepage",
    b"a\x0bb",
    b"a;b=c",
    b"a?b",
    b"#",
    b"'\"<>",
    b"+",
    b"x" * 127,
    b"x" * 128,
    b"x" * 129,
    b"x" * 5_000,
    b"%41" * 128,
    b"%F0%9F%98%80" * 128,
    b"",
]
_PATHS = [
    b"/api/v1/recommendations",
    b"/api/v1/recommendations/homepage/%b",
    b"/api/v1/items/%b/similar",
    b"/api/v1/trending",
    b"/api/v1/users/%b/continue-watching",
    b"/api/v1/%b",
    b"/%b",
    b"//%b//",
    b"http://other/healthz",
    b"*",
    b"/openapi.json",
    b"/healthz",
    b"/readyz",
    b"/metrics",
    b"",
    b"/" + b"a/" * 5_000,
]
_NAMES = [
    b"user_id",
    b"limit",
    b"offset",
    b"context",
    b"country",
    b"device_type",
    b"window",
    b"region",
    b"category",
    b"x",
    b"",
]
_VALUES = [
    *_IDS,
    b"1",
    b"20",
    b"0",
    b"-1",
    b"1e3",
    b"9" * 400,
    b"homepage",
    b"DE",
    b"24h",
    b"tv",
    b"%D9%A3",
    b"a=b",
    b"true",
]
_HEADERS = [
    b"Host: x",
    b"Host: x\r\nHost: y",
    b"Content-Length: 0",
    b"Content-Length: -1",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 4",
    b"If-None-Match: *",
    b'If-None-Match: W/"',
    b"If-None-Match: " + b'"a",' * 900,
    b"Origin: null",
    b"Origin: \xff",
    b"Authorization: Bearer " + b"." * 3_000,
    b"Authorization: \xe9",
    b"Expect: 100-continue",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==",
    b"Connection: upgrade\r\nUpgrade: h2c",
    b"Range: bytes=0-1",
    b"Accept-Encoding: \x01",
    b"X: " + b"y" * 9_000,
    b": empty",
    b"no colon",
    b" folded: x",
    b"a b: c",
    b"X-Nul: \x00",
    b"\r\n".join(b"h%d: v" % n for n in range(150)),
]
_VERSIONS = [b"HTTP/1.1"] * 20 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.1 x", b""]


def conversation(random: Random) -> list[bytes]:
    """What one connection sends, in the pieces in which it is sent; ends with a request that asks to close."""
    sent = b"".join(_request(random) for _ in range(random.choice((1, 1, 1, 2, 8)))) + LAST
    if random.random() < 0.3:
        sent = _damaged(random, sent)
    if random.random() < 0.7:
        return [sent]
    cuts = sorted(random.randrange(len(sent)) for _ in range(random.randrange(1, 6)))
    return [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def _request(random: Random) -> bytes:
    path = random.choice(_PATHS).replace(b"%b", random.choice(_IDS))
    if random.random() < 0.7:
        pairs = [_pair(random) for _ in range(random.randrange(5))]
        path += b"?" + random.choice((b"&", b"&&", b";")).join([b"user_id=u%d" % random.randrange(9), *pairs])
    headers = [b"Host: x", *random.choices(_HEADERS, k=random.choice((0, 0, 1, 2, 4)))]
    line = random.choice((b"\r\n", b"\r\n", b"\r\n", b"\n"))
    return line.join([b"%b %b %b" % (random.choice(_METHODS), path, random.choice(_VERSIONS)), *headers, b"", b""])


def _pair(random: Random) -> bytes:
    return random.choice(_NAMES) + random.choice((b"=", b"", b"==")) + random.choice(_VALUES)


def _damaged(random: Random, sent: bytes) -> bytes:
    damaged = bytearray(sent)
    for _ in range(random.randrange(1, 8)):
        place = random.randrange(len(damaged))
        damaged[place : place + random.randrange(3)] = random.randbytes(random.randrange(3))
    return bytes(damaged) or b"\n"
