"""The invariants notice when what they guard is broken: every mutant fits the code, and the core ones are tried."""

import os
import subprocess
import sys
from pathlib import Path

from mutate import mismatch
from state_mutants import MUTANTS


def test_every_mutant_finds_its_place_once_and_its_tests_and_compiles() -> None:
    assert [problem for problem in map(mismatch, MUTANTS) if problem] == []


def test_every_mutant_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert sorted(set(names)) == sorted(names)


def test_core_mutants_are_noticed() -> None:
    here = Path(__file__)
    environment = {**os.environ, "PYTHONPATH": str(here.parents[1] / "support")}
    command = [sys.executable, str(here.with_name("mutate.py")), "--core"]
    tried = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
