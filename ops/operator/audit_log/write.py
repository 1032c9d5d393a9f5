"""Writes what a command is and what became of it."""

import secrets
from collections.abc import Mapping
from typing import Final

from agents.versions.code_revision import code_revision
from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings
from ops.exit_codes import CommandFailed, ExitCode
from ops.operator.inspect.running import run
from ops.operator_name import operator_name
from streams.contract.audit import MASK, MAX_DETAIL, AuditRecord, CommandBegun, CommandEnded, Result, encode
from streams.kafka.address import KafkaSecurity
from streams.kafka.errors import KafkaUnreachable, PublishError
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics

#: How long a command that has done its work tries to say so, in seconds.
_END_TIMEOUT_S: Final = 10.0
_RESULTS: Final[dict[int, Result]] = {
    ExitCode.OK: "done",
    ExitCode.CHECK_FAILED: "check_failed",
    ExitCode.USAGE: "refused",
    ExitCode.UNREACHABLE: "unreachable",
    ExitCode.INTERRUPTED: "interrupted",
}


class NotAudited(CommandFailed):
    """The command cannot be noted, so it did nothing."""

    code = ExitCode.USAGE


class NotAuditedNow(NotAudited):
    """Because Kafka does not answer."""

    code = ExitCode.UNREACHABLE


class AuditedCommand:
    """One command that is about to change something. `users` are those of `arguments` that name a user."""

    def __init__(
        self, settings: Settings, command: str, arguments: Mapping[str, object], users: frozenset[str] = frozenset()
    ) -> None:
        self._address = settings.kafka
        self._topic = Topics(settings.namespace).audit
        identities = identities_of(settings)
        self._masked = {
            raw: identities.of(raw) if identities.secret else MASK
            for name in users
            if (raw := str(arguments.get(name, "")))
        }
        self._begun = CommandBegun(
            secrets.token_hex(8),
            command,
            {
                name: self._masked.get(shown, shown) if name in users else shown
                for name, value in arguments.items()
                if (shown := _shown(value))
            },
            settings.operator or operator_name(),
            kafka_user(settings.kafka.security),
            settings.model_version,
            code_revision(),
        )

    def begin(self) -> None:
        """Notes that it begins. Raises `NotAudited`: then it must not."""
        try:
            run(self._append(self._begun, 60.0))
        except KafkaUnreachable as failure:
            if failure.refused:
                raise
            raise NotAuditedNow(f"nothing was done, since it could not be noted in {self._topic}: {failure}") from None
        except PublishError as failure:
            raise NotAudited(
                f"nothing was done, since it could not be noted in {self._topic}: {failure}; "
                "`freshet topics create` makes the topic, `freshet acls` says who may write it"
            ) from None

    def end(self, exit_code: int, detail: str = "") -> None:
        """Notes what became of it. Raises `KafkaError`: it happened all the same."""
        for raw, masked in self._masked.items():
            detail = detail.replace(raw, masked)
        result = _RESULTS.get(exit_code, "failed")
        run(self._append(CommandEnded(self._begun.command_id, result, exit_code, detail[:MAX_DETAIL]), _END_TIMEOUT_S))

    async def _append(self, record: AuditRecord, timeout_s: float) -> None:
        key, value = encode(record)
        async with Producer(self._address, delivery_timeout_s=timeout_s) as producer:
            await producer.publish(OutgoingRecord(self._topic, key, value, 0))


def kafka_user(security: KafkaSecurity) -> str:
    """Whom the broker takes this client for: its user, or the subject of its certificate; "" = anybody.

    >>> kafka_user(KafkaSecurity("SASL_SSL", "PLAIN", "ana", "secret"))
    'ana'
    """
    if security.signs_in:
        return security.tokens.client_id if security.tokens is not None else security.username
    if not security.encrypted or security.cert_file is None:
        return ""
    from cryptography import x509

    return x509.load_pem_x509_certificate(security.cert_file.read_bytes()).subject.rfc4514_string()


def _shown(value: object) -> str:
    """As text; "" for what was not given or is switched off."""
    if value is None or value is False:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
