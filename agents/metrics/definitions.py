"""The metrics of a worker. What is sampled or summed over its partitions says so."""

from typing import Final

from streams.metrics import ExportedMetric, MetricKind

_COUNTER, _GAUGE, _HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM

INFO: Final = ExportedMetric(
    "freshet_worker_info", _GAUGE, "1: model version, revision of the code and name of the worker.",
    ("model_version", "code", "worker"),
)  # fmt: skip
READY: Final = ExportedMetric(
    "freshet_worker_ready", _GAUGE, "1 while the worker owns restored partitions and works on them."
)
PHASE: Final = ExportedMetric(
    "freshet_worker_phase", _GAUGE,
    "1 for the phase that its version is in: catching_up, settling or live; only a live one owes fresh lists.",
    ("phase",),
)  # fmt: skip
SERVES: Final = ExportedMetric("freshet_version_serves", _GAUGE, "1 while readers are served by the worker's version.")
FAILING: Final = ExportedMetric(
    "freshet_worker_failing_tasks", _GAUGE, "Background tasks that failed and are not well yet."
)
RESTARTS: Final = ExportedMetric(
    "freshet_worker_task_restarts", _COUNTER, "How often a background task failed and was begun again.", ("task",)
)
LOOP_LATE: Final = ExportedMetric(
    "freshet_worker_loop_late_seconds", _GAUGE, "The latest that a beat of one second came since the worker began."
)

RECORDS: Final = ExportedMetric(
    "freshet_records", _COUNTER,
    "Records of users' events by what became of them: folded, duplicate (by event_id), redelivered (of an offset that "
    "is folded), erased (of an erased user), dead_letter.",
    ("outcome",),
)  # fmt: skip
LATE: Final = ExportedMetric(
    "freshet_events_late", _COUNTER, "Folded events that were older than the watermark: in no trend."
)
HELD_BACK: Final = ExportedMetric(
    "freshet_events_held_back", _COUNTER, "Folded events that items learn nothing from, by reason: bot, daily_share.",
    ("reason",),
)  # fmt: skip
UNSEEN: Final = ExportedMetric(
    "freshet_events_unseen", _COUNTER, "Events folded under overload without evaluation and examples for the ranker."
)
DEAD_LETTERS: Final = ExportedMetric(
    "freshet_dead_letters", _COUNTER,
    "Records that could not be used, of events, items, profiles and links, by reason (too_old is one), whichever "
    "version publishes the dead letter.",
    ("reason",),
)  # fmt: skip

FRESHNESS: Final = ExportedMetric(
    "freshet_freshness_seconds", _HISTOGRAM,
    "Time since an event was appended: folded, of every event; list, when a list that shows it can be read.", ("step",),
)  # fmt: skip
BATCH: Final = ExportedMetric(
    "freshet_batch_seconds", _HISTOGRAM, "A round of one partition: folds, lists and perhaps a commit.", ("plane",)
)
TRANSACTION: Final = ExportedMetric("freshet_transaction_seconds", _HISTOGRAM, "One Kafka transaction.", ("plane",))
LAG: Final = ExportedMetric(
    "freshet_lag_records", _GAUGE,
    "Offsets of an owned partition whose records are not folded, by the worker's own position; 0 when only transaction "
    "markers are left. Kafka's figure never is.",
    ("topic", "partition"),
)  # fmt: skip
LAG_AGE: Final = ExportedMetric(
    "freshet_lag_seconds", _GAUGE,
    "Age of the last folded record of an owned partition while others wait behind it, else 0.", ("topic", "partition"),
)  # fmt: skip
POSITION: Final = ExportedMetric(
    "freshet_position", _GAUGE, "Offset of the next record to fold of an owned partition.", ("topic", "partition")
)
PAUSED: Final = ExportedMetric(
    "freshet_partition_paused", _GAUGE, "1 while an operator paused an owned partition.", ("topic", "partition")
)

