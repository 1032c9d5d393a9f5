"""Deliberate mutants of the mechanisms that keep state exact. Each must be noticed by an invariant; `mutate.py`
tries."""

from edge_mutants import EDGES
from eligibility_mutants import ELIGIBILITY
from experiment_mutants import EXPERIMENTS
from guest_mutants import GUESTS
from log_mutants import LOGS
from mutant import Mutant
from places import Change
from retention_mutants import RETENTION
from rule_mutants import RULES

MODEL = ("tests/invariants/test_model.py",)
FOLDS = ("tests/invariants/test_folds.py",)
BOUNDS = ("tests/invariants/test_bounds.py",)
PURGE = ("tests/invariants/test_purge.py",)
KEEPER = ("tests/agents/lists/test_list_keeper.py",)
RIGHTS = ("tests/serving/test_list_rights.py",)
SCRIPT = ("tests/serving/test_forward_only_model.py",)
OWNERS = ("tests/agents/test_ownership.py",)
POISONED = ("tests/invariants/test_model.py::test_a_record_that_ends_processes_becomes_one_dead_letter_soon",)
TASKS = ("tests/agents/test_partition_task.py",)
PACE = ("tests/agents/test_commit_pace.py",)
ITEMS = ("tests/tables/test_item_plane.py",)
ASSOCIATIONS = ("tests/agents/replay/test_watermark_alignment.py",)
WATCHED = ("tests/agents/replay/test_offsets_watch.py",)
COORDINATOR = "agents/replay/coordinator.py"
PHASES = ("tests/agents/replay/test_phases.py",)
COORDINATED = ("tests/agents/replay/test_coordinator.py",)
LEARNING = ("tests/tables/test_associations.py",)
PAIRS = ("tests/tables/kernels/test_pairs.py",)
KEYS = ("tests/tables/test_item_keys.py",)
EPOCHS = ("tests/agents/followers/test_model_watermark.py",)
LEAKS = ("tests/offline/replay/test_leaks.py",)
ERASED = ("tests/tables/test_erasure.py",)
MARKER = ("tests/serving/test_redis_writer.py::test_a_marker_that_is_not_the_known_one_stays",)


TASK = "agents/delivery/partition_task.py"
QUARANTINE = "agents/delivery/quarantine.py"
OWNERSHIP = "agents/delivery/ownership.py"
PRODUCER = "agents/delivery/producer.py"
TABLE = "agents/delivery/table.py"
MARKS = "agents/delivery/crash_marks.py"
STEP = "agents/interactions.py"
KEEPER_FILE = "agents/lists/list_keeper.py"
CHECKPOINT = "agents/lists/written_checkpoint.py"
PLANE = "tables/user_plane.py"
CACHE = "tables/row_cache.py"
LEDGER = "tables/partition_ledger.py"
DEPARTURES = "tables/departures.py"

