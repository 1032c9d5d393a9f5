"""Hurts real workers and real servers in every way that `faults/` knows, and checks that it changed nothing.

    python tests/chaos/run.py [--runs N] [--only FAULT ...] [--json]

Exit code 0: nothing lost, nothing doubled, every row as in an undisturbed run, no list behind its row. 1: otherwise;
the folder with all logs is named and kept.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from session import Session

from ops.processes.interrupts import Interrupts

BEGAN_S = time.monotonic()
FAULTS = (
    "kill_workers",
    "freeze_worker",
    "rebalance_storm",
    "kill_broker",
    "kill_redis",
    "hang_redis",
    "empty_redis",
    "cut_network",
    "slow_network",
    "fill_store",
    "step_producer_clock",
    "step_worker_clocks",
    "poison",
    "giants",
)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=1, help="how often each fault is done")
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=FAULTS, help="these faults and no others")
    parser.add_argument("--json", action="store_true", help="print nothing but the result")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # servers go away here all the time
    faults = [import_module(f"faults.{name}") for name in arguments.only]
    folder = Path(tempfile.mkdtemp(prefix="freshet-chaos-"))
    session = Session(folder, say=None if arguments.json else _say)
    with Interrupts() as interrupts:  # SIGTERM leaves no server behind
        interrupts.run(session.run(faults, arguments.runs))
    if session.report.passed:
        shutil.rmtree(folder)
    else:
        print(f"all logs are in {folder}", file=sys.stderr)
    print(session.report.json_line())
    return 0 if session.report.passed else 1


def _say(line: str) -> None:
    print(f"{time.monotonic() - BEGAN_S:6.1f} s  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
