"""Why a connection to a store was not made, where TLS is the reason."""

from __future__ import annotations

from typing import Final

_NOT_TRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
_NOT_SPOKEN: Final = ("WRONG_VERSION_NUMBER", "wrong version number", "record layer failure")
_CLOSED: Final = ("EOF", "Connection reset by peer", "closed by server")


def why_no_tls(said: str, *, secure: bool) -> str | None:
    """A clause for what the client said; None when it has nothing to do with TLS.

    >>> why_no_tls("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:992)", secure=True)
    'the certificate is not one of the authority that is trusted (ca_certs)'
    >>> why_no_tls("Unexpected EOF while reading bytes", secure=False)
    'the connection was closed: perhaps TLS is expected there (Unexpected EOF while reading bytes)'
    """
    if secure and _NOT_TRUSTED in said:
        return "the certificate is not one of the authority that is trusted (ca_certs)"
    if secure and any(word in said for word in _NOT_SPOKEN):
        return "TLS is not spoken there"
    if not secure and any(word in said for word in _CLOSED):
        return f"the connection was closed: perhaps TLS is expected there ({said})"
    return None
