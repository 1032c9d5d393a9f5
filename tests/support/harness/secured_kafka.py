"""A real broker that lets in only whom it knows: TLS, SASL of every kind and client certificates, with ACLs in force.

One broker has all listeners, each on a port of its own. Its plain one is for the harness alone: who comes by it is the
super user. So is `admin`, however it signs in; everybody else may do what ACLs allow them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from harness.certificates import Authority
from harness.java import use_cheap_java
from harness.token_endpoint import AUDIENCE, CLIENT_SECRET, TokenEndpoint, token_endpoint
from ops.local_stack.kafka_record import ClusterRecord
from ops.local_stack.kafka_server import KafkaServer
from ops.local_stack.ports import LOOPBACK, free_port
from streams.kafka.address import KafkaAddress, KafkaSecurity, Mechanism
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.oauth import OAuthClient, TokenSource
from streams.kafka.roles import Grant, Role, grants
from streams.kafka.topics import Topics

ADMIN = "admin"
ROLES = tuple(role.value for role in Role)
SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
_MODULES = "org.apache.kafka.common.security"
_OAUTH = f"{_MODULES}.oauthbearer"


def password_of(user: str) -> str:
    """Of every user here."""
    return f"{user}-pass-word-of-tests"


class SecuredKafka(KafkaServer):
    """`TLS` wants no certificate, `MUTUAL` one of a client, and `SIGNED` is SASL over TLS."""

    LISTENERS = ("TLS", "MUTUAL", "SIGNED")

    def __init__(self, state_dir: Path, tokens: TokenEndpoint) -> None:
        first = free_port(len(self.LISTENERS) + 1)
        self.ports = {name: first + number for number, name in enumerate(self.LISTENERS, 1)}
        self.authority = Authority(state_dir / "certificates")
        self.tokens = tokens
        self._keys = state_dir / "jwks.json"
        self._server_pair = self.authority.server()
        tokens.write_keys(self._keys)
        super().__init__(state_dir, first, 1, ClusterRecord.new(1))

    def prepare(self) -> list[str]:
        """Kafka reads keys only from where it is told that it may."""
        java, *rest = super().prepare()
        url = self._keys.as_uri().replace("file:///", "file:/")
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys.as_uri()},{url}"
        return [java, allowed, *rest]

    def make_users(self) -> None:
        """Once it runs."""
        wanted = [
            UserScramCredentialUpsertion(user, mechanism, password_of(user))
            for user in (ADMIN, *ROLES)
            for mechanism in SCRAM.values()
        ]
        admin = blocking_admin(self.address, timeout_s=30)
        for upsertion in wanted:  # one of a user at a time
            admin.alter_user_scram_credentials([upsertion])
        admin.close()

    def allow(self, role: Role, topics: Topics) -> None:
        """Makes the ACLs that the user named like the role needs."""
        with blocking_admin(self.address, timeout_s=30) as admin:
            answer = admin.create_acls([acl for grant in grants(role, topics) for acl in _acls(grant, f"User:{role}")])
            assert not answer["failed"], answer

    # -- addresses ------------------------------------------------------------------------------------------------

    def at(self, listener: str) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self.ports[listener]}"

    def tls(self) -> KafkaAddress:
        """For whoever trusts the broker."""
        return KafkaAddress(self.at("TLS"), KafkaSecurity("SSL", ca_file=self.authority.file))

    def mutual(self, user: str) -> KafkaAddress:
        """For who has a certificate of that name."""
        security = KafkaSecurity("SSL", ca_file=self.authority.file, cert_file=self.authority.client(user))
        return KafkaAddress(self.at("MUTUAL"), security)

    def signed(self, user: str, mechanism: Mechanism = "SCRAM-SHA-512", password: str = "") -> KafkaAddress:
        """For who signs in so."""
        tokens = None
        if mechanism == "OAUTHBEARER":
            tokens = TokenSource(OAuthClient(self.tokens.url, user, password or CLIENT_SECRET))
        security = KafkaSecurity(
            "SASL_SSL", mechanism, user, password or password_of(user), self.authority.file, tokens=tokens
        )
        return KafkaAddress(self.at("SIGNED"), security)

    def environment(self, user: str) -> dict[str, str]:
        """FRESHET_* of a process that signs in as that user."""
        return {
            "FRESHET_KAFKA_BOOTSTRAP": self.at("SIGNED"),
            "FRESHET_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "FRESHET_KAFKA_SASL_USERNAME": user,
            "FRESHET_KAFKA_SASL_PASSWORD": password_of(user),
            "FRESHET_KAFKA_TLS_CA_FILE": str(self.authority.file),
        }

    # -- configuration --------------------------------------------------------------------------------------------

    def _write_configuration(self) -> None:
        super()._write_configuration()
        lines = dict(line.split("=", 1) for line in self._properties.read_text().splitlines())
        opened = "".join(f",{name}://{self.at(name)}" for name in self.LISTENERS)
        lines["listeners"] += opened
        lines["advertised.listeners"] += opened
        lines["listener.security.protocol.map"] += ",TLS:SSL,MUTUAL:SSL,SIGNED:SASL_SSL"
        lines |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._server_pair),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.file),
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=(.*)$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{ADMIN}",
        }
        lines |= {f"listener.name.signed.{name}": value for name, value in self._sasl().items()}
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def _sasl(self) -> dict[str, str]:
        users = " ".join(f'user_{user}="{password_of(user)}"' for user in (ADMIN, *ROLES))
        scram = f"{_MODULES}.scram.ScramLoginModule required;"
        return {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            "plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required {users};",
            "scram-sha-256.sasl.jaas.config": scram,
            "scram-sha-512.sasl.jaas.config": scram,
            "oauthbearer.sasl.jaas.config": f"{_OAUTH}.OAuthBearerLoginModule required;",
            "oauthbearer.sasl.server.callback.handler.class": f"{_OAUTH}.OAuthBearerValidatorCallbackHandler",
            "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self._keys.as_uri(),
            "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        }


def _acls(grant: Grant, principal: str) -> list[ACL]:
    resource = ResourceType[grant.resource.upper().replace("-", "_")]
    kind = ACLResourcePatternType.PREFIXED if grant.prefixed else ACLResourcePatternType.LITERAL
    pattern = ResourcePattern(resource, grant.name, kind)
    operations = (re.sub("(?<=[a-z])(?=[A-Z])", "_", operation).upper() for operation in grant.operations)
    return [ACL(principal, "*", ACLOperation[name], ACLPermissionType.ALLOW, pattern) for name in operations]


@contextmanager
def secured_kafka(folder: Path) -> Iterator[SecuredKafka]:
    """Runs while the body does; its users are there, ACLs are not yet."""
    use_cheap_java()
    with token_endpoint() as tokens:
        server = SecuredKafka(folder, tokens)
        server.start()
        try:
            server.make_users()
            yield server
        finally:
            server.stop()
            server.wipe()
