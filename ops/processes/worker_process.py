"""One stream worker as a process: settings to plain values, event loop, logging, exit code."""

import asyncio
import gc
import logging
from dataclasses import fields

import uvloop
from aiokafka.errors import ProducerFenced

from agents.versions.admission import NotAdmitted
from agents.worker import run_worker
from agents.worker_config import WorkerConfig
from ops.configuration.identities import identities_of
from ops.configuration.sequence_models import CannotUseSequenceModel, sequence_model_of
from ops.configuration.settings import Settings
from ops.exit_codes import ExitCode
from ops.kafka_check import require_usable_kafka
from ops.processes.logs import log_as
from ops.processes.metrics_server import metrics_server
from ops.processes.tracing import traces_of
from ops.redis_check import require_usable_redis
from ranking.rerank.settings import RerankSettings
from streams.contract.limits import LIMITS
from streams.kafka.bulk_read import TopicMissing
from streams.kafka.topics import Topics

GC_ALLOCATIONS = 50_000


def worker_config(settings: Settings) -> WorkerConfig:
    """What a worker needs of the settings. Raises `CannotUseSequenceModel`."""
    return WorkerConfig(
        bootstrap=settings.kafka,
        redis_url=settings.redis_url,
        topics=Topics(settings.namespace, settings.model_version),
        partitions=settings.partitions,
        batch_max_records=settings.batch_max_records,
        list_size=settings.list_size,
        list_ttl_s=settings.list_ttl_s,
        list_expires_s=settings.list_expires_s,
        allowed_lateness_s=settings.allowed_lateness_s,
        retention_days=settings.retention_days,
        active_days=settings.active_days,
        item_model_interval_s=settings.item_model_interval_s,
        item_model_budget_bytes_per_s=settings.item_model_budget_bytes_per_s,
        item_model_max_staleness_s=settings.item_model_max_staleness_s,
        session_timeout_s=settings.session_timeout_s,
        replay_max_skew_s=settings.replay_max_skew_s,
        replay_refit_growth=settings.replay_refit_growth,
        data_dir=settings.state_dir / "worker",
        storage_url=settings.storage,
        identities=identities_of(settings),
        state_store=settings.state_store,
        instance_id=settings.worker_instance_id,
        rerank=rerank_settings(settings),
        evaluation_sample_rate=settings.evaluation_sample_rate,
        refresh_cpu_share=settings.refresh_cpu_share,
        commit_interval_s=settings.commit_interval_s,
        commit_max_records=settings.commit_max_records,
        overload_after_s=settings.overload_after_s,
        default_maturity=settings.default_maturity,
        sequence_model=sequence_model_of(settings),
    )


def rerank_settings(settings: Settings) -> RerankSettings:
    """The re-ranking rules of the settings."""
    return RerankSettings(**{field.name: getattr(settings, f"rerank_{field.name}") for field in fields(RerankSettings)})


def is_news(entry: logging.LogRecord) -> bool:
    """Whether an entry of asyncio's log says what is not said elsewhere.

    A producer that is fenced raises so, and leaves a future with the same error behind that nobody can read: its
    traceback would come minutes later.
    """
    return not (entry.exc_info and isinstance(entry.exc_info[1], ProducerFenced))


def run(settings: Settings) -> int:
    """Runs a worker until it is asked to stop; returns the exit code."""
    log_as(settings, "worker")
    logging.getLogger("asyncio").addFilter(is_news)
    # Rows are millions of small objects without cycles: the default thresholds walk them over and over for nothing.
    gc.set_threshold(GC_ALLOCATIONS, 20, 100)
    LIMITS.batch_bytes = settings.max_batch_bytes
    require_usable_redis(settings)
    require_usable_kafka(settings)
    try:
        config = worker_config(settings)
    except CannotUseSequenceModel as refusal:
        logging.critical("%s", refusal)
        return ExitCode.USAGE
    traces = traces_of(settings, "worker")
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            with metrics_server(settings, runner.get_loop()) as server:
                return runner.run(
                    run_worker(config, server.observe if server else None, traces.tracer if traces else None)
                )
        except (NotAdmitted, TopicMissing) as refusal:
            logging.critical("%s", refusal)
            return ExitCode.USAGE
        finally:
            if traces is not None:
                traces.close()
