"""Kafka itself, resolved from Maven Central once and cached by jgo under the user's home."""

import os

from ops.local_stack.errors import StackError

KAFKA_VERSION = "4.3.1"

# kafka-clients is named because an older one is picked otherwise; the last one gives Kafka a log.
_COORDINATES = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    )
)


def kafka_class_path() -> str:
    """The Java class path of Kafka; downloads about 100 MB the first time. Raises `StackError`."""
    try:
        import jgo
    except ImportError as missing:
        raise StackError("Kafka is fetched with jgo: `pip install 'freshet[local]'`") from missing
    try:
        environment = jgo.build(_COORDINATES)
    except Exception as failure:  # jgo documents no error types; whatever it was, Kafka is not here
        raise StackError(f"Kafka {KAFKA_VERSION} could not be downloaded from Maven Central: {failure}") from failure
    return os.pathsep.join(str(jar) for jar in environment.all_jars)
