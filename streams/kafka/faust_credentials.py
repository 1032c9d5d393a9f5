"""What Faust's own clients show: the same as ours (`streams.kafka.client_arguments`), in Faust's words."""

from __future__ import annotations

from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials

from streams.kafka.address import security_of
from streams.kafka.client_arguments import TokenProvider


def credentials_of(address: str) -> Credentials | None:
    """None = unsecured."""
    security = security_of(address)
    tls = security.tls()
    if not security.signs_in:
        return SSLCredentials(tls) if tls is not None else None
    if security.tokens is not None:
        return OAuthCredentials(oauth_cb=TokenProvider(security.tokens), ssl_context=tls)
    return SASLCredentials(
        username=security.username, password=security.password, ssl_context=tls, mechanism=security.mechanism
    )
