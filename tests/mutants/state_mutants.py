"""Deliberate mutants of the mechanisms that keep state exact. Each must be noticed by an invariant; `mutate.py`
tries."""

from edge_mutants import EDGES
from eligibility_mutants import ELIGIBILITY
from log_mutants import LOGS
from mutant import Mutant
from retention_mutants import RETENTION

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
ITEMS = ("tests/tables/test_item_plane.py",)
ASSOCIATIONS = ("tests/agents/replay/test_watermark_alignment.py",)
WATCHED = ("tests/agents/replay/test_offsets_watch.py",)
COORDINATOR = "agents/replay/coordinator.py"
PHASES = ("tests/agents/replay/test_phases.py",)
COORDINATED = ("tests/agents/replay/test_coordinator.py",)
LEARNING = ("tests/tables/test_together.py",)
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

FENCE = "            await asyncio.gather(*(task.producer.fence() for task in tasks.values()))\n"
TABLES = "            tables = [table for task in tasks.values() for table in (task.table, task.marks.table)]\n"
WHY = "            # Offsets first: a newer owner may fence this process and commit at any time, rows before offsets.\n"
COMMITTED = "            committed = await self._committed(list(tasks))\n"
RESTORE = "            await restore(self._bootstrap, tables)\n"

MUTANTS = [
    # -- delivery -------------------------------------------------------------------------------------------------
    Mutant(
        "restored before fenced",
        OWNERSHIP,
        FENCE + TABLES + WHY + COMMITTED + RESTORE,
        TABLES + COMMITTED + RESTORE + FENCE,
        MODEL,
    ),
    Mutant("offsets read after the rows", OWNERSHIP, COMMITTED + RESTORE, RESTORE + COMMITTED, OWNERS),
    Mutant(
        "kept although a generation was missed",
        OWNERSHIP,
        "consecutive = generation == self._generation + 1",
        "consecutive = generation > self._generation",
        OWNERS,
    ),
    Mutant(
        "position not written",
        TABLE,
        "        records.append(self._position(next_offset, self.owner.term))\n",
        "",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "position not trimmed by",
        TASK,
        "[record for record in batch.records if record.offset >= self._position]",
        "list(batch.records)",
        MODEL,
    ),
    Mutant("missing records not noticed", TASK, "batch.follows > self._position", "False", MODEL, is_core=True),
    Mutant(
        "batches of former generations accepted",
        TASK,
        "        if batch.generation == self._generation:\n            await self._inbox.put(batch)",
        "        if self._generation is not None:\n            await self._inbox.put(batch)",
        MODEL,
        also=(
            ("batch is not None and batch.generation == self._generation", "batch is not None and self._generation"),
        ),
    ),
    Mutant(
        "offsets not sent",
        PRODUCER,
        "        if source is not None:\n",
        "        if source is None:\n",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "rows and offset in two transactions",
        TASK,
        "await self.producer.commit(outgoing, self.source, self._position, note)\n        self.table",
        "await self.producer.commit(outgoing, None, 0)\n"
        "        await self.producer.commit([], self.source, self._position)\n        self.table",
        MODEL,
    ),
    Mutant(
        "dead letters not in the transaction",
        STEP,
        "        outgoing, self._dead = self._dead, []\n",
        "        outgoing, self._dead = [], []\n",
        MODEL,
        is_core=True,
    ),
    Mutant(
        "deltas sent again with the next batch",
        STEP,
        "signals, self._signals = self._signals, []",
        "signals = self._signals",
        MODEL,
    ),
    Mutant(
        "not committed before a handover",
        TASK,
        "                await self.commit(force=True)\n                await self.commit_marks",
        "                self._position = self.table.next_offset\n                await self._commit_marks",
        MODEL,
    ),
    Mutant(
        "a closed task keeps its submitter waiting",
        TASK,
        "        self._stop_accepting()  # a take-over that ended after `suspend` resumed it\n",
        "",
        TASKS,
        is_core=True,
    ),
    # -- crash marks ----------------------------------------------------------------------------------------------
    Mutant("mark not cleared", TASK, "*self.marks.record_success(folded), *marks", "*marks", TASKS, is_core=True),
    Mutant("mark left by whoever left in good order", TASK, "self.marks.release()", "[]", TASKS),
    Mutant("mark not written", QUARANTINE, "            await self._owner.commit_marks(opened)\n", "", TASKS),
    Mutant("crashes not counted", MARKS, "found.crashes + found.is_open", "found.crashes", TASKS, is_core=True),
    Mutant(
        "small batches not committed by themselves",
        QUARANTINE,
        "                await self._owner.commit(force=True)\n                del left",
        "                del left",
        TASKS,
    ),
    Mutant("nothing folded singly", MARKS, "if self.crashes >= SINGLE_FROM_CRASHES else 0", "if False else 0", TASKS),
    Mutant("attempts not counted", MARKS, "attempts=attempts + 1", "attempts=1", POISONED),
    Mutant(
        "single records not in turn",
        QUARANTINE,
        "                async with turn:\n",
        "                if True:\n",
        ("tests/agents/test_quarantine.py",),
    ),
    Mutant(
        "half a fold kept",
        QUARANTINE,
        "            self._step.reset()\n            self._reject",
        "            self._reject",
        POISONED,
    ),
    # -- lists ----------------------------------------------------------------------------------------------------
    Mutant(
        "written position moved while lists are pending",
        KEEPER_FILE,
        "        if not (self._pending.due or self._readers.asks or self._full_scan.under_way):\n",
        "        if True:\n",
        MODEL,
    ),
    Mutant(
        "marker moved although it is another",
        "serving/redis_writer.py",
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end\n",
        "",
        MARKER,
    ),
    Mutant(
        "lists older than the marker only",
        KEEPER_FILE,
        "elif row.last_offset >= since:",
        "elif row.last_offset > since + 3:",
        MODEL,
    ),
    Mutant(
        "lists not pending while Redis is away",
        KEEPER_FILE,
        "        self._pending.add(users)\n        if",
        "        if",
        KEEPER,
        also=(("            self._checkpoint.doubt()  # what answers next may be an older replica\n", ""),),
        is_core=True,
    ),
    Mutant(
        "a wipe not looked for",
        CHECKPOINT,
        "        if written_position == self._known and not fell:\n",
        "        if self._known is not None:\n",
        KEEPER,
    ),
    Mutant("a fall to before the owner not noticed", CHECKPOINT, ", self._writer.take_fall()", ", False", KEEPER),
    Mutant("limits not told again", KEEPER_FILE, "            self._limits.doubt()\n", "            pass\n", KEEPER),
    Mutant(
        "forward-only compare inverted",
        "serving/forward_only.lua",
        "offset > new_offset",
        "offset < new_offset",
        SCRIPT,
    ),
    Mutant("forward-only compare off", "serving/forward_only.lua", "      return -1 - term\n", "", SCRIPT),
    Mutant("a former owner's write not refused", "serving/forward_only.lua", "term > new_term or", "", SCRIPT),
    Mutant(
        "a later write of an owner refused", "serving/forward_only.lua", "sequence > new_s", "sequence < new_s", SCRIPT
    ),
    Mutant("no term of its own", TASK, "self.table.claimed(term)\n", "pass\n", TASKS),
    Mutant("refused lists forgotten", KEEPER_FILE, "self._pending.add_refused(", "list(", KEEPER),
    Mutant(
        "writes without an event not noted",
        CHECKPOINT,
        "WrittenPosition(next_offset, self._writer.owner.order)",
        "WrittenPosition(next_offset)",
        KEEPER,
    ),
    Mutant(
        "only the list of a group written",
        "serving/forward_only.lua",
        "for place = 1, values do",
        "for place = 1, 1 do",
        ("tests/serving/test_redis_writer.py::test_a_group_is_written_as_a_whole_or_not_at_all",),
    ),
    Mutant(
        "the right to write taken without a proof",
        "agents/lists/list_rights.py",
        "        await self._prove()\n",
        "",
        RIGHTS,
    ),
    Mutant(
        "doubt after a failover forgotten",
        "agents/lists/list_rights.py",
        "        if erased != self._noted:",
        "        if 0:",
        RIGHTS,
    ),
    Mutant(
        "the right taken from whoever has it",
        "serving/redis_writer.py",
        "if found ~= ARGV[1] then return 0 end",
        "",
        RIGHTS,
    ),
    Mutant(
        "a sleeper may write", "serving/forward_only.lua", "KEYS[#KEYS]) ~= ARGV[#ARGV]", "KEYS[#KEYS]) == ''", SCRIPT
    ),
    Mutant("a sleeper may remove", "serving/remove_user.lua", "redis.call('GET', writer) ~= ARGV[2]", "false", SCRIPT),
    # -- folds ----------------------------------------------------------------------------------------------------
    Mutant("dedupe off", PLANE, "if id_hash in user.dedupe.known:", "if False:", FOLDS, is_core=True),
    Mutant("last offset not looked at", PLANE, "offset <= user.row.last_offset", "offset < 0", FOLDS, is_core=True),
    Mutant(
        "a duplicate counted in its bucket again",
        PLANE,
        "            return Fold(FoldKind.DUPLICATE, user.user_id)\n",
        "            signal, _ = step(user, event, position, self._limits.cleaning)\n"
        "            return Fold(FoldKind.DUPLICATE, user.user_id, signal)\n",
        FOLDS,
    ),
    Mutant("a bucket counts twice", "tables/buckets.py", "+ 1", "+ 2", ITEMS),
    Mutant("watermark from event time only", "tables/partition_row.py", "min(event_ms, append_ms)", "event_ms", FOLDS),
    Mutant(
        "late inverted",
        "tables/user_step.py",
        "        event.timestamp_ms < place.watermark_ms,\n",
        "        event.timestamp_ms >= place.watermark_ms,\n",
        FOLDS,
        is_core=True,
    ),
    Mutant("late events count in windows", "tables/item_plane.py", "if not late:", "if True:", ITEMS),
    Mutant(
        "backdated events count in trends without limit",
        "tables/user_step.py",
        "in_trends=not is_over",
        "in_trends=True",
        ("tests/tables/test_cleaning.py",),
    ),
    Mutant(
        "the last event about an item says what is known of it",
        "tables/engagement_state.py",
        "return code if gained > 0 or (gained == 0 and not late) else known",
        "return code",
        ("tests/tables/test_engagement_state.py",),
    ),
    Mutant("too old counted at redelivery too", LEDGER, "too_old=self.is_new(offset)", "too_old=True", FOLDS),
    Mutant(
        "evicted users not written", CACHE, "            if user_id in self._dirty:\n", "            if False:\n", FOLDS
    ),
    Mutant(
        "an event of a user's past comes last",
        "tables/history.py",
        "if newest is not None and timestamp_ms < entries[newest][0]:",
        "if False:",
        ("tests/tables/test_history.py",),
    ),
    Mutant(
        "buckets expired by each delta's own time",
        "tables/item_plane.py",
        "if watermark_ms > self._row.watermark_ms:",
        "if watermark_ms != self._row.watermark_ms:",
        FOLDS,
    ),
    # -- purge ----------------------------------------------------------------------------------------------------
    Mutant(
        "whoever comes back finds the old row if it is still there",
        PLANE,
        "if user is not None and self._departures.is_idle(user):",
        "if False:",
        PURGE,
    ),
    Mutant(
        "counts of purged users lost",
        DEPARTURES,
        "self._ledger.row.purged_folded += user.row.folded\n",
        "pass\n",
        PURGE,
    ),
    Mutant(
        "purged although not idle",
        DEPARTURES,
        "user = None if self.idle_since(user_id) is None else self._cache.find(user_id)",
        "user = self._cache.find(user_id)",
        PURGE,
    ),
    Mutant(
        "delivered again after a purge",
        PLANE,
        "if user is None and not ledger.is_new(offset):",
        "if False:",
        PURGE,
    ),
    Mutant(
        "purged users' keys left in Redis",
        "agents/lists/idle_users.py",
        "if not idle or await remove_keys(idle):",
        "if True:",
        ("tests/agents/lists/test_idle_users.py",),
    ),
    Mutant(
        "whoever came back while Redis was away taken for idle",
        "agents/lists/idle_users.py",
        "for user_id in self._found if (last := plane.idle_since(user_id)) is not None}",
        "for user_id in self._found if (last := plane.idle_since(user_id) or 0) is not None}",
        ("tests/agents/lists/test_idle_users.py",),
    ),
    Mutant(
        "keys of somebody who came back taken away by a sleeper",
        "serving/remove_user.lua",
        "offset > tonumber(ARGV[1])",
        "false",
        ("tests/serving/test_redis_writer.py",),
    ),
    # -- bounds ---------------------------------------------------------------------------------------------------
    Mutant(
        "history bound off", "tables/history.py", "if len(entries) > self.limit:", "if False:", BOUNDS, is_core=True
    ),
    Mutant("dedupe bound off", "tables/dedupe.py", "if len(log) > MAX_IDS:", "if False:", BOUNDS),
    Mutant("ids forgotten early", "tables/dedupe.py", ">= KEPT_IDS and", ">= KEPT_IDS // 2 and", BOUNDS),
    Mutant(
        "seen segments dropped early",
        "tables/seen.py",
        "horizon_ms // HOUR_MS - REFRESH_HOURS",
        "horizon_ms // HOUR_MS + REFRESH_HOURS",
        BOUNDS,
    ),
    Mutant(
        "seen segments never dropped",
        "tables/seen.py",
        "        while len(log.segments) > 1 and",
        "        while False and",
        BOUNDS,
    ),
    Mutant(
        "dropped segments left in the store",
        "tables/segmented_log.py",
        "        self._dropped.add(self.first)\n",
        "",
        BOUNDS,
    ),
    Mutant(
        "continue-watching bound off",
        "tables/continue_watching.py",
        "if len(entries) > MAX_ENTRIES:",
        "if False:",
        BOUNDS,
    ),
    # -- what items learn -----------------------------------------------------------------------------------------
    Mutant(
        "what a row contains is added to it again",
        "tables/associations.py",
        "new = owned[self.as_of[rows[owned]] < learned.number]",
        "new = owned",
        LEARNING,
    ),
    Mutant(
        "records removed before all rows contain them",
        "tables/checkpoints.py",
        "self._kept[0] < needed_from",
        "self._kept[0] <= needed_from",
        LEARNING,
    ),
    Mutant(
        "rows written for a record, whatever they take",
        "tables/checkpoints.py",
        "return self._first() if self._bytes > 0 else None",
        "return None",
        LEARNING,
    ),
    Mutant(
        "records restored in no order", "tables/item_learning.py", "in sorted(records)", "in records[::-1]", LEARNING
    ),
    Mutant(
        "new items are not named to followers",
        "tables/item_learning.py",
        "            changes += [self._written(row) for row in self._born]\n",
        "",
        LEARNING,
    ),
    Mutant(
        "the last of a full shard lets go, not the weakest",
        "tables/kernels/pairs.py",
        "            lowest = min(lowest, held[slot])",
        "            lowest = held[slot]",
        PAIRS,
    ),
    Mutant(
        "who is new is not told from who was there",
        "tables/kernels/pairs.py",
        "            weights[row, first + place] = -weight\n",
        "            weights[row, first + place] = weight\n",
        PAIRS,
    ),
    Mutant("two items share a key", "tables/item_keys.py", "if self.ids[number]:", "if False:", KEYS),
    Mutant("buckets never expire", "tables/buckets.py", "                self._expired.append(key)\n", "", BOUNDS),
    Mutant(
        "time not told to quiet item partitions",
        STEP,
        "tell_ms = hour * HOUR_MS if hour > self._told_hour else None",
        "tell_ms = None",
        BOUNDS,
    ),
    # -- replays ---------------------------------------------------------------------------------------------------
    Mutant(
        "what is too old counted as erased",
        DEPARTURES,
        "            ledger.refuse_too_old(event_ms, offset)\n            ledger.row.erased += 1",
        "            ledger.row.erased += 1",
        ERASED,
    ),
    Mutant(
        "partitions wait for nobody",
        COORDINATOR,
        "return slowest_ms(self._state, now, self._own_times(), frozenset({partition})) + self._max_skew_ms",
        "return inf",
        (*ASSOCIATIONS, *LEAKS),
    ),
    Mutant(
        "a partition's time without what it waits with",
        COORDINATOR,
        "return PartitionTime(folded_ms, self._state.waiting.get(partition, 0))",
        "return PartitionTime(folded_ms)",
        ASSOCIATIONS,
    ),
    Mutant(
        "times not told while nothing is folded",
        TASK,
        " or note != self._noted",
        "",
        TASKS,
    ),
    Mutant("held batches overtaken", TASK, "self._held.appendleft(", "self._held.append(", TASKS),
    Mutant(
        "markers taken for records",
        "agents/replay/offsets_watch.py",
        "if tp not in short or tp in found",
        "if True or found",
        WATCHED,
    ),
    Mutant(
        "who is far from the end counted as caught up",
        "streams/kafka/caught_up.py",
        "if position >= ends[tp] or tp in exhausted}",
        "}",
        (*PHASES, "tests/streams/kafka/test_caught_up.py", *WATCHED),
    ),
    Mutant(
        "partitions at their ends wait for nobody",
        "agents/replay/phases.py",
        "return Phase.SETTLING if state.partitions <= seen.caught_up | now.paused else Phase.CATCHING_UP",
        "return Phase.SETTLING",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "who fell behind stays live",
        "agents/replay/phases.py",
        "if owns_behind(state, now):",
        "if False:",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "lists do not wait for what items learn",
        "agents/replay/phases.py",
        "        case Phase.SETTLING, ItemsLearned():",
        "        case Phase.SETTLING, _:",
        (*PHASES, *COORDINATED),
    ),
    Mutant(
        "a partition waits for itself",
        "agents/replay/phases.py",
        "state.partitions - state.exhausted - now.paused - besides",
        "state.partitions - state.exhausted - now.paused",
        (*PHASES, *ASSOCIATIONS),
    ),
    Mutant(
        "epochs do not wait",
        "agents/followers/model_watermark.py",
        "return record.key != item_rows.MODEL_WATERMARK or _row(record).reached_ms <= self._max_model_watermark_ms()",
        "return True",
        (*EPOCHS, *LEAKS),
    ),
    Mutant(
        "rows overtake the epoch before them",
        "agents/followers/model_watermark.py",
        "if waiting is not None:",
        "if waiting is not None and record.key == item_rows.MODEL_WATERMARK:",
        EPOCHS,
    ),
    Mutant(
        "epoch behind its rows",
        "agents/items.py",
        "changes[:0] = self._new_model_watermark()",
        "changes += self._new_model_watermark()",
        EPOCHS,
    ),
    Mutant(
        "points forgotten by a restart", "agents/items.py", "learned=known.learned + entries", "learned=entries", EPOCHS
    ),
    Mutant(
        "fits by the clock alone",
        "agents/training/vector_fits.py",
        "        elif self.due:",
        "        elif False:",
        EPOCHS,
    ),
    Mutant(
        "evaluated whatever the items know",
        "agents/evaluation/prequential.py",
        "        if self._is_before_cutoff(event, feature_cutoff_ms):",
        "        if False:",
        LEAKS,
    ),
    *RETENTION,
    *LOGS,
    *EDGES,
    *ELIGIBILITY,
    Mutant(
        "evaluated within the lag of a list",
        "ranking/outcomes.py",
        "< PRODUCTION_LAG_MS",
        "< 0",
        ("tests/ranking/test_outcomes.py",),
    ),
    Mutant(
        "evaluated by a list that lacks an event",
        "agents/lists/shown_lists.py",
        " and shown.offset == offset else None",
        " else None",
        KEEPER,
    ),
    Mutant(
        "outcomes counted twice after a crash",
        "agents/observers.py",
        "            self.evaluator.reset()",
        "            pass",
        ("tests/agents/evaluation/test_prequential.py",),
    ),
    Mutant(
        "pairs of different events",
        "offline/versions/quality.py",
        "b[of_b]",
        "b[of_a]",
        ("tests/offline/versions/test_quality.py",),
    ),
    Mutant(
        "gate by the mean",
        "offline/versions/verdict.py",
        "elif decisive.low < limits.allowed(decisive):",
        "elif decisive.difference < limits.allowed(decisive):",
        ("tests/offline/versions/test_gate.py",),
    ),
    Mutant(
        "rows of a page from whichever version leads now",
        "serving/endpoint/reads/homepage.py",
        "store.user_list(user_id, POST_PLAY, version)",
        "store.user_list(user_id, POST_PLAY, store.versions.first())",
        ("tests/serving/endpoint/test_versions.py",),
    ),
]