LIST_SECONDS: Final = ExportedMetric(
    "freshet_list_seconds", _COUNTER,
    "Time spent on lists by stage: decide (generators, filters, features), rank (scores, re-rank), encode, write.",
    ("stage",),
)  # fmt: skip
LISTS_WRITTEN: Final = ExportedMetric(
    "freshet_lists_written", _COUNTER, "Lists that Redis took, by why they were written.", ("cause",)
)
LISTS: Final = ExportedMetric(
    "freshet_lists", _COUNTER,
    "Lists that were not written: failed (the code raised), refused (Redis holds a later write), coalesced (a later "
    "one shows the same).",
    ("outcome",),
)  # fmt: skip
LISTS_KEPT: Final = ExportedMetric("freshet_lists_kept", _GAUGE, "Lists that the worker keeps right.")
LISTS_PENDING: Final = ExportedMetric("freshet_lists_pending", _GAUGE, "Lists that wait to be written.")
RULES: Final = ExportedMetric(
    "freshet_rules", _GAUGE, "Rules of operators in force, by action: pin, boost, bury, block.", ("action",)
)
RULED_ITEMS: Final = ExportedMetric(
    "freshet_rule_items", _COUNTER,
    "Items among the first 20 of users' lists that a rule of an operator is about, by action: pin, boost, bury.",
    ("action",),
)  # fmt: skip
BLOCKED_ITEMS: Final = ExportedMetric(
    "freshet_rule_items_blocked", _GAUGE, "Items that rules of operators withdraw, everywhere or in some countries."
)
OVERLOADS: Final = ExportedMetric(
    "freshet_overloads", _COUNTER, "How often a partition got more than lists can be made for."
)

STATE_ROWS: Final = ExportedMetric("freshet_state_rows", _GAUGE, "Rows of the owned partitions, by table.", ("table",))
STATE_BYTES: Final = ExportedMetric(
    "freshet_state_bytes", _GAUGE, "Keys and values of these rows, as the changelog holds them.", ("table",)
)
PROFILES: Final = ExportedMetric(
    "freshet_profiles_held", _GAUGE, "Profiles of users of owned partitions that the worker holds.", ("partition",)
)
MISPLACED_PROFILES: Final = ExportedMetric(
    "freshet_profiles_misplaced",
    _GAUGE,
    "Users of owned partitions who see what children may, as their last profile lies in another partition.",
    ("partition",),
)
RESTORE: Final = ExportedMetric(
    "freshet_restore_seconds", _HISTOGRAM, "Taking partitions over: fence, restore from the changelog, claim."
)
RESTORING: Final = ExportedMetric(
    "freshet_restoring_seconds", _GAUGE, "How long the take-over under way has taken; 0 = none."
)

REDIS: Final = ExportedMetric(
    "freshet_redis_seconds", _HISTOGRAM, "Round trips to Redis of the worker, up to 100 lists each."
)
REDIS_FAILURES: Final = ExportedMetric(
    "freshet_redis_unavailable", _COUNTER, "Requests that Redis did not serve in time."
)
REDIS_PAUSED: Final = ExportedMetric(
    "freshet_redis_paused", _GAUGE, "Owned partitions that write no lists for a moment because Redis did not answer."
)

MODEL_AGE: Final = ExportedMetric(
    "freshet_item_model_age_seconds", _GAUGE, "Time since the newest publication of items that the worker applied."
)
MODEL_ITEMS: Final = ExportedMetric("freshet_item_model_items", _GAUGE, "Items that the worker's item model knows.")
MODEL_BYTES: Final = ExportedMetric(
    "freshet_item_model_bytes", _GAUGE, "Memory of the columns of the worker's item model, indices included."
)
EVALUATED: Final = ExportedMetric(
    "freshet_next_items_evaluated", _COUNTER, "Sampled events of users with a list, judged before they were folded."
)
HITS: Final = ExportedMetric(
    "freshet_next_items_in_top_10", _COUNTER,
    "Of these, those whose item was among the first 10 of the user's list: the quotient is the prequential HR@10.",
)  # fmt: skip
RECALL_CHECKS: Final = ExportedMetric(
    "freshet_vector_searches_checked", _COUNTER, "Searches of the vector index checked."
)
RECALL: Final = ExportedMetric(
    "freshet_vector_recall", _COUNTER, "The sum of their recall@50, each from 0 to 1, against exact searches."
)
COVERED: Final = ExportedMetric(
    "freshet_items_listed_30d", _GAUGE,
    "Items that may be listed and were in the first 20 of a list of this worker within 30 days, since it began.",
)  # fmt: skip
LISTABLE: Final = ExportedMetric("freshet_items_listable", _GAUGE, "Items that may be listed now.")
DIVERSITY_LISTS: Final = ExportedMetric("freshet_diversity_lists", _COUNTER, "Lists whose diversity was sampled.")
DIVERSITY: Final = ExportedMetric(
    "freshet_diversity", _COUNTER,
    "The sum, over these lists, of distinct categories by item in the first 20, each from 0 to 1.",
)  # fmt: skip

METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, ExportedMetric))
