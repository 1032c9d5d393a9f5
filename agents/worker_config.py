"""What a worker process is told: plain values, read from the environment elsewhere."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import DEFAULT_MATURITY, Maturity
from streams.contract.identities import PLAIN, Identities
from streams.kafka.topics import Topics
from tables.sequence.sequence_model import SequenceModel


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """Values that change what a worker does. Times end in their unit; sizes are counts unless they say bytes."""

    bootstrap: str
    redis_url: str
    topics: Topics
    partitions: int
    batch_max_records: int
    list_size: int
    list_ttl_s: int
    list_expires_s: int
    allowed_lateness_s: int
    retention_days: int
    active_days: int
    item_model_interval_s: float
    item_model_budget_bytes_per_s: int
    item_model_max_staleness_s: float
    session_timeout_s: float
    replay_max_skew_s: int
    replay_refit_growth: float
    data_dir: Path
    storage_url: str = ""
    identities: Identities = PLAIN
    state_store: Literal["memory", "rocksdb"] = "memory"
    instance_id: str = ""
    rerank: RerankSettings = field(default_factory=RerankSettings)
    evaluation_sample_rate: float = 0.02
    refresh_cpu_share: float = 0.3
    commit_interval_s: float = 1.0
    commit_max_records: int = 2_000
    overload_after_s: float = 5.0
    default_maturity: Maturity = DEFAULT_MATURITY
    sequence_model: SequenceModel | None = None
