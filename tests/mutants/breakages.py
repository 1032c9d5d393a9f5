"""Deliberate breakages of the mechanisms that keep state exact. Each must be noticed by a law; `mutate.py` tries."""

from breakage import Breakage
from retention_breakages import RETENTION

MODEL = ("tests/laws/test_model.py",)
FOLDS = ("tests/laws/test_folds.py",)
BOUNDS = ("tests/laws/test_bounds.py",)
PURGE = ("tests/laws/test_purge.py",)
KEEPER = ("tests/agents/test_list_keeper.py",)
SCRIPT = ("tests/serving/test_forward_only_model.py",)
OWNERS = ("tests/agents/test_ownership.py",)
POISONED = ("tests/laws/test_model.py::test_a_record_that_ends_processes_becomes_one_dead_letter_soon",)
TASKS = ("tests/agents/test_partition_task.py",)
ITEMS = ("tests/tables/test_item_plane.py",)
TOGETHER = ("tests/agents/test_alignment.py",)
WATCHED = ("tests/agents/test_alignment_watch.py",)
EPOCHS = ("tests/agents/test_epochs.py",)
LEAKS = ("tests/offline/replay/test_leaks.py",)
ERASED = ("tests/tables/test_erasure.py",)
MARKER = ("tests/serving/test_redis_writer.py::test_a_marker_that_is_not_the_known_one_stays",)


TASK = "agents/delivery/partition_task.py"
OWNERSHIP = "agents/delivery/ownership.py"
PRODUCER = "agents/delivery/producer.py"
TABLE = "agents/delivery/table.py"
MARKS = "agents/delivery/quarantine.py"
STEP = "agents/interactions.py"
KEEPER_FILE = "agents/list_keeper.py"
PLANE = "tables/user_plane.py"

FENCE = "            await asyncio.gather(*(task.producer.fence() for task in tasks.values()))\n"
TABLES = "            tables = [table for task in tasks.values() for table in (task.table, task.marks.table)]\n"
WHY = "            # Offsets first: a newer owner may fence this process and commit at any time, rows before offsets.\n"
COMMITTED = "            committed = await self._committed(list(tasks))\n"
RESTORE = "            await restore(self._bootstrap, tables)\n"

