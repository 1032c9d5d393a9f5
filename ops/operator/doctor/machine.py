"""What this machine has for a process: a state folder that it may write, with room."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ops.configuration.settings import Settings, variable
from ops.operator.doctor.disk import disk_finding
from ops.operator.doctor.finding import HealthFinding

ABOUT = "state folder"


def machine_findings(settings: Settings) -> Iterator[HealthFinding]:
    """Makes a file in the state folder, or where it would be made, and removes it again."""
    folder = settings.state_dir
    setting = f"{variable('state_dir')}={folder}"
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    refusal = _refusal(there)
    if refusal:
        who = f"the user of this process (uid {os.getuid()})"
        yield HealthFinding(ABOUT, "wrong", f"{setting}: {refusal}", f"let {who} write {there}")
        return
    made = "" if there == folder else f", once it is made in {there}"
    yield HealthFinding(ABOUT, "good", f"{setting} can be written{made}")
    usage = shutil.disk_usage(there)
    advice = f"make room, or move it by {variable('state_dir')}: workers with rocksdb and fetched archives need it"
    yield disk_finding(ABOUT, str(folder), usage.free, usage.total, advice)


def _refusal(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"written by freshet doctor")
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""
