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
    Mutant("rows of half a transaction in a snapshot", CUT_FILE, "if record.key == POSITION_KEY:", "if True:", CUT),
    Mutant(
        "deltas of later transactions in a snapshot", CUT_FILE, "if position <= positions[partition]:", "if True:", CUT
    ),
    Mutant("archived records given twice", FEED_FILE, "if position <= found.record.offset < end", "if True", FEED),
    Mutant("a gap between archive and log overlooked", FEED_FILE, "if log_begin > end:", "if not end:", FEED),
    Mutant(
        "a damaged archive file read",
        "agents/retention/archive_store.py",
        "if found != file.sha256:",
        "if not found:",
        FEED,
    ),
    Mutant(
        "a missing archive file skipped",
        "agents/retention/archive_files.py",
        "elif file.first > end:",
        "elif file.first < 0:",
        FILES,
    ),
    Mutant(
        "the day that goes on loses its beginning",
        "ops/operator/archive/write.py",
        "            self._first = former.first\n",
        "",
        ARCHIVE,
    ),
    Mutant(
        "a log that forgot too much archived all the same",
        "ops/operator/archive/write.py",
        "if log_begin > files.end:",
        "if log_begin > log_end:",
        ARCHIVE,
    ),
    Mutant(
        "events after an erasure blanked",
        BLANKING,
        "if record.offset < end else None",
        "if end else None",
        LAWS,
    ),
    Mutant("the time of an erased event lost", BLANKING, "event.timestamp_ms) if", "None) if", LAWS),
    Mutant(
        "a restored erasure done again",
        "ops/operator/erasure/forgetting.py",
        "    plane.note_erasures(erasures.next_position)\n",
        "",
        LAWS,
    ),
    Mutant(
        "erased users kept in snapshots",
        "ops/operator/snapshots/erasure.py",
        'if entry.kind != "users" or not mine.ends:',
        'if entry.kind != "users" or mine.ends:',
        SNAPSHOTS,
    ),
    Mutant(
        "another secret taken for nobody",
        "ops/operator/snapshots/erasure.py",
        "if named != own:",
        "if not named:",
        SNAPSHOTS,
    ),
    Mutant(
        "a damaged manifest read",
        MANIFEST_FILE,
        "!= sealed.sha256:",
        '== "":',
        MANIFEST,
    ),
    Mutant(
        "a gap behind a snapshot overlooked",
        MANIFEST_FILE,
        "if offset < begins[partition]:",
        "if offset + 1 < begins[partition]:",
        MANIFEST,
    ),
    Mutant(
        "rows of another secret taken",
        MANIFEST_FILE,
        "if fatal or (differences and not inexact):",
        "if differences and not inexact:",
        MANIFEST,
    ),
]
