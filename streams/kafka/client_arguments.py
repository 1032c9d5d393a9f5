"""What aiokafka and kafka-python are told of an address: both use the same names."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.abc import AbstractTokenProvider

from streams.kafka.address import security_of
from streams.kafka.oauth import TokenSource


class TokenProvider(AbstractTokenProvider):
    """As aiokafka asks for them."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Raises `NoToken`."""
        return await asyncio.to_thread(self._source.token)


def client_arguments(address: str) -> dict[str, Any]:
    """Servers and security of a client of aiokafka's. Raises OSError when a file of certificates cannot be used."""
    security = security_of(address)
    arguments: dict[str, Any] = {"bootstrap_servers": str(address), "security_protocol": security.protocol}
    if security.encrypted:
        arguments["ssl_context"] = security.tls()
    if security.signs_in:
        arguments["sasl_mechanism"] = security.mechanism
        if security.tokens is not None:
            arguments["sasl_oauth_token_provider"] = TokenProvider(security.tokens)
        else:
            arguments |= {"sasl_plain_username": security.username, "sasl_plain_password": security.password}
    return arguments
