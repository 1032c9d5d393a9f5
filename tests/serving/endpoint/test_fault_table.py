"""The table of faults, in its short form: a server under load while each thing around it breaks."""

from __future__ import annotations

import json
import subprocess
import sys

from .conftest import REPOSITORY

FAULTS = {
    "kafka gone (in every row)",
    "redis SIGSTOP",
    "redis kill -9",
    "redis restart",
    "redis wiped",
    "redis slow by 100 ms",
    "endpoint worker kill -9",
}


def test_no_fault_costs_an_answer() -> None:
    command = [sys.executable, "bench/endpoint_faults.py", "--rate", "300", "--seconds", "1", "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row["fault"]: row for row in json.loads(done.stdout.splitlines()[-1])["rows"]}
    assert set(rows) == FAULTS
    for name, row in rows.items():
        assert (row["not_200"], row["foreign"]) == (0, 0), row
        assert row["broken_connections"] == 0 or name == "endpoint worker kill -9", row
        assert row["answers"] > 300, row
    for name in ("redis SIGSTOP", "redis kill -9", "redis wiped", "redis slow by 100 ms"):
        assert rows[name]["fallbacks"] > 0, f"{name} was never felt"
