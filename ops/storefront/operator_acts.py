"""What the operators' panel does: the commands that operators type, and one kill."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ops.configuration.settings import Settings
from ops.processes.child_settings import environment_of
from ops.processes.supervisor import ProcessSupervisor

CANDIDATE = "v2"
_FRESHET = (sys.executable, "-m", "ops.cli")


class OperatorActs:
    """Acts by name; each returns what to show."""

    def __init__(self, settings: Settings, supervisor: ProcessSupervisor, folder: Path) -> None:
        self._settings, self._supervisor, self._folder = settings, supervisor, folder
        self._has_candidate = False
        self.all = {
            "kill-worker": self._kill_worker,
            "candidate": self._candidate,
            "promote": lambda: self._command("promote", CANDIDATE),
            "promote-anyway": lambda: self._command("promote", CANDIDATE, "--force"),
            "rollback": lambda: self._command("rollback"),
        }

    async def _kill_worker(self) -> str:
        return f"kill -9 {self._supervisor.kill('worker-1')} (worker-1)"

    async def _candidate(self) -> str:
        if self._has_candidate:
            return f"{CANDIDATE} is there already"
        self._has_candidate = True
        own = self._settings.model_copy(
            update={
                "model_version": CANDIDATE,
                "state_dir": self._folder / "candidate",
                "worker_instance_id": "",
                "metrics_port": 0,
            }
        )
        log = self._folder / "candidate-worker.log"
        self._supervisor.start("candidate-worker", [*_FRESHET, "worker"], environment_of(own), log)
        return f"a worker of {CANDIDATE} reads the log from its beginning"

    async def _command(self, *words: str) -> str:
        """Runs it as an operator would; everything that it says."""
        process = await asyncio.create_subprocess_exec(
            *_FRESHET,
            *words,
            env=environment_of(self._settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        return f"freshet {' '.join(words)} (exit code {process.returncode})\n{said.decode(errors='replace').strip()}"
