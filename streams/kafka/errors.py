"""What can go wrong between us and Kafka, as one tree.

KafkaError
├── KafkaUnreachable     no broker answered in time
│   └── KafkaRefused     one did, and does not let us in (`streams.kafka.refusal`)
├── TopicsError          Kafka refused to create or remove a topic
│   └── TopicsNotReady   asked for, but not there (or not gone) in time
├── RecordUnreadable     a record of ours that must not be left out
└── PublishError         a record was not acknowledged
"""


class KafkaError(Exception):
    """The message is for people: it names the address or topic and what to do."""

    refused = False
    """Whether a server is there and says no, which no waiting mends."""


class KafkaUnreachable(KafkaError):
    """No broker answered at the bootstrap address in time."""


class TopicsError(KafkaError):
    """Kafka refused to create, describe or remove a topic."""


class TopicsNotReady(TopicsError):
    """Kafka answered, but the topics are not there, or not gone, in time; the message says which and why."""


class RecordUnreadable(KafkaError):
    """A record that must not be left out cannot be read; the message says where it is and what is wrong with it."""


class PublishError(KafkaError):
    """A record was not acknowledged: it may or may not be in the log."""
