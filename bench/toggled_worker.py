"""A whole worker that switches what is measured off and on while it works: the child of `metrics_cost.py`.

In each round every arm has one slice, in random order. A slice begins with its name on standard output, so that the
parent can scrape in that slice, and ends with a line of JSON: CPU of the process, all threads, and events folded.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from agents import worker
from agents.interactions import InteractionsStep
from agents.lists.list_keeper import ListKeeper
from agents.traced_interactions import TracedLists, TracedStep
from streams.metrics import Distribution

OFF, COUNTED, SCRAPED, TRACED = "off", "counted", "scraped", "traced"
ARMS = (OFF, COUNTED, SCRAPED, TRACED)
#: A slice is so many events, since a busy machine gives few in a time; or so long, where none come.
SLICE_EVENTS, SLICE_AT_MOST_S, LOOK_S = 400, 5.0, 0.02
#: What is switched: the class, what it is without (of counting: nothing), and the methods.
_COUNTING = (Distribution, ("observe", "observe_all"))
_TRACING = (
    (TracedStep, InteractionsStep, ("fold", "_reject")),
    (TracedLists, ListKeeper, ("_write_some", "_make", "_note_written")),
)


def _nothing(*_: object) -> None:
    """In the place of counting."""


class Switches:
    """What is on."""

    def __init__(self) -> None:
        owner, names = _COUNTING
        self._counting = [(owner, name, getattr(owner, name), _nothing) for name in names]
        self._tracing = [
            (traced, name, getattr(traced, name), getattr(plain, name))
            for traced, plain, names in _TRACING
            for name in names
        ]

    def set(self, arm: str) -> None:
        """Counting is on but in OFF, tracing is on in TRACED."""
        self._switch(self._counting, on=arm != OFF)
        self._switch(self._tracing, on=arm == TRACED)

    @staticmethod
    def _switch(parts: list[tuple[type, str, Callable[..., Any], Callable[..., Any]]], *, on: bool) -> None:
        for owner, name, with_it, without in parts:
            setattr(owner, name, with_it if on else without)


class ToggledWorker(worker.Worker):
    """The worker with one background loop more."""

    def _loops(self, *parts: Any) -> dict[str, Any]:
        return {**super()._loops(*parts), "slices": self._slices}

    async def _slices(self) -> None:
        switches, chance = Switches(), random.Random(7)
        while True:
            for arm in chance.sample(ARMS, len(ARMS)):
                switches.set(arm)
                print(arm, flush=True)
                cpu_s, folded, end_s = time.process_time(), self._tally.folded, time.monotonic() + SLICE_AT_MOST_S
                while self._tally.folded < folded + SLICE_EVENTS and time.monotonic() < end_s:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
                took = {"cpu_s": time.process_time() - cpu_s, "folded": self._tally.folded - folded}
                print(json.dumps({"arm": arm, **took}), flush=True)


if __name__ == "__main__":
    worker.Worker = ToggledWorker  # type: ignore[misc]  # what `run_worker` makes
    sys.argv = ["freshet", "worker"]
    from ops.cli import main

    main()