MUTANTS = [
    # -- delivery -------------------------------------------------------------------------------------------------
    Mutant(
        "restored before fenced",
        OWNERSHIP,
        "Ownership._open",
        "await asyncio.gather(*(task.producer.fence() for task in tasks.values()))\n"
        "tables = [table for task in tasks.values() for table in (task.table, task.marks.table)]\n"
        "committed = await self._committed(list(tasks))\n"
        "await restore(self._bootstrap, tables)",
        "tables = [table for task in tasks.values() for table in (task.table, task.marks.table)]\n"
        "committed = await self._committed(list(tasks))\n"
        "await restore(self._bootstrap, tables)\n"
        "await asyncio.gather(*(task.producer.fence() for task in tasks.values()))",
        MODEL,
    ),
    Mutant(
        "offsets read after the rows",
        OWNERSHIP,
        "Ownership._open",
        "committed = await self._committed(list(tasks))\nawait restore(self._bootstrap, tables)",
        "await restore(self._bootstrap, tables)\ncommitted = await self._committed(list(tasks))",
        OWNERS,
    ),
    Mutant(
        "kept although a generation was missed",
        OWNERSHIP,
        "Ownership.take_over",
        "generation == self._generation + 1",
        "generation > self._generation",
        OWNERS,
    ),
    Mutant(
        "position not written",
        TABLE,
        "ChangelogTable.outgoing",
        "records.append(self._position(next_offset, self.owner.term))",
        "",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "position not trimmed by",
        TASK,
        "PartitionTask._allowed",
        "[record for record in batch.records if record.offset >= self._position]",
        "list(batch.records)",
        MODEL,
    ),
    Mutant(
        "missing records not noticed",
        TASK,
        "PartitionTask._work",
        "batch.follows > self._position",
        "False",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "batches of former generations accepted",
        TASK,
        "PartitionTask.submit",
        "batch.generation == self._generation",
        "self._generation is not None",
        MODEL,
        also=(Change("PartitionTask._work_all", "batch.generation != self._generation", "self._generation is None"),),
    ),
    Mutant(
        "offsets not sent",
        PRODUCER,
        "PartitionProducer.commit",
        "source is not None",
        "source is None",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "rows and offset in two transactions",
        TASK,
        "PartitionTask.commit",
        "await self.producer.commit(outgoing, self.source, self._position, note)",
        "await self.producer.commit(outgoing, None, 0)\nawait self.producer.commit([], self.source, self._position)",
        MODEL,
    ),
    Mutant(
        "dead letters not in the transaction", STEP, "InteractionsStep.effects", "self._dead", "[]", MODEL, is_core=True
    ),
    Mutant(
        "deltas sent again with the next batch",
        STEP,
        "OutgoingDeltas.take",
        "signals, self._signals = self._signals, []",
        "signals = self._signals",
        MODEL,
    ),
    Mutant(
        "not committed before a handover",
        TASK,
        "PartitionTask.suspend",
        "await self.commit(force=True)",
        "self._position = self.table.next_offset",
        MODEL,
    ),
    Mutant(
        "a closed task keeps its submitter waiting",
        TASK,
        "PartitionTask.close",
        "self._stop_accepting()",
        "",
        TASKS,
        is_core=True,
    ),
    # -- crash marks ----------------------------------------------------------------------------------------------
    Mutant(
        "mark not cleared",
        TASK,
        "PartitionTask.commit",
        "[*self.marks.record_success(folded), *marks]",
        "[*marks]",
        TASKS,
        is_core=True,
    ),
    Mutant(
        "mark left by whoever left in good order", TASK, "PartitionTask.suspend", "self.marks.release()", "[]", TASKS
    ),
    Mutant("mark not written", QUARANTINE, "Quarantine.open", "await self._owner.commit_marks(opened)", "", TASKS),
    Mutant(
        "crashes not counted",
        MARKS,
        "CrashMarks.open",
        "found.crashes + found.is_open",
        "found.crashes",
        TASKS,
        is_core=True,
    ),
    Mutant(
        "small batches not committed by themselves",
        QUARANTINE,
        "Quarantine.fold",
        "await self._owner.commit(force=True)",
        "",
        TASKS,
    ),
    Mutant(
        "nothing folded singly",
        MARKS,
        "CrashMarks.left_to_fold_one_by_one",
        "self.crashes >= SINGLE_FROM_CRASHES",
        "False",
        TASKS,
    ),
    Mutant("attempts not counted", MARKS, "CrashMarks.begin", "attempts + 1", "1", POISONED),
    Mutant(
        "single records not in turn",
        QUARANTINE,
        "Quarantine.fold",
        "async with turn:",
        "if True:",
        ("tests/agents/test_quarantine.py",),
    ),
    Mutant("half a fold kept", QUARANTINE, "Quarantine._fold_isolated", "self._step.reset()", "", POISONED),
    # -- lists ----------------------------------------------------------------------------------------------------
    Mutant(
        "written position moved while lists are pending",
        KEEPER_FILE,
        "ListKeeper._advance_checkpoint",
        "not (self._pending.due or self._readers.asks or self._full_scan.under_way)",
        "True",
        MODEL,
    ),
    Mutant(
        "marker moved although it is another",
        "serving/redis_writer.py",
        "ADVANCE_WRITTEN_POSITION",
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end",
        "",
        MARKER,
    ),
    Mutant(
        "lists older than the marker only",
        KEEPER_FILE,
        "ListKeeper._scan_on",
        "if row.last_offset >= since:",
        "if row.last_offset > since + 3:",
        MODEL,
    ),
    Mutant(
        "lists not pending while Redis is away",
        KEEPER_FILE,
        "ListKeeper.refresh",
        "self._pending.add(users)",
        "",
        KEEPER,
        also=(Change("ListKeeper._pausing", "self._checkpoint.doubt()", ""),),
        is_core=True,
    ),
    Mutant(
        "the longest waiting has no turn",
        KEEPER_FILE,
        "ListKeeper.refresh",
        "self._pending.first(self.overload.lists_a_batch)",
        "list(users)[:self.overload.lists_a_batch]",
        KEEPER,
    ),
    Mutant(
        "lists wait for their transaction",
        STEP,
        "InteractionsStep._refresh",
        "await self.lists.refresh(self.plane, touched, next_offset, at_once=at_once)",
        "if self._pace.is_due(): await self.lists.refresh(self.plane, touched, next_offset, at_once=at_once)",
        PACE,
    ),
    Mutant(
        "marks closed before what may be uncommitted is folded",
        MARKS,
        "CrashMarks.__init__",
        "max(CLEARED_AFTER_RECORDS, uncommitted)",
        "CLEARED_AFTER_RECORDS",
        ("tests/agents/test_crash_marks.py",),
    ),
    Mutant(
        "a wipe not looked for",
        CHECKPOINT,
        "WrittenCheckpoint.look",
        "written_position == self._known and not fell",
        "self._known is not None",
        KEEPER,
    ),
    Mutant(
        "a fall to before the owner not noticed",
        CHECKPOINT,
        "WrittenCheckpoint.look",
        "self._writer.take_fall()",
        "False",
        KEEPER,
    ),
    Mutant(
        "limits not told again", KEEPER_FILE, "ListKeeper._look_at_checkpoint", "self._limits.doubt()", "pass", KEEPER
    ),
    Mutant(
        "forward-only compare inverted",
        "serving/forward_only.lua",
        "",
        "offset > new_offset",
        "offset < new_offset",
        SCRIPT,
    ),
    Mutant("forward-only compare off", "serving/forward_only.lua", "", "return -1 - term", "", SCRIPT),
    Mutant("a former owner's write not refused", "serving/forward_only.lua", "", "term > new_term or", "", SCRIPT),
    Mutant(
        "a later write of an owner refused",
        "serving/forward_only.lua",
        "",
        "sequence > new_sequence",
        "sequence < new_sequence",
        SCRIPT,
    ),
    Mutant("no term of its own", TASK, "PartitionTask.claim", "self.table.claimed(term)", "pass", TASKS),
    Mutant(
        "refused lists forgotten", KEEPER_FILE, "ListKeeper._write_some", "self._pending.add_refused", "list", KEEPER
    ),
    Mutant(
        "writes without an event not noted",
        CHECKPOINT,
        "WrittenCheckpoint.advance",
        "WrittenPosition(next_offset, self._writer.owner.order)",
        "WrittenPosition(next_offset)",
        KEEPER,
    ),
    Mutant(
        "only the list of a group written",
        "serving/forward_only.lua",
        "",
        "for place = 1, values do",
        "for place = 1, 1 do",
        ("tests/serving/test_redis_writer.py::test_a_group_is_written_as_a_whole_or_not_at_all",),
    ),
    Mutant(
        "the right to write taken without a proof",
        "agents/lists/list_rights.py",
        "PartitionLists._take",
        "await self._prove()",
        "",
        RIGHTS,
    ),
    Mutant(
        "doubt after a failover forgotten",
        "agents/lists/list_rights.py",
        "PartitionLists.written_position",
        "erased != self._noted",
        "0",
        RIGHTS,
    ),
    Mutant(
        "the right taken from whoever has it",
        "serving/redis_writer.py",
        "SWAP",
        "if found ~= ARGV[1] then return 0 end",
        "",
        RIGHTS,
    ),
    Mutant(
        "a sleeper may write",
        "serving/forward_only.lua",
        "",
        "KEYS[#KEYS]) ~= ARGV[#ARGV]",
        "KEYS[#KEYS]) == ''",
        SCRIPT,
    ),
    Mutant(
        "a sleeper may remove", "serving/remove_user.lua", "", "redis.call('GET', writer) ~= ARGV[2]", "false", SCRIPT
    ),
    # -- folds ----------------------------------------------------------------------------------------------------
    Mutant("dedupe off", PLANE, "UserPlane._fold", "id_hash in user.dedupe.known", "False", FOLDS, is_core=True),
    Mutant(
        "last offset not looked at",
        PLANE,
        "UserPlane.fold_identified",
        "offset <= user.row.last_offset",
        "offset < 0",
        FOLDS,
        is_core=True,
    ),
    Mutant(
        "a duplicate counted in its bucket again",
        PLANE,
        "UserPlane._fold",
        "return Fold(FoldKind.DUPLICATE, user.user_id)",
        "signal, _ = step(user, event, position, self._limits.cleaning)\n"
        "return Fold(FoldKind.DUPLICATE, user.user_id, signal)",
        FOLDS,
    ),
    Mutant("a bucket counts twice", "tables/buckets.py", "Buckets.count", "events + 1", "events + 2", ITEMS),
    Mutant(
        "watermark from event time only",
        "tables/partition_row.py",
        "advance",
        "min(event_ms, append_ms)",
        "event_ms",
        FOLDS,
    ),
    Mutant(
        "late inverted",
        "tables/user_step.py",
        "_signal",
        "timestamp_ms < watermark_ms",
        "timestamp_ms >= watermark_ms",
        FOLDS,
        is_core=True,
    ),
    Mutant("late events count in windows", "tables/item_plane.py", "ItemPlane._count", "not late", "True", ITEMS),
    Mutant(
        "backdated events count in trends without limit",
        "tables/user_step.py",
        "step",
        "not is_over",
        "True",
        ("tests/tables/test_cleaning.py",),
    ),
    Mutant(
        "the last event about an item says what is known of it",
        "tables/engagement_state.py",
        "code_after",
        "code if gained > 0 or (gained == 0 and not late) else known",
        "code",
        ("tests/tables/test_engagement_state.py",),
    ),
    Mutant(
        "too old counted at redelivery too",
        LEDGER,
        "PartitionLedger.refuse_too_old",
        "self.is_new(offset)",
        "True",
        FOLDS,
    ),
    Mutant("evicted users not written", CACHE, "RowCache._make_room", "user_id in self._dirty", "False", FOLDS),
    Mutant(
        "an event of a user's past comes last",
        "tables/history.py",
        "History.visit",
        "newest is not None and timestamp_ms < entries[newest][0]",
        "False",
        ("tests/tables/test_history.py",),
    ),
    Mutant(
        "buckets expired by each delta's own time",
        "tables/item_plane.py",
        "ItemPlane._advance",
        "watermark_ms > self._row.watermark_ms",
        "watermark_ms != self._row.watermark_ms",
        FOLDS,
    ),
    # -- purge ----------------------------------------------------------------------------------------------------
    Mutant(
        "whoever comes back finds the old row if it is still there",
        PLANE,
        "UserPlane.fold_identified",
        "user is not None and self._departures.is_idle(user)",
        "False",
        PURGE,
    ),
    Mutant(
        "counts of purged users lost",
        DEPARTURES,
        "Departures.leave",
        "self._ledger.row.purged_folded += user.row.folded",
        "pass",
        PURGE,
    ),
    Mutant(
        "purged although not idle",
        DEPARTURES,
        "Departures.purge",
        "None if self.idle_since(user_id) is None else self._cache.find(user_id)",
        "self._cache.find(user_id)",
        PURGE,
    ),
    Mutant(
        "delivered again after a purge",
        PLANE,
        "UserPlane.fold_identified",
        "user is None and not ledger.is_new(offset)",
        "False",
        PURGE,
    ),
    Mutant(
        "purged users' keys left in Redis",
        "agents/lists/idle_users.py",
        "IdleUsers.look",
        "not idle or await remove_keys(idle)",
        "True",
        ("tests/agents/lists/test_idle_users.py",),
    ),
    Mutant(
        "whoever came back while Redis was away taken for idle",
        "agents/lists/idle_users.py",
        "IdleUsers.look",
        "plane.idle_since(user_id)",
        "plane.idle_since(user_id) or 0",
        ("tests/agents/lists/test_idle_users.py",),
    ),
    Mutant(
        "keys of somebody who came back taken away by a sleeper",
        "serving/remove_user.lua",
        "",
        "offset > tonumber(ARGV[1])",
        "false",
        ("tests/serving/test_redis_writer.py",),
    ),
    # -- bounds ---------------------------------------------------------------------------------------------------
    Mutant(
        "history bound off",
        "tables/history.py",
        "History.visit",
        "len(entries) > self.limit",
        "False",
        BOUNDS,
        is_core=True,
    ),
    Mutant("dedupe bound off", "tables/dedupe.py", "Dedupe._oldest_may_go", "len(log) > MAX_IDS", "False", BOUNDS),
    Mutant("ids forgotten early", "tables/dedupe.py", "Dedupe._oldest_may_go", "KEPT_IDS", "KEPT_IDS // 2", BOUNDS),
    Mutant(
        "seen segments dropped early",
        "tables/seen.py",
        "Seen.forget_before",
        "horizon_ms // HOUR_MS - REFRESH_HOURS",
        "horizon_ms // HOUR_MS + REFRESH_HOURS",
        BOUNDS,
    ),
    Mutant(
        "seen segments never dropped", "tables/seen.py", "Seen.forget_before", "len(log.segments) > 1", "False", BOUNDS
    ),
    Mutant(
        "dropped segments left in the store",
        "tables/segmented_log.py",
        "SegmentedLog.drop_oldest",
        "self._dropped.add(self.first)",
        "",
        BOUNDS,
    ),
    Mutant(
        "continue-watching bound off",
        "tables/continue_watching.py",
        "ContinueWatching._insert",
        "len(entries) > MAX_ENTRIES",
        "False",
        BOUNDS,
    ),
    # -- what items learn -----------------------------------------------------------------------------------------
    Mutant(
        "what a row contains is added to it again",
        "tables/associations.py",
        "Associations.learn",
        "owned[self.as_of[rows[owned]] < learned.number]",
        "owned",
        LEARNING,
    ),
    Mutant(
        "records removed before all rows contain them",
        "tables/checkpoints.py",
        "Checkpoints.take_outdated",
        "self._kept[0] < needed_from",
        "self._kept[0] <= needed_from",
        LEARNING,
    ),
    Mutant(
        "rows written for a record, whatever they take",
        "tables/checkpoints.py",
        "Checkpoints.next_row",
        "self._first() if self._bytes > 0 else None",
        "None",
        LEARNING,
    ),
    Mutant(
        "records restored in no order",
        "tables/item_learning.py",
        "ItemLearning._restore",
        "sorted(records)",
        "records[::-1]",
        LEARNING,
    ),
    Mutant(
        "new items are not named to followers",
        "tables/item_learning.py",
        "ItemLearning.take_changes",
        "changes += [self._written(row) for row in self._born]",
        "",
        LEARNING,
    ),
    Mutant(
        "the last of a full shard lets go, not the weakest",
        "tables/kernels/pairs.py",
        "add_pairs",
        "min(lowest, held[slot])",
        "held[slot]",
        PAIRS,
    ),
    Mutant(
        "who is new is not told from who was there", "tables/kernels/pairs.py", "add_pairs", "-weight", "weight", PAIRS
    ),
    Mutant(
        "two items share a key", "tables/item_keys.py", "ItemKeys.number", "if self.ids[number]:", "if False:", KEYS
    ),
    Mutant("buckets never expire", "tables/buckets.py", "Buckets.expire", "self._expired.append(key)", "", BOUNDS),
    Mutant(
        "time not told to quiet item partitions",
        STEP,
        "OutgoingDeltas.take",
        "hour * HOUR_MS if hour > self._told_hour else None",
        "None",
        BOUNDS,
    ),
    # -- replays ---------------------------------------------------------------------------------------------------
    Mutant(
        "what is too old counted as erased",
        DEPARTURES,
        "Departures.pass_over",
        "ledger.refuse_too_old(event_ms, offset)",
        "",
        ERASED,
    ),
    Mutant(
        "partitions wait for nobody",
        COORDINATOR,
        "ReplayCoordinator.limit_ms",
        "slowest_ms(self._state, now, self._own_times(), frozenset({partition})) + self._max_skew_ms",
        "inf",
        (*ASSOCIATIONS, *LEAKS),
    ),
    Mutant(
        "a partition's time without what it waits with",
        COORDINATOR,
        "ReplayCoordinator.time_of",
        "PartitionTime(folded_ms, self._state.waiting.get(partition, 0))",
        "PartitionTime(folded_ms)",
        ASSOCIATIONS,
    ),
    Mutant(
        "times not told while nothing is folded",
        TASK,
        "PartitionTask.commit",
        "self._position != self.table.next_offset or note != self._noted",
        "self._position != self.table.next_offset",
        TASKS,
    ),
    Mutant(
        "held batches overtaken", TASK, "PartitionTask._allowed", "self._held.appendleft", "self._held.append", TASKS
    ),
    Mutant(
        "markers taken for records",
        "agents/replay/offsets_watch.py",
        "_left",
        "tp not in short or tp in found",
        "True or found",
        WATCHED,
    ),
    Mutant(
        "who is far from the end counted as caught up",
        "streams/kafka/caught_up.py",
        "LogEnds.caught_up",
        "{tp for tp, position in positions.items() if position >= ends[tp] or tp in exhausted}",
        "{tp for tp, position in positions.items() }",
        (*PHASES, "tests/streams/kafka/test_caught_up.py", *WATCHED),
    ),
    Mutant(
        "partitions at their ends wait for nobody",
        "agents/replay/phases.py",
        "_phase",
        "Phase.SETTLING if state.partitions <= seen.caught_up | now.paused else Phase.CATCHING_UP",
        "Phase.SETTLING",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "who fell behind stays live",
        "agents/replay/phases.py",
        "_phase",
        "owns_behind(state, now)",
        "False",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "lists do not wait for what items learn",
        "agents/replay/phases.py",
        "_phase",
        "case Phase.SETTLING, ItemsLearned():",
        "case Phase.SETTLING, _:",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "a partition waits for itself",
        "agents/replay/phases.py",
        "slowest_ms",
        "state.partitions - state.exhausted - now.paused - besides",
        "state.partitions - state.exhausted - now.paused",
        (*PHASES, *ASSOCIATIONS),
    ),
    Mutant(
        "epochs do not wait",
        "agents/followers/model_watermark.py",
        "ModelWatermark._may",
        "record.key != item_rows.MODEL_WATERMARK or _row(record).reached_ms <= self._max_model_watermark_ms()",
        "True",
        (*EPOCHS, *LEAKS),
    ),
    Mutant(
        "rows overtake the epoch before them",
        "agents/followers/model_watermark.py",
        "ModelWatermark.take",
        "waiting is not None",
        "waiting is not None and record.key == item_rows.MODEL_WATERMARK",
        EPOCHS,
    ),
    Mutant(
        "epoch behind its rows",
        "agents/items.py",
        "ItemsStep.effects",
        "changes[:0] = self._new_model_watermark()",
        "changes += self._new_model_watermark()",
        EPOCHS,
    ),
    Mutant(
        "points forgotten by a restart",
        "agents/items.py",
        "ItemsStep.fold",
        "known.learned + entries",
        "entries",
        EPOCHS,
    ),
    Mutant("fits by the clock alone", "agents/training/vector_fits.py", "VectorFits.look", "self.due", "False", EPOCHS),
    Mutant(
        "evaluated whatever the items know",
        "agents/evaluation/prequential.py",
        "PrequentialEvaluator.before",
        "self._is_before_cutoff(event, feature_cutoff_ms)",
        "False",
        LEAKS,
    ),
    *RETENTION,
    *LOGS,
    *EDGES,
    *ELIGIBILITY,
    *EXPERIMENTS,
    *GUESTS,
    *RULES,
    Mutant(
        "evaluated within the lag of a list",
        "ranking/outcomes.py",
        "is_evaluated",
        "PRODUCTION_LAG_MS",
        "0",
        ("tests/ranking/test_outcomes.py",),
    ),
    Mutant(
        "evaluated by a list that lacks an event",
        "agents/lists/shown_lists.py",
        "ShownLists.current",
        "shown is not None and is_young and shown.offset == offset",
        "shown is not None and is_young",
        KEEPER,
    ),
    Mutant(
        "outcomes counted twice after a crash",
        "agents/observers.py",
        "Observers.reset",
        "self.evaluator.reset()",
        "pass",
        ("tests/agents/evaluation/test_prequential.py",),
    ),
    Mutant(
        "pairs of different events",
        "offline/versions/quality.py",
        "_joined",
        "of_b",
        "of_a",
        ("tests/offline/versions/test_quality.py",),
    ),
    Mutant(
        "gate by the mean",
        "offline/versions/verdict.py",
        "quality_reasons",
        "decisive.low < limits.allowed(decisive)",
        "decisive.difference < limits.allowed(decisive)",
        ("tests/offline/versions/test_gate.py",),
    ),
    Mutant(
        "rows of a page from whichever version leads now",
        "serving/endpoint/reads/homepage.py",
        "HomepageRead.__call__",
        "store.user_list(user_id, POST_PLAY, version)",
        "store.user_list(user_id, POST_PLAY, store.versions.first())",
        ("tests/serving/endpoint/test_versions.py",),
    ),
]
