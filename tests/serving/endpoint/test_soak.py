"""100,000 answers while Redis stops again and again: each 200, each the asker's own, memory flat (the short form)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness import patience

REPOSITORY = Path(__file__).parents[3]


def test_nobody_gets_somebody_elses_list() -> None:
    command = [sys.executable, "bench/endpoint_soak.py", "--answers", "100000", "--seconds", "60"]
    done = patience.run(command, cwd=REPOSITORY, limit_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["fallbacks"] > 0, "the stops of Redis were never felt"
    assert figures["personal"] > figures["fallbacks"]
