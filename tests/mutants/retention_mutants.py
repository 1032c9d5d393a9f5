"""Deliberate breakages of archives and snapshots."""

from breakage import Breakage

LAWS = ("tests/laws/test_retention.py",)
CUT = ("tests/ops/operator/test_cut.py",)
FEED = ("tests/agents/retention/test_archive_feed.py",)
FILES = ("tests/agents/retention/test_archive_files.py",)
ARCHIVE = ("tests/ops/operator/test_archive.py",)
SNAPSHOTS = ("tests/ops/operator/test_snapshot_store.py",)
MANIFEST = ("tests/offline/snapshots/test_manifest.py",)

CUT_FILE = "ops/operator/cut.py"
FEED_FILE = "agents/retention/archive_feed.py"
BLANKING = "agents/retention/blanking.py"
MANIFEST_FILE = "offline/snapshots/manifest.py"

RETENTION = [
    Breakage("rows of half a transaction in a snapshot", CUT_FILE, "if record.key == POSITION_KEY:", "if True:", CUT),
    Breakage(
        "deltas of later transactions in a snapshot", CUT_FILE, "if position <= positions[partition]:", "if True:", CUT
    ),
    Breakage("archived records given twice", FEED_FILE, "if position <= found.record.offset < end", "if True", FEED),
    Breakage("a gap between archive and log overlooked", FEED_FILE, "if log_begin > end:", "if not end:", FEED),
    Breakage(
        "a damaged archive file read",
        "agents/retention/archive_store.py",
        "if found != file.sha256:",
        "if not found:",
        FEED,
    ),
    Breakage(
        "a missing archive file skipped",
        "agents/retention/archive_files.py",
        "elif file.first > end:",
        "elif file.first < 0:",
        FILES,
    ),
    Breakage(
        "the day that goes on loses its beginning",
        "ops/operator/archive.py",
        "            self._first = former.first\n",
        "",
        ARCHIVE,
    ),
    Breakage(
        "a log that forgot too much archived all the same",
        "ops/operator/archive.py",
        "if log_begin > files.end:",
        "if log_begin > log_end:",
        ARCHIVE,
    ),
    Breakage(
        "events after an erasure blanked",
        BLANKING,
        "if record.offset < end else None",
        "if end else None",
        LAWS,
    ),
    Breakage("the time of an erased event lost", BLANKING, "event.timestamp_ms) if", "None) if", LAWS),
    Breakage(
        "a restored erasure done again",
        "ops/operator/forgetting.py",
        "    plane.note_erasures(erasures.next_position)\n",
        "",
        LAWS,
    ),
    Breakage(
        "erased users kept in snapshots",
        "ops/operator/snapshot_erasure.py",
        'if entry.kind != "users" or not mine.ends:',
        'if entry.kind != "users" or mine.ends:',
        SNAPSHOTS,
    ),
    Breakage(
        "another secret taken for nobody",
        "ops/operator/snapshot_erasure.py",
        "if named != own:",
        "if not named:",
        SNAPSHOTS,
    ),
    Breakage(
        "a damaged manifest read",
        MANIFEST_FILE,
        "!= sealed.sha256:",
        '== "":',
        MANIFEST,
    ),
    Breakage(
        "a gap behind a snapshot overlooked",
        MANIFEST_FILE,
        "if offset < begins[partition]:",
        "if offset + 1 < begins[partition]:",
        MANIFEST,
    ),
    Breakage(
        "rows of another secret taken",
        MANIFEST_FILE,
        "if fatal or (differences and not inexact):",
        "if differences and not inexact:",
        MANIFEST,
    ),
]
