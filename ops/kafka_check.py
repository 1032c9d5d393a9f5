"""What must be true of the Kafka at the address, if it answers already."""

import asyncio

from ops.configuration.settings import Settings
from ops.exit_codes import CommandFailed, ExitCode
from streams.kafka.refusal import refusal_of


class KafkaNotUsable(CommandFailed):
    """A Kafka that is there does not let us in."""

    code = ExitCode.USAGE


def require_usable_kafka(settings: Settings) -> None:
    """Raises KafkaNotUsable when a broker says no (password, certificate, mechanism); brokers that are away are no
    mistake. An unsecured one lets everybody in."""
    address = settings.kafka
    if address.security.is_none:
        return
    refusal = asyncio.run(refusal_of(address))
    if refusal is not None and refusal.certain:
        raise KafkaNotUsable(refusal.sentence)
