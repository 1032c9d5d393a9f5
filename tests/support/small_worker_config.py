"""What a worker is told in tests that do not run one."""

from pathlib import Path

from agents.worker_config import WorkerConfig
from streams.kafka.topics import Topics


def config_for(bootstrap: str, namespace: str) -> WorkerConfig:
    """Of a worker that never runs against Redis."""
    return WorkerConfig(
        bootstrap=bootstrap,
        redis_url="redis://unused",
        topics=Topics(namespace),
        partitions=2,
        batch_max_records=50,
        list_size=10,
        list_ttl_s=60,
        list_expires_s=60,
        allowed_lateness_s=300,
        retention_days=90,
        active_days=30,
        item_model_interval_s=1.0,
        item_model_budget_bytes_per_s=1_000_000,
        item_model_max_staleness_s=10.0,
        session_timeout_s=6.0,
        replay_max_skew_s=3600,
        replay_refit_growth=4.0,
        data_dir=Path("unused"),
    )
