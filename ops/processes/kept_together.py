"""Everything that this process starts from now on ends with it, servers included, whatever ends it.

For commands whose servers are theirs alone (`freshet bench`) or go with them (`freshet demo`); never for `freshet up`,
whose servers are meant to stay.
"""

import os
import secrets
import signal

from ops.local_stack import process
from ops.processes.guardian import MARK, Guardian, marked, signal_all


class KeptTogether:
    """Begins with being made. A kill is answered by a guardian, a process of its own, with kills."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(8)
        self._guardian = Guardian(self._mark)
        os.environ[MARK] = self._mark  # what is started inherits it
        process.guard_started(self._guardian)

    def ask_to_end(self) -> None:
        """Asks everything that was started to end, and does not wait: whoever waits for one of them goes on."""
        signal_all(marked(self._mark), signal.SIGTERM)
