"""Kafka itself, as jar files."""

from ops.local_stack.maven import class_path

KAFKA_VERSION = "4.3.1"

# kafka-clients is named because an older one is picked otherwise; the last one gives Kafka a log.
_COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)


def kafka_class_path() -> str:
    """The Java class path of Kafka; downloads about 50 MB the first time. Raises `StackError`."""
    return class_path(f"Kafka {KAFKA_VERSION}", _COORDINATES)
