"""What an exit code of `freshet` means, and the one way for a command to end with one."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Documented in `freshet --help`; scripts may rely on them."""

    OK = 0
    CHECK_FAILED = 1
    """The command ran, but what it checked is not as it should be."""
    USAGE = 2
    """Wrong arguments, a wrong setting, or data that is missing: nothing was done."""
    UNREACHABLE = 3
    """A server that is needed does not answer, does not start or refuses."""
    BUG = 70
    """Something unexpected; the traceback is on standard error, and nothing half-done was committed."""
    TAKEN_OVER = 71
    """Another worker took this one's partitions over; start it again."""
    TIMED_OUT = 72
    """Kafka gave up on a transaction that was open for too long; start it again."""
    LOG_CHANGED = 73
    """A worker's log is not the one that its rows are of, or lost what they need next. Starting it again changes
    nothing: docs/operations.md, "When the log is another one"."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandFailed(Exception):
    """Ends a command with `code` and a message for a person instead of a traceback. Subclasses name what is wrong."""

    code = ExitCode.CHECK_FAILED
