"""Why a Kafka that is there does not let us in, as one sentence that names the setting.

Clients try again for ever, or say that no broker answered. So who could not connect asks here once, with a connection
of its own, what the broker says.
"""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from aiokafka import errors
from aiokafka.conn import AIOKafkaConnection, collect_hosts
from aiokafka.protocol.metadata import MetadataRequest

from streams.kafka.address import KafkaSecurity, security_of
from streams.kafka.client_arguments import client_arguments
from streams.kafka.errors import KafkaUnreachable
from streams.kafka.oauth import NoToken

TIMEOUT_S: Final = 5.0
_PREFIX: Final = "FRESHET_KAFKA_"
_WRONG_HOST_NAME: Final = (62, 63, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and its likes


class KafkaRefused(KafkaUnreachable, errors.KafkaConnectionError):  # type: ignore[misc]  # aiokafka has no types
    """A broker is there and does not let us in; the message names the setting. For whoever waits for brokers that are
    away it is one of those."""

    refused = True

    def __str__(self) -> str:  # aiokafka's begins with its own name
        return ", ".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class BrokerRefusal:
    """One sentence; not `certain` when a broker that is just starting or ending would have done the same."""

    sentence: str
    certain: bool = True


async def refusal_of(address: str) -> BrokerRefusal | None:
    """What the first broker that refuses says; None when one lets us in, and when all are away."""
    refusal = None
    for host, port, _ in collect_hosts(str(address)):
        try:
            await _try(address, host, port)
        except (OSError, errors.KafkaError, EOFError) as failure:
            refusal = refusal or _refusal(failure, security_of(address), f"{host}:{port}")
        else:
            return None
    return refusal


def refusal_now(address: str) -> BrokerRefusal | None:
    """The same for who cannot await, in an event loop or not."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, refusal_of(address)).result()


async def _try(address: str, host: str, port: int) -> None:
    arguments = client_arguments(address)
    del arguments["bootstrap_servers"]
    connection = AIOKafkaConnection(host, port, request_timeout_ms=int(TIMEOUT_S * 1000), **arguments)
    try:
        await connection.connect()
        # A listener that wants SASL talks TLS with everybody, and aiokafka takes a refused token for an accepted one.
        answer = await connection.send(MetadataRequest([]))
        if not answer.brokers and security_of(address).tokens is not None:
            raise errors.SaslAuthenticationFailed("it answers nothing else")
    finally:
        connection.close()


def _refusal(failure: BaseException, security: KafkaSecurity, at: str) -> BrokerRefusal | None:
    if isinstance(failure, errors.KafkaConnectionError | ConnectionResetError):
        hung_up = not isinstance(failure.__cause__ or failure.__context__, ConnectionRefusedError | TimeoutError)
        return BrokerRefusal(_closed(security, at), certain=False) if hung_up else None
    sentence = _sentence(failure, security, at)
    return BrokerRefusal(sentence) if sentence is not None else None


def _sentence(failure: BaseException, security: KafkaSecurity, at: str) -> str | None:
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _not_trusted(failure, security, at)
    if isinstance(failure, ssl.SSLError):
        return _no_handshake(failure, security, at)
    if isinstance(failure, NoToken):
        names = f"{_PREFIX}OAUTH_TOKEN_URL, {_PREFIX}OAUTH_CLIENT_ID or {_PREFIX}OAUTH_CLIENT_SECRET"
        return f"{names}: {failure.sentence}" if failure.refused else None
    if isinstance(failure, errors.SaslAuthenticationFailed):
        return _not_let_in(failure, security, at)
    if isinstance(failure, errors.UnsupportedSaslMechanismError):
        return f"{_PREFIX}SASL_MECHANISM={security.mechanism} is not offered by {at}"
    if isinstance(failure, errors.IllegalSaslStateError):
        return f"{_PREFIX}SECURITY_PROTOCOL={security.protocol}: nobody signs in (SASL) at {at}"
    return None


def _not_trusted(failure: ssl.SSLCertVerificationError, security: KafkaSecurity, at: str) -> str:
    if failure.verify_code in _WRONG_HOST_NAME:
        return f"{_PREFIX}BOOTSTRAP={at}: the broker's certificate is not that name's: {failure.verify_message}"
    authorities = f"={security.ca_file}" if security.ca_file else " is not set"
    return f"{_PREFIX}TLS_CA_FILE{authorities}: the certificate of {at} is refused: {failure.verify_message}"


def _no_handshake(failure: ssl.SSLError, security: KafkaSecurity, at: str) -> str:
    if "ALERT" in (failure.reason or ""):
        own = f"={security.cert_file}" if security.cert_file else " is not set"
        return f"{_PREFIX}TLS_CERT_FILE{own}: {at} refuses this client: {failure.reason}"
    return f"{_PREFIX}SECURITY_PROTOCOL={security.protocol}: {at} does not speak TLS: {failure.reason or failure}"


def _not_let_in(failure: Exception, security: KafkaSecurity, at: str) -> str:
    said = ". ".join(str(part) for part in failure.args if part) or "authentication failed"
    if security.tokens is not None:
        return f"{_PREFIX}OAUTH_CLIENT_ID: the token of this client is refused by {at}: {said}"
    return f"{_PREFIX}SASL_USERNAME={security.username} or {_PREFIX}SASL_PASSWORD is refused by {at}: {said}"


def _closed(security: KafkaSecurity, at: str) -> str:
    ended = f"{_PREFIX}SECURITY_PROTOCOL={security.protocol}: {at} ends the connection without an answer"
    if security.encrypted:
        return f"{ended}: it may want no TLS, SASL, or a certificate of this client ({_PREFIX}TLS_CERT_FILE)"
    return f"{ended}: it may want TLS or SASL"
