"""Every kind of client comes in by every way that a broker offers, and who is refused learns why in one sentence."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from harness.certificates import Authority
from harness.polling import eventually
from harness.secured_kafka import ADMIN, SecuredKafka
from kafka.admin import NewTopic

from agents.delivery.outgoing import Outgoing
from agents.delivery.producer import PartitionProducer
from streams.kafka import clients
from streams.kafka.address import KafkaAddress
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.bulk_read import read_topics
from streams.kafka.client_arguments import client_arguments
from streams.kafka.errors import KafkaUnreachable
from streams.kafka.faust_credentials import credentials_of
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.refusal import KafkaRefused, refusal_of

pytestmark = pytest.mark.stack

Way = Callable[[SecuredKafka], KafkaAddress]
WAYS: dict[str, Way] = {
    "TLS": lambda kafka: kafka.tls(),
    "a client's certificate": lambda kafka: kafka.mutual(ADMIN),
    "PLAIN": lambda kafka: kafka.signed(ADMIN, "PLAIN"),
    "SCRAM-SHA-256": lambda kafka: kafka.signed(ADMIN, "SCRAM-SHA-256"),
    "SCRAM-SHA-512": lambda kafka: kafka.signed(ADMIN, "SCRAM-SHA-512"),
    "OAUTHBEARER": lambda kafka: kafka.signed(ADMIN, "OAUTHBEARER"),
}


@pytest.fixture(params=WAYS)
def address(request: pytest.FixtureRequest, secured: SecuredKafka) -> KafkaAddress:
    return WAYS[request.param](secured)


async def test_all_our_clients_come_in(address: KafkaAddress) -> None:
    topic = f"security-{secrets.token_hex(4)}"
    with blocking_admin(address, timeout_s=30) as blocking:
        blocking.create_topics([NewTopic(topic, 1, 1)])
    try:
        async with Producer(address) as producer:
            await producer.publish(OutgoingRecord(topic, b"k", b"by the producer"))
        transactional = PartitionProducer(address, f"{topic}-transactions", f"{topic}-group")
        await transactional.fence()
        await transactional.commit([Outgoing(topic, 0, b"k", b"in a transaction")], None, 0)
        await transactional.close()

        async def both_are_read() -> bool:  # a transaction is readable a moment after it is committed
            read: list[bytes] = []
            await read_topics(address, [topic], lambda record: read.append(record.value))
            return read == [b"by the producer", b"in a transaction"]

        await eventually("both records are read", both_are_read)
        admin = clients.admin(address)
        await admin.start()
        assert topic in await admin.list_topics()
        await admin.close()
    finally:
        with blocking_admin(address, timeout_s=30) as blocking:
            blocking.delete_topics([topic])


def test_fausts_own_clients_show_the_same_as_ours(address: KafkaAddress) -> None:
    ours, fausts = client_arguments(address), dict(credentials_to_aiokafka_auth(credentials_of(address)))
    assert ours.pop("bootstrap_servers") == address
    for arguments in (ours, fausts):  # objects that are made anew
        for name in ("ssl_context", "sasl_oauth_token_provider"):
            if name in arguments:
                arguments[name] = type(arguments[name])
    assert ours == fausts


def test_unsecured_is_unsecured() -> None:
    assert client_arguments("kafka:9092") == {"bootstrap_servers": "kafka:9092", "security_protocol": "PLAINTEXT"}
    assert credentials_of("kafka:9092") is None


async def test_a_token_is_asked_for_once(secured: SecuredKafka) -> None:
    address, asked = secured.signed(ADMIN, "OAUTHBEARER"), secured.tokens.asked
    for _ in range(3):
        assert await refusal_of(address) is None
    assert secured.tokens.asked == asked + 1


# -- who is refused ---------------------------------------------------------------------------------------------------


def changed(address: KafkaAddress, servers: str = "", **security: Any) -> KafkaAddress:
    return KafkaAddress(servers or address, replace(address.security, **security))


#: What is wrong, what is said, and whether waiting mends it for sure not.
REFUSED: dict[str, tuple[Callable[[SecuredKafka, Authority], KafkaAddress], str, bool]] = {
    "password of PLAIN": (
        lambda kafka, _: kafka.signed(ADMIN, "PLAIN", "wrong"),
        "FRESHET_KAFKA_SASL_USERNAME=admin or FRESHET_KAFKA_SASL_PASSWORD is refused",
        True,
    ),
    "password of SCRAM": (
        lambda kafka, _: kafka.signed(ADMIN, password="wrong"),
        "FRESHET_KAFKA_SASL_USERNAME=admin or FRESHET_KAFKA_SASL_PASSWORD is refused",
        True,
    ),
    "user": (lambda kafka, _: kafka.signed("nobody"), "FRESHET_KAFKA_SASL_USERNAME=nobody", True),
    "secret of the OAuth client": (
        lambda kafka, _: kafka.signed(ADMIN, "OAUTHBEARER", "wrong"),
        "FRESHET_KAFKA_OAUTH_CLIENT_SECRET: http://127.0.0.1",
        True,
    ),
    "authority": (
        lambda kafka, other: changed(kafka.signed(ADMIN), ca_file=other.file),
        "FRESHET_KAFKA_TLS_CA_FILE=",
        True,
    ),
    "no authority": (
        lambda kafka, _: changed(kafka.signed(ADMIN), ca_file=None),
        "FRESHET_KAFKA_TLS_CA_FILE is not set",
        True,
    ),
    "host name": (
        lambda kafka, _: changed(kafka.tls(), kafka.at("TLS").replace("127.0.0.1", "localhost")),
        "FRESHET_KAFKA_BOOTSTRAP=localhost:",
        True,
    ),
    "SASL where nobody signs in": (
        lambda kafka, _: changed(kafka.signed(ADMIN), kafka.at("TLS")),
        "FRESHET_KAFKA_SECURITY_PROTOCOL=SASL_SSL: nobody signs in",
        True,
    ),
    "no certificate": (
        lambda kafka, _: changed(kafka.mutual(ADMIN), cert_file=None),
        "FRESHET_KAFKA_TLS_CERT_FILE",
        False,
    ),
    "a certificate of somebody else's": (
        lambda kafka, other: changed(kafka.mutual(ADMIN), cert_file=other.client(ADMIN)),
        "FRESHET_KAFKA_TLS_CERT_FILE",
        False,
    ),
    "no TLS": (
        lambda kafka, _: KafkaAddress(kafka.at("SIGNED")),
        "FRESHET_KAFKA_SECURITY_PROTOCOL=PLAINTEXT",
        False,
    ),
    "TLS where there is none": (
        lambda kafka, _: changed(kafka.tls(), kafka.address),
        "FRESHET_KAFKA_SECURITY_PROTOCOL=SSL",
        False,
    ),
}


@pytest.mark.parametrize("wrong", REFUSED)
async def test_who_is_refused_learns_why(secured: SecuredKafka, tmp_path: Path, wrong: str) -> None:
    make, sentence, certain = REFUSED[wrong]
    address = make(secured, Authority(tmp_path))
    for client in (clients.consumer(address), clients.producer(address), clients.admin(address)):
        with pytest.raises(KafkaConnectionError, match=sentence) as caught:
            await client.start()
        assert isinstance(caught.value, KafkaRefused) == certain
        await (client.close() if hasattr(client, "close") else client.stop())
    with pytest.raises(KafkaUnreachable, match=sentence) as refused:
        await asyncio.to_thread(blocking_admin, address, 2.0)
    assert refused.value.refused == certain
    with pytest.raises(KafkaConnectionError if certain else KafkaUnreachable):
        async with Producer(address):
            pass


async def test_a_token_that_somebody_else_signed_is_refused(secured: SecuredKafka) -> None:
    address = secured.signed(ADMIN, "OAUTHBEARER")
    assert address.security.tokens is not None
    key = secured.tokens.key
    try:
        secured.tokens.key = type(secured.tokens)().key
        consumer = clients.consumer(address)
        with pytest.raises(KafkaRefused, match="FRESHET_KAFKA_OAUTH_CLIENT_ID: the token of this client is refused"):
            await consumer.start()
        await consumer.stop()
    finally:
        secured.tokens.key = key


async def test_brokers_that_are_away_refuse_nothing(secured: SecuredKafka) -> None:
    assert await refusal_of(changed(secured.signed(ADMIN), "127.0.0.1:1")) is None


async def test_what_is_secret_is_in_no_text(secured: SecuredKafka) -> None:
    for address in (secured.signed(ADMIN, "PLAIN", "hunter2"), secured.signed(ADMIN, "OAUTHBEARER", "hunter2")):
        refusal = await refusal_of(address)
        assert refusal is not None
        assert "hunter2" not in f"{address}{address!r}{address.security!r}{refusal.sentence}"
