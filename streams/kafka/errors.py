"""What can go wrong between us and Kafka, as one tree.

KafkaError
├── KafkaUnreachable     no broker answered in time
├── TopicsError          Kafka refused to create or remove a topic
│   └── TopicsNotReady   asked for, but not there (or not gone) in time
└── PublishError         a record was not acknowledged
"""


class KafkaError(Exception):
    """The message is for people: it names the address or topic and what to do."""


class KafkaUnreachable(KafkaError):
    """No broker answered at the bootstrap address in time."""


class TopicsError(KafkaError):
    """Kafka refused to create, describe or remove a topic."""


class TopicsNotReady(TopicsError):
    """Kafka answered, but the topics are not there, or not gone, in time; the message says which and why."""


class PublishError(KafkaError):
    """A record was not acknowledged: it may or may not be in the log."""
