"""Deliberate mutants of archives and snapshots."""

from mutant import Mutant

LAWS = ("tests/invariants/test_retention.py",)
CUT = ("tests/ops/operator/snapshots/test_consistent_snapshot.py",)
FEED = ("tests/agents/retention/test_archive_feed.py",)
FILES = ("tests/agents/retention/test_archive_files.py",)
ARCHIVE = ("tests/ops/operator/archive/test_write.py",)
SNAPSHOTS = ("tests/ops/operator/snapshots/test_store.py",)
MANIFEST = ("tests/offline/snapshots/test_manifest.py",)

CUT_FILE = "ops/operator/snapshots/consistent_snapshot.py"
FEED_FILE = "agents/retention/archive_feed.py"
BLANKING = "agents/retention/blanking.py"
MANIFEST_FILE = "offline/snapshots/manifest.py"

RETENTION = [
    Mutant(
        "rows of half a transaction in a snapshot",
        CUT_FILE,
        "read_table.apply",
        "record.key == POSITION_KEY",
        "True",
        CUT,
    ),
    Mutant(
        "deltas of later transactions in a snapshot",
        CUT_FILE,
        "read_waiting.apply",
        "position <= positions[partition]",
        "True",
        CUT,
    ),
    Mutant(
        "archived records given twice",
        FEED_FILE,
        "ArchiveFeed._groups",
        "position <= found.record.offset < end",
        "True",
        FEED,
    ),
    Mutant(
        "a gap between archive and log overlooked",
        FEED_FILE,
        "ArchiveFeed.hand_over",
        "log_begin > end",
        "not end",
        FEED,
    ),
    Mutant(
        "a damaged archive file read",
        "agents/retention/archive_store.py",
        "ArchiveStore.fetch",
        "found != file.sha256",
        "not found",
        FEED,
    ),
    Mutant(
        "a missing archive file skipped",
        "agents/retention/archive_files.py",
        "_chain",
        "file.first > end",
        "file.first < 0",
        FILES,
    ),
    Mutant(
        "the day that goes on loses its beginning",
        "ops/operator/archive/write.py",
        "_Days._open",
        "self._first = former.first",
        "",
        ARCHIVE,
    ),
    Mutant(
        "a log that forgot too much archived all the same",
        "ops/operator/archive/write.py",
        "check_meets_log",
        "log_begin > files.end",
        "log_begin > log_end",
        ARCHIVE,
    ),
    Mutant("events after an erasure blanked", BLANKING, "blanked", "record.offset < end", "end", LAWS),
    Mutant("the time of an erased event lost", BLANKING, "blanked", "event.timestamp_ms", "None", LAWS),
    Mutant(
        "a restored erasure done again",
        "ops/operator/erasure/forgetting.py",
        "forgotten",
        "plane.note_erasures(erasures.next_position)",
        "",
        LAWS,
    ),
    Mutant(
        "erased users kept in snapshots",
        "ops/operator/snapshots/erasure.py",
        "SnapshotErasure._rewritten",
        "not mine.ends",
        "mine.ends",
        SNAPSHOTS,
    ),
    Mutant(
        "another secret taken for nobody",
        "ops/operator/snapshots/erasure.py",
        "SnapshotErasure.drop_from",
        "named != own",
        "not named",
        SNAPSHOTS,
    ),
    Mutant(
        "a damaged manifest read",
        MANIFEST_FILE,
        "unseal",
        "hashlib.sha256(body).hexdigest() != sealed.sha256",
        'hashlib.sha256(body).hexdigest() == ""',
        MANIFEST,
    ),
    Mutant(
        "a gap behind a snapshot overlooked",
        MANIFEST_FILE,
        "check_offsets",
        "offset < begins[partition]",
        "offset + 1 < begins[partition]",
        MANIFEST,
    ),
    Mutant(
        "rows of another secret taken",
        MANIFEST_FILE,
        "check_fingerprint",
        "fatal or (differences and not inexact)",
        "differences and not inexact",
        MANIFEST,
    ),
]
