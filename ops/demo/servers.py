"""Kafka and Redis for one run: what answers is used, what is missing is started, and only that is stopped again."""

from ops.configuration.settings import Settings
from ops.local_stack.configured import ConfiguredServers
from ops.local_stack.server import Started
from ops.local_stack.stack import Timings


class DemoServers:
    """Remembers which servers were ours and running before, so that an interrupted start is undone too."""

    def __init__(self, settings: Settings) -> None:
        self._servers = ConfiguredServers(settings)
        self._pids_before = self._pids()

    @property
    def addresses(self) -> dict[str, str]:
        """Address by server name, fit to be shown."""
        return self._servers.addresses

    def up(self) -> tuple[dict[str, Started], Timings]:
        """Makes sure that both answer. Raises `StackError`."""
        return self._servers.up(), self._servers.timings

    def stop_own(self) -> None:
        """Stops what was started since this object was made."""
        self._servers.stop(name for name, pid in self._pids().items() if pid not in (None, self._pids_before[name]))

    def _pids(self) -> dict[str, int | None]:
        return {status.name: status.pid for status in self._servers.status()}
