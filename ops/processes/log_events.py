"""What long-running processes log, by a name that stays when the sentence changes: alerts and searches over JSON logs
go by it. By logger and the beginning of the sentence; a test finds those that are missing, ambiguous or gone."""

from functools import cache
from typing import Final

EVENTS: Final[dict[str, dict[str, str]]] = {
    "agents.delivery.log_check": {
        "%s:%d: offsets %d to %d were removed by rete": "records_removed_unread",
        "%s:%d was read up to offset %d, but %s: what": "log_changed",
    },
    "agents.delivery.log_watch": {
        "no news of the topics: %r": "topics_unreadable",
    },
    "agents.delivery.ownership": {
        "generation %d: %d partitions kept, %d restor": "partitions_assigned",
    },
    "agents.delivery.partition_task": {
        "%s: Redis knows an owner of term %d, this is": "later_owner_in_redis",
    },
    "agents.delivery.process_exit": {
        "%s: %s; ending the process with code %d": "process_ends",
    },
    "agents.delivery.quarantine": {
        "%s: record %d becomes a dead letter fold_fai": "poison_record_dead_lettered",
        "%s: %d owners ended soon after they began; f": "careful_folding",
    },
    "agents.delivery.restore": {
        "%s:%d:%d is no row of ours: %s": "row_damaged",
        "%s:%d: of %d rows that others wrote over, %d": "rows_overwritten",
    },
    "agents.followers.controls": {
        "%s:%d %s by an operator": "partition_paused_or_resumed",
    },
    "agents.followers.follower": {
        "followed %d partitions of %s to the end: %d records": "topic_followed",
    },
    "agents.followers.misplaced": {
        "users are not told yet that their profiles a": "misplaced_profiles_wait",
    },
    "agents.followers.refusals": {
        "%s:%d:%d cannot be used: %s: ": "record_refused",
        "%s:%d:%d cannot be used: %s; ": "record_refused",
        "taking a record raised": "record_raised",
        "%d records of %s cannot be used so far (%s);": "records_refused",
        "dead letters of followed topics wait: %s": "dead_letters_wait",
        "dead letters of followed topics wait, and so": "dead_letters_hold_back",
    },
    "agents.heartbeat": {
        "nothing else ran for %.1f s: the event loop ": "event_loop_late",
    },
    "agents.items": {
        "%s:%d:%d cannot be folded: %s": "delta_refused",
        "partition %d: its epoch cannot be read and b": "epoch_unreadable",
    },
    "agents.lists.experiments_copy": {
        "the copy of the experiments waits: %s": "experiments_copy_waits",
    },
    "agents.lists.idle_users": {
        "dropped the rows of %d idle users": "idle_users_dropped",
    },
    "agents.lists.rule_clock": {
        "rules of operators in force: %s": "rules_in_force",
    },
    "agents.lists.list_keeper": {
        "partition %d: lists in Redis are written up ": "written_position_found",
        "partition %d: no list of the user of record ": "list_failed",
        "partition %d: %s; %d lists wait": "lists_wait",
    },
    "agents.lists.shared_lists": {
        "shared lists wait: %s": "shared_lists_wait",
    },
    "agents.record_traces": {
        "a record is not traced further; others of th": "record_trace_failed",
    },
    "agents.replay.coordinator": {
        "%s: %s, was %s": "replay_phase_changed",
    },
    "agents.replay.offsets_watch": {
        "no news of other partitions: %r": "partitions_unreadable",
    },
    "agents.training.ranker": {
        "%s:%d:%d cannot be learned: %s": "example_refused",
        "the ranker's weights cannot be read and are ": "weights_unreadable",
    },
    "agents.training.vector_fits": {
        "fitted item vectors as of %d: %d of %d moved": "vectors_fitted",
    },
    "agents.versions.admission": {
        "the fingerprint of version %s cannot be read": "fingerprint_unreadable",
        "whose time %s carries is not known: its sett": "time_unknown",
    },
    "agents.versions.live_pointer": {
        "live pointer %d written: %s": "live_pointer_written",
        "the live pointer in Redis is of switch %d, b": "live_pointer_ahead",
        "the live pointer waits: %s": "live_pointer_waits",
    },
    "agents.worker": {
        "worker ready: group %s": "worker_ready",
    },
    "root": {
        "%s": "start_refused",
    },
    "serving.cluster_link": {
        "%s does not say who serves what: %s": "redis_map_unknown",
    },
    "serving.collect.app": {
        "an answer failed": "collect_answer_failed",
        "collecting cannot start": "collect_start_failed",
    },
    "serving.collect.event_writer": {
        "events cannot be written: %s": "events_not_written",
    },
    "serving.endpoint.app": {
        "an answer failed: %s": "answer_failed",
        "the endpoint cannot start": "endpoint_start_failed",
    },
    "serving.endpoint.guard.issuer_keys": {
        "keys of the issuer are withdrawn: %s": "issuer_keys_withdrawn",
    },
    "serving.endpoint.line_log": {
        "%d log lines could not be written: %s": "log_lines_lost",
    },
    "serving.endpoint.publisher": {
        "what was shown cannot be published: %s": "served_not_published",
    },
    "serving.endpoint.services": {
        "%s did not end in good order": "service_end_failed",
        "not refreshed: %s": "refresh_failed",
    },
    "serving.endpoint.versions": {
        "the live pointer is unusable: %s": "live_pointer_unusable",
        "the running experiments are unusable: %s": "experiments_unusable",
    },
    "serving.redis_link": {
        "cannot connect to Redis: %s": "redis_unreachable",
    },
    "serving.supervisor": {
        "%s failed and begins again in %.1f s": "task_failed",
        "%s failed %d times in a row and is given up": "task_given_up",
    },
    "streams.kafka.bulk_read": {
        "%s is left out: %s: %s": "record_left_out",
    },
    "streams.kafka.exclusive_change": {
        "writing to %s was interrupted: %s": "write_interrupted",
    },
    "streams.sinks.eraser": {
        "%s: a late write brought back %d rows of %s": "late_write_undone",
    },
    "streams.sinks.log_marks": {
        "%s:%d was read up to offset %d, but %s": "sink_log_changed",
        "no news of the topics": "sink_topics_unreadable",
    },
    "streams.sinks.owned_lanes": {
        "%s:%d: offsets %d to %d were removed unread": "records_removed_unread_by_sink",
    },
    "streams.sinks.runner": {
        "%s: %s": "sink_warning",
        "positions were not committed: %s": "sink_positions_not_committed",
    },
    "streams.sinks.store_calls": {
        "%s: %s; tried again in %.1f s": "store_call_failed",
    },
    "tables.kernels.kept_code": {
        "%s": "kernels",
    },
}


@cache
def event_of(logger: str, sentence: str) -> str | None:
    """The name of what a logger says with a sentence (as it is in the code); None = not ours, or not named."""
    found = [name for begin, name in EVENTS.get(logger, {}).items() if sentence.startswith(begin)]
    return found[-1] if found else None
