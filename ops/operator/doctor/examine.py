"""Looks at the servers and this machine, and says what would make lists late, lost or wrong, and what to do.

Nothing is changed, and everything that can be looked at is, also when one server is away.
"""

import asyncio
from collections.abc import Iterator

from aiokafka.errors import KafkaError as ClientError

from ops.configuration.settings import Settings, variable
from ops.local_stack.ports import LOOPBACK
from ops.operator.doctor.finding import HealthFinding
from ops.operator.doctor.kafka_acls import acl_findings
from ops.operator.doctor.kafka_facts import read_kafka_facts
from ops.operator.doctor.kafka_records import read_record_facts, record_findings
from ops.operator.doctor.kafka_servers import server_findings
from ops.operator.doctor.kafka_topics import topic_findings
from ops.operator.doctor.machine import machine_findings
from ops.operator.doctor.redis import examine_redis
from streams.kafka.bulk_read import TopicMissing
from streams.kafka.errors import KafkaError, KafkaUnreachable
from streams.kafka.topics import Topics

#: How long reading what is misplaced may take: nothing, unless a producer places all of it otherwise.
RECORDS_S = 60.0
_LOCAL = (LOOPBACK, "localhost", "[::1]")


def examine(settings: Settings) -> list[HealthFinding]:
    """Everything that was looked at, Kafka first."""
    return [*_kafka(settings), *examine_redis(settings), *machine_findings(settings)]


def _records(settings: Settings, topics: Topics) -> Iterator[HealthFinding]:
    try:
        facts = asyncio.run(asyncio.wait_for(read_record_facts(settings.kafka, topics), RECORDS_S))
    except TopicMissing:  # said of the topics
        return
    except (KafkaError, ClientError, TimeoutError) as error:
        found = str(error) or f"were not read within {RECORDS_S:.0f} s"
        yield HealthFinding("profiles", "warning", found, "ask as an operator, who may read all topics")
    else:
        yield from record_findings(facts)


def _kafka(settings: Settings) -> Iterator[HealthFinding]:
    local = all(address.rpartition(":")[0] in _LOCAL for address in settings.kafka.split(","))
    if settings.kafka.security.is_none and not local:
        found = "connections are not encrypted, and leave this machine"
        yield HealthFinding("kafka", "warning", found, f"docs/security.md: {variable('kafka_security_protocol')}")
    try:
        facts = read_kafka_facts(settings)
    except KafkaUnreachable as error:
        if error.refused:
            yield HealthFinding("kafka", "wrong", str(error), "docs/security.md, Kafka: what each setting must be")
        else:
            yield HealthFinding("kafka", "away", str(error), f"start it, or mend {variable('kafka_bootstrap')}")
    except KafkaError as error:
        yield HealthFinding("kafka", "wrong", str(error), "see the broker's log")
    else:
        yield HealthFinding("kafka", "good", f"answers at {settings.kafka}")
        yield from server_findings(facts)
        yield from topic_findings(facts.topics, settings)
        topics = Topics(settings.namespace, settings.model_version)
        yield from _records(settings, topics)
        yield from acl_findings(facts.authorizes, facts.acls, topics, local)
