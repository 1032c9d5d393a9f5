"""Where Kafka is, and how a client proves who it is: the one value of which `streams.kafka.clients` makes each of them.

It is text, the brokers to ask first, so that whatever says where Kafka is says nothing secret.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self

from streams.kafka.oauth import TokenSource

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """How connections are encrypted, and what a client shows for itself.

    `ca_file` None: the authorities of this machine. `cert_file` and `key_file` are a client's own certificate (PEM), as
    brokers with `ssl.client.auth=required` want it. `username` and `password` go with PLAIN and SCRAM, `tokens` with
    OAUTHBEARER.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism = "PLAIN"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    tokens: TokenSource | None = None

    @property
    def is_none(self) -> bool:
        """Whether anybody is let in, by connections that anybody may read."""
        return self.protocol == "PLAINTEXT"

    @property
    def encrypted(self) -> bool:
        """Whether connections are TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def signs_in(self) -> bool:
        """Whether a client signs in (SASL)."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def tls(self) -> ssl.SSLContext | None:
        """What a TLS connection is made with; None without TLS. Certificate and host name are always checked. Raises
        OSError and ssl.SSLError when a file cannot be used."""
        if not self.encrypted:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


UNSECURED: Final = KafkaSecurity()


class KafkaAddress(str):
    """`host:port` of the brokers to ask first, with commas between, and how to be let in.

    >>> address = KafkaAddress("kafka:9093", KafkaSecurity("SASL_SSL", "PLAIN", "worker", "secret"))
    >>> print(address, address.security)  # doctest: +ELLIPSIS
    kafka:9093 KafkaSecurity(protocol='SASL_SSL', mechanism='PLAIN', username='worker', ca_file=None, ...)
    """

    security: KafkaSecurity

    def __new__(cls, servers: str, security: KafkaSecurity = UNSECURED) -> Self:
        """As `str`."""
        made = super().__new__(cls, servers)
        made.security = security
        return made

    def __getnewargs__(self) -> tuple[str, KafkaSecurity]:  # type: ignore[override]  # of a str alone
        """A copy is secured as well."""
        return str(self), self.security


def security_of(address: str) -> KafkaSecurity:
    """That of a `KafkaAddress`; plain text is unsecured, as servers on loopback are."""
    return address.security if isinstance(address, KafkaAddress) else UNSECURED
