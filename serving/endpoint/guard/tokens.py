"""Bearer tokens (JWT): verified once with PyJWT, then remembered until they expire.

Verifying costs 42 µs (HS256) and more with public keys, a look into the cache 0.13 µs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, NamedTuple

import jwt

from serving.endpoint.config import TokenConfig
from serving.endpoint.problems import Problem

log = logging.getLogger(__name__)

MAX_REMEMBERED = 10_000
MAX_TOKEN_BYTES = 8192
REMEMBERED_S = 60  # a key that is withdrawn stops working after this long at the latest
JWKS_PAUSE_S = 10  # an unknown key id makes us ask for the keys again, but not more often than this
_SECRET_ALGORITHMS = ["HS256"]
_KEY_ALGORITHMS = ["RS256", "ES256"]


class Reader(NamedTuple):
    """Who asks. `serves` readers (the service role) may read for any user."""

    subject: str
    serves: bool


class Tokens:
    """Checks the Authorization header. Made within the event loop."""

    def __init__(self, config: TokenConfig) -> None:
        self._config = config
        self._known: dict[bytes, tuple[float, Reader]] = {}
        self._jwks = jwt.PyJWKClient(config.jwks_url, timeout=5) if config.jwks_url else None
        self._keys: dict[str, tuple[Any, list[str]]] = {}  # a key with the one algorithm it is for
        self._asked_s = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetches the JWKS keys. One that is away is not an error; its tokens are refused until it is there."""
        await self._fetch_keys()

    def reader(self, authorization: bytes | None) -> Reader:
        """Who asks. Raises a 401 Problem without a valid token."""
        if authorization is None:
            raise _unauthorized("a bearer token is required")
        known = self._known.get(authorization)
        if known is not None and known[0] > time.time():
            return known[1]
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > MAX_TOKEN_BYTES:
            raise _unauthorized("a bearer token is required")
        claims = self._claims(token.strip())
        reader = Reader(claims["sub"], self._serves(claims))
        if len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[authorization] = (min(float(claims["exp"]), time.time() + REMEMBERED_S), reader)
        return reader

    def _claims(self, token: bytes) -> dict[str, Any]:
        config = self._config
        try:
            key, algorithms = self._key_for(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=config.audience or None,
                issuer=config.issuer or None,
                options={"require": ["exp", "sub"], "verify_aud": bool(config.audience)},
            )
        except jwt.PyJWTError as error:
            raise _unauthorized(f"the token is refused: {error}") from None
        return claims

    def _key_for(self, token: bytes) -> tuple[Any, list[str]]:
        if self._config.secret:
            return self._config.secret, _SECRET_ALGORITHMS
        if self._config.public_key:
            return self._config.public_key, _KEY_ALGORITHMS
        key_id = str(jwt.get_unverified_header(token).get("kid", ""))
        known = self._keys.get(key_id)
        if known is None:
            self._ask_again()
            raise jwt.InvalidKeyError("its key is not known (yet)")
        return known

    def _ask_again(self) -> None:
        if time.monotonic() - self._asked_s > JWKS_PAUSE_S and (self._asking is None or self._asking.done()):
            self._asking = asyncio.get_running_loop().create_task(self._fetch_keys())

    async def _fetch_keys(self) -> None:
        if self._jwks is None:
            return
        self._asked_s = time.monotonic()
        try:
            found = await asyncio.to_thread(self._jwks.get_jwk_set, True)
        except jwt.PyJWTError as error:
            log.warning("the JWKS address does not answer: %s", error)
            return
        self._keys = {
            key.key_id: (key.key, [key.algorithm_name])
            for key in found.keys
            if key.key_id is not None and key.algorithm_name in _KEY_ALGORITHMS
        }

    def _serves(self, claims: dict[str, Any]) -> bool:
        roles, scope = claims.get("roles"), claims.get("scope")
        granted = [*(roles if isinstance(roles, list) else []), *(scope.split() if isinstance(scope, str) else [])]
        return self._config.service_role in granted


def check_subject(reader: Reader, user_id: str | None) -> None:
    """Raises a 403 Problem when somebody asks for another user's data without the service role."""
    if user_id is not None and reader.subject != user_id and not reader.serves:
        raise Problem(403, "the token is not this user's")


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, sent_headers=[(b"www-authenticate", b"Bearer")])
