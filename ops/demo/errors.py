"""What can go wrong in the demo beyond its servers; the message says what to look at."""

from ops.exit_codes import CommandFailed


class DemoError(CommandFailed):
    """The demo cannot go on, or its figures do not add up: exit code 1."""
