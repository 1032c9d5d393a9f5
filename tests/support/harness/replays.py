"""`freshet replay` commands of a test: started, read, killed and ended."""

import json
from typing import Any

from harness.cluster import StackConfig
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess


class Replays:
    """Those that one test started; `end` ends what is left of them."""

    def __init__(self, place: StackConfig) -> None:
        self._place = place
        self.started: list[WorkerProcess] = []

    def start(self, version: str, *options: str) -> WorkerProcess:
        """A command beside the live version v1."""
        command = [str(FRESHET), "replay", version, *options, "--json"]
        name = f"replay-{len(self.started)}"
        process = WorkerProcess(name, command, self._place.environment("v1"), self._place.folder)
        self.started.append(process)
        return process

    def end(self) -> None:
        """Ends all, and returns when they have ended."""
        for process in self.started:
            process.ask_to_end()
        for process in self.started:
            process.wait()


def all_said(process: WorkerProcess, event: str) -> list[dict[str, Any]]:
    """Every line about the event."""
    lines = [json.loads(line) for line in process.log_text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def said(process: WorkerProcess, event: str) -> dict[str, Any] | None:
    """The last line about the event."""
    return next(reversed(all_said(process, event)), None)


async def caught_up(process: WorkerProcess, timeout_s: float = 120) -> dict[str, Any]:
    """What it says when it is at the head."""

    async def found() -> dict[str, Any] | None:
        return said(process, "caught_up")

    async def printed() -> int:
        return len(process.log_text)

    return await eventually("the replay is at the head", found, timeout_s, printed)
