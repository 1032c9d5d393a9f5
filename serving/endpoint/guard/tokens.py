"""Bearer tokens (JWT): verified once with PyJWT, then remembered until they expire.

Verifying costs 42 µs (HS256) and more with public keys, a look into the cache 0.13 µs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import jwt

from serving.endpoint.config import TokenConfig
from serving.endpoint.guard.issuer_keys import ALGORITHMS, FETCH_TIMEOUT_S, IssuerKeys
from serving.endpoint.problems import Problem
from serving.supervisor import LoopSupervisor
from streams.contract.catalog import MATURITIES, maturity_age

MAX_REMEMBERED = 10_000
MAX_TOKEN_BYTES = 8192
REMEMBERED_S = 60
MATURITY_CLAIM = "max_maturity"
#: What a token may grant to a service, in `roles` (a list) or `scope` (words).
READ_ANY = "freshet:read-any"
READ_SEGMENT = "freshet:read-segment"
METRICS = "freshet:metrics"
WRITE_ANY = "freshet:write-any"
SCOPES = frozenset({READ_ANY, READ_SEGMENT, METRICS, WRITE_ANY})
_AGES: dict[str, int] = {maturity: maturity_age(maturity) for maturity in MATURITIES}
_SECRET_ALGORITHMS = ["HS256"]
_KEY_ALGORITHMS = list(ALGORITHMS)


class TokenHolder(NamedTuple):
    """Who asks. `scopes` are those of ours that the token names: with any of them it is a service's, without one a
    user's. `age`: the issuer lets them see items up to it; None = it does not say."""

    subject: str
    scopes: frozenset[str] = frozenset()
    age: int | None = None

    @property
    def serves(self) -> bool:
        """Whether it asks in the name of any user."""
        return READ_ANY in self.scopes


class Tokens:
    """Checks the Authorization header. Made within the event loop."""

    def __init__(self, config: TokenConfig) -> None:
        self._config = config
        self._known: dict[bytes, tuple[float, TokenHolder]] = {}
        self._issuer: IssuerKeys | None = None
        if config.jwks_url:
            # What was verified by a key that is withdrawn is not to be remembered.
            self._issuer = IssuerKeys(config.jwks_url, config.jwks_refresh_s, config.jwks_stale_s, self._known.clear)

    async def start(self, supervisor: LoopSupervisor) -> None:
        """Begins to follow the issuer's keys. One that is away is not an error; its tokens are refused until then."""
        if self._issuer is not None:
            supervisor.keep("issuer keys", self._issuer.keep)
            await asyncio.wait_for(self._issuer.tried.wait(), 2 * FETCH_TIMEOUT_S)

    @property
    def unusable(self) -> str:
        """Why no token can be checked; "" when they can."""
        return "" if self._issuer is None else self._issuer.unusable

    def reader(self, authorization: bytes | None) -> TokenHolder:
        """Who asks. Raises a 401 Problem without a valid token."""
        if authorization is None:
            raise _unauthorized("a bearer token is required")
        known = self._known.get(authorization)
        if known is not None and 0.0 < known[0] - time.time() <= REMEMBERED_S:  # nor after the clock was set back
            return known[1]
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > MAX_TOKEN_BYTES:
            raise _unauthorized("a bearer token is required")
        claims = self._claims(token.strip())
        reader = TokenHolder(claims["sub"], _scopes(claims), claimed_age(claims.get(MATURITY_CLAIM)))
        if len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        ends_s = float(claims["exp"]) + self._config.leeway_s
        self._known[authorization] = (min(ends_s, time.time() + REMEMBERED_S), reader)
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
                leeway=config.leeway_s,
                options={"require": ["exp", "sub"], "verify_aud": bool(config.audience)},
            )
        except jwt.PyJWTError as error:
            raise _unauthorized(f"the token is refused: {error}") from None
        return claims

    def _key_for(self, token: bytes) -> tuple[Any, list[str]]:
        if self._config.secret:
            return self._config.secret, _SECRET_ALGORITHMS
        if self._issuer is None:
            return self._config.public_key, _KEY_ALGORITHMS
        known = self._issuer.get(str(jwt.get_unverified_header(token).get("kid", "")))
        if known is None:
            raise jwt.InvalidKeyError(self._issuer.unusable or "its key is not known (yet)")
        return known


def claimed_age(claim: Any) -> int | None:
    """Up to which age the holder is shown items; None = the token does not say. What cannot be read restricts most.

    >>> claimed_age("12"), claimed_age(16.0), claimed_age("adult"), claimed_age(None)
    (12, 16, 0, None)
    """
    if claim is None:
        return None
    number = isinstance(claim, int | float) and not isinstance(claim, bool) and claim == claim // 1
    return _AGES.get(f"{int(claim)}" if number else claim if isinstance(claim, str) else "", 0)


def check_access(reader: TokenHolder, user_id: str | None, scope: str | None) -> None:
    """Raises a 403 Problem when the token does not open this. `scope`: what the route wants in any case; None = it
    shows lists, of `user_id` or of nobody."""
    if scope is not None:
        if scope not in reader.scopes:
            raise Problem(403, f"the token lacks {scope}")
    elif reader.scopes and not reader.serves:
        if user_id is not None or READ_SEGMENT not in reader.scopes:
            raise Problem(403, f"the token lacks {READ_SEGMENT if user_id is None else READ_ANY}")
    elif user_id is not None and reader.subject != user_id and not reader.serves:
        raise Problem(403, "the token is not this user's")


def check_writer(writer: TokenHolder, user_ids: Iterable[str]) -> None:
    """Raises a 403 Problem when the token does not let its holder send events of these users."""
    if WRITE_ANY in writer.scopes:
        return
    if writer.scopes:
        raise Problem(403, f"the token lacks {WRITE_ANY}")
    if any(user_id != writer.subject for user_id in user_ids):
        raise Problem(403, "the token is not this user's")


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    roles, scope = claims.get("roles"), claims.get("scope")
    granted = [*(roles if isinstance(roles, list) else []), *(scope.split() if isinstance(scope, str) else [])]
    return frozenset(one for one in granted if isinstance(one, str)) & SCOPES


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, sent_headers=[(b"www-authenticate", b"Bearer")])
