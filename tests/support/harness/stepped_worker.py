"""`freshet worker` whose wall clock jumps by an hour: SIGUSR1 ahead, SIGUSR2 back. Run as a process of its own."""

from stepped_clock import SteppedClock

SteppedClock().install()  # before anybody takes the clock by name

# ruff: noqa: E402
import sys

from ops.cli import main

if __name__ == "__main__":
    sys.argv = ["freshet", "worker"]
    main()
