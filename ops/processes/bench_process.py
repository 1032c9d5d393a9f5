"""The process of a bench: its script, run so that nothing it started is left behind when it is interrupted or killed.

    python -m ops.processes.bench_process SCRIPT ARGUMENT...

The script is `__main__` and sees its own arguments, as if it had been started directly.
"""

import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ops.exit_codes import ExitCode
from ops.processes.kept_together import KeptTogether


def main() -> None:
    """Runs the script of the first argument."""
    script = sys.argv[1]
    together = KeptTogether()

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        for later in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(later, signal.SIG_IGN)  # everything is being undone already
        together.ask_to_end()  # a bench may be waiting for one of them in a thread that nothing else ends
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, interrupt)
    sys.argv = sys.argv[1:]
    # As Python does it: benches import what lies beside them; and what the tests have to run and check a cluster.
    tests = Path(script).parent.parent / "tests"
    sys.path[:1] = [str(Path(script).parent), str(tests / "support"), str(tests / "chaos")]
    try:
        runpy.run_path(script, run_name="__main__")
    except KeyboardInterrupt:
        sys.stderr.write("freshet: interrupted; what was started has ended\n")
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
