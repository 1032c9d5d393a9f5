"""What can go wrong with processes that others depend on; the message says what to look at."""

from ops.exit_codes import CommandFailed


class ProcessFailed(CommandFailed):
    """A process ended too often, or did not become what was waited for: exit code 1."""
