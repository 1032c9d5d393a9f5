"""The only place where clients of kafka-python are made."""

from __future__ import annotations

from typing import Any

from kafka import errors
from kafka.admin import KafkaAdminClient
from kafka.net.sasl.oauth import AbstractTokenProvider

from streams.kafka.address import security_of
from streams.kafka.client_arguments import client_arguments
from streams.kafka.errors import KafkaUnreachable
from streams.kafka.oauth import TokenSource
from streams.kafka.refusal import BrokerRefusal, KafkaRefused, refusal_now


class _Tokens(AbstractTokenProvider):
    """As kafka-python asks for them."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    def token(self) -> str:
        """Raises `NoToken`."""
        return self._source.token()


def blocking_admin(address: str, timeout_s: float) -> KafkaAdminClient:
    """A connected client, to be closed. `timeout_s` is for its start and for each answer. Raises `KafkaRefused` and
    `KafkaUnreachable`."""
    if not security_of(address).is_none:  # it would try a wrong password until its time is over
        _raise(refusal_now(address))
    timeout_ms = int(timeout_s * 1000)
    try:
        return KafkaAdminClient(**_arguments(address), bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms)
    except (errors.KafkaTimeoutError, errors.KafkaConnectionError) as failure:
        _raise(refusal_now(address))
        raise KafkaUnreachable(f"no Kafka broker answered at {address} within {timeout_s:g} s") from failure


def _raise(refusal: BrokerRefusal | None) -> None:
    if refusal is not None:
        raise KafkaRefused(refusal.sentence) if refusal.certain else KafkaUnreachable(refusal.sentence)


def _arguments(address: str) -> dict[str, Any]:
    arguments, tokens = client_arguments(address), security_of(address).tokens
    return arguments | ({"sasl_oauth_token_provider": _Tokens(tokens)} if tokens is not None else {})
