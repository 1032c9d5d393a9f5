"""The laws notice when what they guard is broken: every breakage fits the code, and the core ones are tried."""

import subprocess
import sys
from pathlib import Path

from breakages import BREAKAGES
from mutate import misfit


def test_every_breakage_still_fits_the_code() -> None:
    assert [problem for problem in map(misfit, BREAKAGES) if problem] == []


def test_core_breakages_are_noticed() -> None:
    command = [sys.executable, str(Path(__file__).with_name("mutate.py")), "--core"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
