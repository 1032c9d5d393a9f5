"""Two requests of Kafka's protocol that aiokafka does not have: metadata with topic ids, and where a leader epoch ends.

Field by field as in https://kafka.apache.org/protocol; the versions are those that every broker since 2.8 speaks.
"""

from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

_METADATA = 3
_OFFSET_FOR_LEADER_EPOCH = 23
_TEXT = CompactString("utf-8")
_NODES = CompactArray(Int32)


class Uuid(AbstractType[UUID]):
    """16 bytes."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        """The bytes of the id."""
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        """The id that comes next."""
        return UUID(bytes=data.read(16))


class _TopicIdsResponse(Response):
    API_KEY = _METADATA
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", _NODES),
                        ("isr", _NODES),
                        ("offline_replicas", _NODES),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _TopicIdsRequestV10(RequestStruct):
    API_KEY = _METADATA
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _TopicIdsResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", Uuid), ("name", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdsRequest(Request[_TopicIdsRequestV10]):
    """Metadata of the topics of these names; never creates one."""

    API_KEY = _METADATA

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicIdsRequestV10]) -> _TopicIdsRequestV10:
        """As aiokafka asks for it."""
        named: list[tuple[UUID, str, dict[int, bytes]]] = [(UUID(int=0), name, {}) for name in self._topics]
        return request_struct_class(named, False, False, False, {})


class _EpochEndResponse(Response):
    API_KEY = _OFFSET_FOR_LEADER_EPOCH
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader_epoch", Int32),
                        ("end_offset", Int64),
                    ),
                ),
            ),
        ),
    )


class _EpochEndRequestV3(RequestStruct):
    API_KEY = _OFFSET_FOR_LEADER_EPOCH
    API_VERSION = 3
    RESPONSE_TYPE = _EpochEndResponse
    SCHEMA = Schema(
        ("replica_id", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(("partition", Int32), ("current_leader_epoch", Int32), ("leader_epoch", Int32)),
                ),
            ),
        ),
    )


class EpochEndRequest(Request[_EpochEndRequestV3]):
    """Where leader epochs end, for (topic, [(partition, epoch)])."""

    API_KEY = _OFFSET_FOR_LEADER_EPOCH

    def __init__(self, topics: list[tuple[str, list[tuple[int, int]]]]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_EpochEndRequestV3]) -> _EpochEndRequestV3:
        """As aiokafka asks for it."""
        consumer, any_leader = -1, -1
        topics: list[Any] = [
            (topic, [(number, any_leader, epoch) for number, epoch in partitions]) for topic, partitions in self._topics
        ]
        return request_struct_class(consumer, topics)
