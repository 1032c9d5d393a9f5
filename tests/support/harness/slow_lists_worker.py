"""`freshet worker` in which each list takes five milliseconds of the processor more. Run as a process of its own."""

import sys
import time
from typing import Any

from agents.lists.list_maker import ListMaker
from ops.cli import main

MORE_S = 0.005


def make_lists_slow() -> None:
    """Patches the class."""
    make = ListMaker.values_of

    def slowly(self: ListMaker, asked: Any, *given: Any) -> Any:
        end_s = time.thread_time() + MORE_S * len(asked)
        while time.thread_time() < end_s:
            pass
        return make(self, asked, *given)

    ListMaker.values_of = slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    make_lists_slow()
    sys.argv = ["freshet", "worker"]
    main()
