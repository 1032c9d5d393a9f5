"""The last exit works when nothing else does."""

import subprocess
import sys
from pathlib import Path

from agents.delivery.process_exit import EXIT_UNEXPECTED

DIE = "from agents.delivery.process_exit import die; die('the fold', ValueError('unexpected'))"
GO_ON = "; print('still here')"


def test_it_says_why_and_ends() -> None:
    done = subprocess.run([sys.executable, "-c", DIE + GO_ON], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_UNEXPECTED
    assert "the fold: unexpected" in done.stderr
    assert "ValueError" in done.stderr
    assert not done.stdout


def test_it_ends_with_its_code_though_the_disk_under_its_log_is_full() -> None:
    with Path("/dev/full").open("w") as full:
        swallowed = f"try: {DIE}\nexcept Exception: pass\nimport os; os._exit(0)"
        code = subprocess.run([sys.executable, "-c", swallowed], stdout=full, stderr=full, check=False).returncode
    assert code == EXIT_UNEXPECTED