BREAKAGES = [
    # -- delivery -------------------------------------------------------------------------------------------------
    Breakage(
        "restored before fenced",
        OWNERSHIP,
        FENCE + TABLES + WHY + COMMITTED + RESTORE,
        TABLES + COMMITTED + RESTORE + FENCE,
        MODEL,
    ),
    Breakage("offsets read after the rows", OWNERSHIP, COMMITTED + RESTORE, RESTORE + COMMITTED, OWNERS),
    Breakage(
        "kept although a generation was missed",
        OWNERSHIP,
        "consecutive = generation == self._generation + 1",
        "consecutive = generation > self._generation",
        MODEL,
    ),
    Breakage(
        "position not written",
        TABLE,
        "        records.append(Outgoing(self.topic, self.partition, POSITION_KEY, _POSITION.pack(next_offset)))\n",
        "",
        MODEL,
        is_core=True,
    ),
    Breakage(
        "position not trimmed by",
        TASK,
        "[record for record in batch.records if record.offset >= self._position]",
        "list(batch.records)",
        MODEL,
    ),
    Breakage("missing records not noticed", TASK, "batch.follows > self._position", "False", MODEL, is_core=True),
    Breakage(
        "batches of former generations accepted",
        TASK,
        "        if batch.generation == self._generation:\n            await self._inbox.put(batch)",
        "        if self._generation is not None:\n            await self._inbox.put(batch)",
        MODEL,
        also=(
            ("batch is not None and batch.generation == self._generation", "batch is not None and self._generation"),
        ),
    ),
    Breakage(
        "offsets not sent",
        PRODUCER,
        "        if source is not None:\n",
        "        if source is None:\n",
        MODEL,
        is_core=True,
    ),
    Breakage(
        "rows and offset in two transactions",
        TASK,
        "await self.producer.commit(outgoing, self.source, self._position, note)\n        self.table",
        "await self.producer.commit(outgoing, None, 0)\n"
        "        await self.producer.commit([], self.source, self._position)\n        self.table",
        MODEL,
    ),
    Breakage(
        "dead letters not in the transaction",
        STEP,
        "        outgoing, self._dead = self._dead, []\n",
        "        outgoing, self._dead = [], []\n",
        MODEL,
        is_core=True,
    ),
    Breakage(
        "deltas sent again with the next batch",
        STEP,
        "signals, self._signals = self._signals, []",
        "signals = self._signals",
        MODEL,
    ),
    Breakage(
        "not committed before a handover",
        TASK,
        "                await self._commit(force=True)\n                await self._commit_marks",
        "                self._position = self.table.next_offset\n                await self._commit_marks",
        MODEL,
    ),
    Breakage(
        "a closed task keeps its submitter waiting",
        TASK,
        "        self._stop_accepting()  # a take-over that ended after `suspend` resumed it\n",
        "",
        TASKS,
        is_core=True,
    ),
    # -- crash marks ----------------------------------------------------------------------------------------------
    Breakage("mark not cleared", TASK, "*self.marks.survive(folded), *marks", "*marks", TASKS, is_core=True),
    Breakage("mark left by whoever left in good order", TASK, "self.marks.release()", "[]", TASKS),
    Breakage("mark not written", TASK, "                await self._commit_marks(opened)\n", "", TASKS),
    Breakage("crashes not counted", MARKS, "found.crashes + found.is_open", "found.crashes", TASKS, is_core=True),
    Breakage(
        "small batches not committed by themselves",
        TASK,
        "                await self._commit(force=True)\n                del left",
        "                del left",
        TASKS,
    ),
    Breakage("nothing folded singly", MARKS, "if self.crashes >= SINGLE_FROM_CRASHES else 0", "if False else 0", TASKS),
    Breakage("attempts not counted", MARKS, "attempts=attempts + 1", "attempts=1", POISONED),
    Breakage(
        "single records not in turn",
        TASK,
        "                async with self._turn:\n",
        "                if True:\n",
        MODEL,
    ),
    Breakage(
        "half a fold kept",
        TASK,
        "            self.step.reset()\n            self._quarantine",
        "            self._quarantine",
        POISONED,
    ),
    # -- lists ----------------------------------------------------------------------------------------------------
    Breakage(
        "marker moved while lists are owed",
        KEEPER_FILE,
        "if self._owed or self._idle or self._census is not None or",
        "if",
        MODEL,
    ),
    Breakage(
        "marker moved although it is another",
        "serving/redis_writer.py",
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end\n",
        "",
        MARKER,
    ),
    Breakage(
        "lists older than the marker only",
        KEEPER_FILE,
        "elif row.last_offset >= census.since:",
        "elif row.last_offset > census.since + 3:",
        MODEL,
    ),
    Breakage(
        "lists not owed while Redis is away",
        KEEPER_FILE,
        "        self._owe(users)\n        if",
        "        if",
        KEEPER,
        also=(("        self._forget_marker()  # what answers next may be an older replica\n", ""),),
        is_core=True,
    ),
    Breakage(
        "a wipe not looked for",
        KEEPER_FILE,
        "        if marker != self._marker:\n",
        "        if self._marker is None:\n",
        KEEPER,
    ),
    Breakage(
        "forward-only compare inverted",
        "serving/forward_only.lua",
        "offset > new_offset",
        "offset < new_offset",
        SCRIPT,
    ),
    Breakage("forward-only compare off", "serving/forward_only.lua", "      return 0\n", "", SCRIPT),
    Breakage(
        "only the list of a group written",
        "serving/forward_only.lua",
        "ipairs(KEYS)",
        "ipairs({KEYS[1]})",
        ("tests/serving/test_redis_writer.py::test_a_group_is_written_as_a_whole_or_not_at_all",),
    ),
    # -- folds ----------------------------------------------------------------------------------------------------
    Breakage("dedupe off", PLANE, "if id_hash in user.dedupe.known:", "if False:", FOLDS, is_core=True),
    Breakage("last offset not looked at", PLANE, "offset <= user.row.last_offset", "offset < 0", FOLDS, is_core=True),
    Breakage(
        "a duplicate counted in its bucket again",
        PLANE,
        "            return Fold(FoldKind.DUPLICATE, user.user_id)\n",
        "            signal, _ = step(user, event, place, self._limits.cleaning)\n"
        "            return Fold(FoldKind.DUPLICATE, user.user_id, signal)\n",
        FOLDS,
    ),
    Breakage("a bucket counts twice", "tables/buckets.py", "+ 1", "+ 2", ITEMS),
    Breakage(
        "watermark from event time only", "tables/partition_row.py", "min(event_ms, append_ms)", "event_ms", FOLDS
    ),
    Breakage(
        "late inverted",
        "tables/user_step.py",
        "        event.timestamp_ms < place.watermark_ms,\n",
        "        event.timestamp_ms >= place.watermark_ms,\n",
        FOLDS,
        is_core=True,
    ),
    Breakage(
        "too old counted at redelivery too", PLANE, "too_old=offset > self._row.last_offset", "too_old=True", FOLDS
    ),
    Breakage(
        "evicted users not written", PLANE, "            if user_id in self._dirty:\n", "            if False:\n", FOLDS
    ),
    Breakage(
        "an event of a user's past comes last",
        "tables/history.py",
        "if newest is not None and timestamp_ms < entries[newest][0]:",
        "if False:",
        ("tests/tables/test_history.py",),
    ),
    Breakage(
        "buckets expired by each delta's own time",
        "tables/item_plane.py",
        "if watermark_ms > self._row.watermark_ms:",
        "if watermark_ms != self._row.watermark_ms:",
        FOLDS,
    ),
    # -- purge ----------------------------------------------------------------------------------------------------
    Breakage(
        "whoever comes back finds the old row if it is still there",
        PLANE,
        "if user is not None and user.row.last_event_ms < watermark_ms - self._limits.retention_ms:",
        "if False:",
        PURGE,
    ),
    Breakage(
        "counts of purged users lost",
        PLANE,
        "self._row.purged_folded += user.row.folded\n",
        "pass\n",
        PURGE,
    ),
    Breakage(
        "purged although not idle",
        PLANE,
        "user = None if self.idle_since(user_id) is None else self._find(user_id)",
        "user = self._find(user_id)",
        PURGE,
    ),
    Breakage(
        "delivered again after a purge",
        PLANE,
        "if user is None and offset <= self._row.last_offset:",
        "if False:",
        PURGE,
    ),
    Breakage(
        "purged users' keys left in Redis",
        "agents/idle_users.py",
        "if not idle or await remove_keys(idle):",
        "if True:",
        ("tests/agents/test_idle_users.py",),
    ),
    Breakage(
        "whoever came back while Redis was away taken for idle",
        "agents/idle_users.py",
        "for user_id in self._found if (last := plane.idle_since(user_id)) is not None}",
        "for user_id in self._found if (last := plane.idle_since(user_id) or 0) is not None}",
        ("tests/agents/test_idle_users.py",),
    ),
    Breakage(
        "keys of somebody who came back taken away by a sleeper",
        "serving/redis_writer.py",
        "struct.unpack('>i8', head) > tonumber(ARGV[1])",
        "false",
        ("tests/serving/test_redis_writer.py",),
    ),
    # -- bounds ---------------------------------------------------------------------------------------------------
    Breakage(
        "history bound off", "tables/history.py", "if len(entries) > self.limit:", "if False:", BOUNDS, is_core=True
    ),
    Breakage("dedupe bound off", "tables/dedupe.py", "if len(log) > MAX_IDS:", "if False:", BOUNDS),
    Breakage("ids forgotten early", "tables/dedupe.py", ">= KEPT_IDS and", ">= KEPT_IDS // 2 and", BOUNDS),
    Breakage(
        "seen segments dropped early",
        "tables/seen.py",
        "horizon_ms // HOUR_MS - REFRESH_HOURS",
        "horizon_ms // HOUR_MS + REFRESH_HOURS",
        BOUNDS,
    ),
    Breakage(
        "seen segments never dropped",
        "tables/seen.py",
        "        while len(log.segments) > 1 and",
        "        while False and",
        BOUNDS,
    ),
    Breakage(
        "dropped segments left in the store",
        "tables/segmented_log.py",
        "        self._dropped.add(self.first)\n",
        "",
        BOUNDS,
    ),
    Breakage(
        "continue-watching bound off",
        "tables/continue_watching.py",
        "if len(entries) > MAX_ENTRIES:",
        "if False:",
        BOUNDS,
    ),
    Breakage("shard bound off", "tables/neighbour_table.py", "fits = rank < self._slots", "fits = rank >= 0", BOUNDS),
    Breakage("buckets never expire", "tables/buckets.py", "                self._expired.append(key)\n", "", BOUNDS),
    Breakage(
        "time not told to quiet item partitions",
        STEP,
        "        if hour > self._told_hour:\n",
        "        if False:\n",
        BOUNDS,
    ),
    # -- replays ---------------------------------------------------------------------------------------------------
    Breakage(
        "what is too old counted as erased",
        PLANE,
        "            self._refuse_too_old(event_ms, offset)\n            self._row.erased += 1",
        "            self._row.erased += 1",
        ERASED,
    ),
    Breakage(
        "partitions wait for nobody",
        "agents/alignment.py",
        "return self._slowest_ms({partition}) + self._max_skew_ms",
        "return inf",
        (*TOGETHER, *LEAKS),
    ),
    Breakage(
        "a partition's time without what it waits with",
        "agents/alignment.py",
        "return PartitionTime(folded_ms, self._next_ms.get(partition, 0))",
        "return PartitionTime(folded_ms)",
        TOGETHER,
    ),
    Breakage(
        "times not told while nothing is folded",
        TASK,
        " or note != self._noted",
        "",
        TASKS,
    ),
    Breakage("held batches overtaken", TASK, "self._held.appendleft(", "self._held.append(", TASKS),
    Breakage(
        "markers taken for records",
        "agents/alignment_watch.py",
        "if tp not in short or tp in found",
        "if True or found",
        WATCHED,
    ),
    Breakage(
        "who is far from the end counted as arrived",
        "agents/alignment_watch.py",
        "if position >= ends[tp] or tp.partition in done}",
        "}",
        WATCHED,
    ),
    Breakage(
        "partitions at their ends wait for nobody",
        "agents/backlog.py",
        "(self.far or not self._together)",
        "self.far",
        ("tests/agents/test_backlog.py",),
    ),
    Breakage(
        "epochs do not wait",
        "agents/epochs.py",
        "return record.key != item_rows.EPOCH or _row(record).reached_ms <= self._frontier_ms()",
        "return True",
        (*EPOCHS, *LEAKS),
    ),
    Breakage(
        "rows overtake the epoch before them",
        "agents/epochs.py",
        "if waiting is not None:",
        "if waiting is not None and record.key == item_rows.EPOCH:",
        EPOCHS,
    ),
    Breakage(
        "epoch behind its rows",
        "agents/items.py",
        "changes[:0] = self._new_epoch()",
        "changes += self._new_epoch()",
        EPOCHS,
    ),
    Breakage(
        "points forgotten by a restart", "agents/items.py", "learned=known.learned + entries", "learned=entries", EPOCHS
    ),
    Breakage(
        "fits by the clock alone", "agents/vector_fits.py", "        elif self.due:", "        elif False:", EPOCHS
    ),
    Breakage(
        "judged whatever the items know",
        "agents/judge.py",
        "        if self._is_foreseen(event, knew_ms):",
        "        if False:",
        LEAKS,
    ),
    *RETENTION,
    Breakage(
        "judged within the lag of a list",
        "ranking/judgements.py",
        "< PRODUCTION_LAG_MS",
        "< 0",
        ("tests/ranking/test_judgements.py",),
    ),
    Breakage(
        "judged by a list that lacks an event",
        "agents/list_keeper.py",
        "shown.offset != offset or ",
        "",
        KEEPER,
    ),
    Breakage(
        "outcomes counted twice after a crash",
        "agents/interactions.py",
        "            self.judge.reset()",
        "            pass",
        ("tests/agents/test_judge.py",),
    ),
    Breakage(
        "pairs of different events",
        "offline/versions/quality.py",
        "b[of_b]",
        "b[of_a]",
        ("tests/offline/versions/test_quality.py",),
    ),
    Breakage(
        "gate by the mean",
        "offline/versions/verdict.py",
        "elif decisive.low < limits.allowed(decisive):",
        "elif decisive.difference < limits.allowed(decisive):",
        ("tests/offline/versions/test_gate.py",),
    ),
    Breakage(
        "rows of a page from whichever version leads now",
        "serving/endpoint/reads/homepage.py",
        "store.user_list(user_id, POST_PLAY, version)",
        "store.user_list(user_id, POST_PLAY, store.versions.first())",
        ("tests/serving/endpoint/test_versions.py",),
    ),
]
