"""Commands of `freshet` that a test runs to their end, each in a process of its own."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.forked import fork_server
from harness.patience import end_of
from harness.processes import FRESHET

LIMIT_S = 180

Done = subprocess.CompletedProcess[str]


def run_freshet(
    *arguments: str,
    environment: Mapping[str, str],
    folder: Path | None = None,
    stdin: str = "",
    limit_s: float = LIMIT_S,
) -> Done:
    """What `freshet ARGUMENTS` printed and how it ended, in `folder` (None = ours) and with `environment` beside our
    own. Raises subprocess.TimeoutExpired when patience is over, and then it is killed."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        given.write(stdin.encode())
        given.seek(0)
        process = fork_server().start(
            [str(FRESHET), *arguments],
            env={**os.environ, **environment},
            cwd=folder or Path.cwd(),
            stdin=given,
            output=output,
            errors=errors,
        )
        try:
            code = end_of(process, limit_s)
        finally:
            process.kill()
        said = []
        for stream in (output, errors):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(process.args, code, *said)


async def freshet(*arguments: str, environment: Mapping[str, str], folder: Path | None = None) -> Done:
    """The same; whatever else the test runs goes on meanwhile."""
    return await asyncio.to_thread(run_freshet, *arguments, environment=environment, folder=folder)
