"""The Faust application of one worker process: three agents over the batch transport and the delivery design."""

from collections.abc import Callable, Set
from typing import Any

import faust
from aiokafka.structs import TopicPartition
from faust.types import TP, StreamT

from agents.delivery.log_check import source_changed, warn_of_removed
from agents.delivery.ownership import Ownership
from agents.delivery.process_exit import EXIT_LOG, EXIT_UNEXPECTED, die
from agents.delivery.table_manager import table_manager_for
from agents.delivery.version_guard import check_versions
from agents.worker_config import WorkerConfig
from streams.kafka.batch_transport import BATCH_SERIALIZER, batch_transport
from streams.kafka.before_log import BeforeLog
from streams.kafka.faust_credentials import credentials_of
from streams.kafka.log_position import LogMismatch, LogPosition
from streams.kafka.read_progress import ReadProgress
from streams.kafka.record_batch import RecordBatch

#: Batches, not records, that may wait in one stream: what a rebalance throws away and fetches again.
STREAM_BUFFER_BATCHES = 8
HEARTBEAT_S = 1.0


def build_app(
    config: WorkerConfig,
    ownership: Ownership,
    paused: Callable[[], Set[TopicPartition]] = frozenset,
    before_log: BeforeLog | None = None,
    reading: ReadProgress | None = None,
) -> faust.App:
    """A Faust app that is not started yet and leaves `paused()` partitions alone; `before_log` precedes the log,
    `reading` is kept up to date. Must be called inside the running event loop."""
    check_versions()
    app = faust.App(
        config.topics.consumer_group,
        broker=f"kafka://{config.bootstrap.replace(',', ';kafka://')}",
        broker_credentials=credentials_of(config.bootstrap),
        topic_partitions=config.partitions,
        topic_allow_declare=False,  # `freshet topics create` declares every topic with its settings
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=config.instance_id or None,
        broker_session_timeout=config.session_timeout_s,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=config.session_timeout_s,
        broker_max_poll_records=config.batch_max_records * 4,
        stream_buffer_maxsize=STREAM_BUFFER_BATCHES,
        stream_wait_empty=False,  # Ownership.suspend waits for the batches in hand
        web_enabled=False,
        store="memory://",
        datadir=str(config.data_dir),
        TableManager=table_manager_for(ownership),
    )
    derived = config.topics.derived_inputs

    def removed(tp: TP, position: int, begin: int) -> None:
        (warn_of_removed if tp.topic in derived else _end_at_gap)(tp, position, begin)

    def changed(tp: TP, place: LogPosition, found: LogMismatch) -> None:
        # The next owner of a derived log goes on where it can: see LogCheck.
        code = EXIT_UNEXPECTED if tp.topic in derived else EXIT_LOG
        die(f"{tp.topic}:{tp.partition} cannot be read on", source_changed(tp, place, found), code)

    app.transport = batch_transport(
        app, config.batch_max_records, ownership.places, paused, before_log, removed, changed, reading
    )

    async def on_revoked(*_: Any, **__: Any) -> None:
        await ownership.suspend()

    app.on_partitions_revoked.connect(on_revoked, weak=False)
    _add_agent(app, "interactions", config.topics.interactions, ownership)
    _add_agent(app, "items", config.topics.deltas, ownership)
    _add_agent(app, "ranker", config.topics.ranker_examples, ownership)
    return app


class RecordsRemoved(RuntimeError):
    """The log begins behind where a partition was to go on: its retention removed records that nobody folded."""


def _end_at_gap(tp: TP, position: int, begin: int) -> None:
    lost = (
        f"offsets {position} to {begin - 1} were removed from the log before they were folded: this version was away "
        "for longer than the log reaches back, and going on would leave them out without a word. Replay into a new "
        "version, with --archive if they are to be in it (docs/operations.md)"
    )
    die(f"{tp.topic}:{tp.partition} cannot be read on", RecordsRemoved(lost), EXIT_LOG)


def _add_agent(app: faust.App, name: str, topic_name: str, ownership: Ownership) -> None:
    topic = app.topic(topic_name, key_serializer="raw", value_serializer=BATCH_SERIALIZER, allow_empty=True)

    async def agent(stream: StreamT[RecordBatch]) -> None:
        async for event in stream.events():
            await _dispatch(ownership, event.message.topic, event.message.partition, event.value)

    app.agent(topic, name=name)(agent)


async def _dispatch(ownership: Ownership, topic: str, partition: int, batch: RecordBatch) -> None:
    # Faust acknowledges the event of an agent that raised and goes on: that would be silent loss.
    try:
        task = ownership.tasks.get(TopicPartition(topic, partition))
        if task is not None:
            await task.submit(batch)
    except Exception as error:  # noqa: BLE001
        die(f"dispatch of {topic}:{partition}", error)
