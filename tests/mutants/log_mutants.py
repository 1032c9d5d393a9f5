"""Deliberate mutants of what tells one log from another, of records that brokers take, and of those that end nobody."""

from mutant import Mutant

PLACE = ("tests/streams/kafka/test_log_position.py",)
MARK = ("tests/agents/test_log_mark.py",)
RANKER = ("tests/agents/training/test_ranker.py",)
RESTORE, RESTORE_FILE = ("tests/agents/test_restore.py",), "agents/delivery/restore.py"
DELTAS = ("tests/tables/test_delta_records.py",)
PLACE_FILE = "streams/kafka/log_position.py"
SINK_FILE = "streams/sinks/log_marks.py"
SINK = (
    "tests/streams/sinks/test_log_marks.py::test_where_a_position_of_another_log_goes_on",
    "tests/streams/sinks/test_log_marks.py::test_a_committed_position_says_which_log_it_is_in",
)
RULES, RULES_FILE = ("tests/agents/test_topic_rules.py",), "agents/delivery/topic_rules.py"

LOGS = [
    Mutant(
        "a topic that was made again read on",
        PLACE_FILE,
        "log_mismatch",
        "topic_id and topic_id != now.topic_id",
        "False and topic_id != now.topic_id",
        PLACE,
    ),
    Mutant(
        "a log that was cut off read on",
        PLACE_FILE,
        "log_mismatch",
        "offset <= now.epoch_end",
        "offset <= now.end",
        PLACE,
    ),
    Mutant("a position behind the end read on", PLACE_FILE, "log_mismatch", "offset > now.end", "False", PLACE),
    Mutant(
        "a claim that says of no log",
        "agents/delivery/table.py",
        "ChangelogTable._position",
        "Outgoing(self.topic, self.partition, POSITION_KEY, position, self.mark.headers())",
        "Outgoing(self.topic, self.partition, POSITION_KEY, position)",
        MARK,
    ),
    Mutant("rows of others believed", RESTORE_FILE, "_why_unusable", "table.rules.check(key, value)", "()", RESTORE),
    Mutant(
        "what was put right not written",
        RESTORE_FILE,
        "_look_back",
        "table.mended.append((key, value))",
        "pass",
        RESTORE,
    ),
    Mutant(
        "segments of nobody kept",
        RESTORE_FILE,
        "_put_right",
        "_drop(table, table.rules.ownerless(table.rows))",
        "pass",
        RESTORE,
    ),
    Mutant(
        "a position of nobody's believed",
        "agents/delivery/table.py",
        "ChangelogTable.load",
        "mark == UNKNOWN != self.mark",
        "False",
        ("tests/agents/test_table.py",),
    ),
    Mutant(
        "the ranker's position waits for a round",
        "agents/training/ranker.py",
        "RankerStep.effects",
        "self._changed or force or self._dead or now_s - self._committed_s >= COMMIT_S",
        "self._changed or force or self._dead",
        RANKER,
    ),
    Mutant(
        "a round begun anew by every owner",
        "agents/training/ranker.py",
        "RankerStep.reset",
        "self._learner.resume(so_far)",
        "pass",
        RANKER,
    ),
    Mutant(
        "records larger than brokers take", "tables/delta_records.py", "records_of", "len(signals) < 2", "True", DELTAS
    ),
    Mutant("a sink goes by offsets alone", SINK_FILE, "LogMarks.positions", "found is not None", "False", SINK),
    Mutant(
        "a sink's positions are of no log",
        SINK_FILE,
        "LogMarks.marked",
        'f"{self._begun[tp.topic].topic_id} {self._epochs.at(tp, offset - 1)}"',
        '""',
        SINK,
    ),
    Mutant(
        "a list that is none ends a sink",
        "streams/sinks/attribution.py",
        "AttributionLists.attribution",
        "ValueError",
        "KeyError",
        ("tests/fuzz/test_sinks.py",),
    ),
    Mutant(
        "any number of partitions will do", RULES_FILE, "wrong_partitions", "found == spec.partitions", "True", RULES
    ),
]
