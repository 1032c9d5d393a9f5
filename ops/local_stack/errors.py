"""What can go wrong with the local servers; the message always says what to do or where to look."""

from ops.exit_codes import CommandFailed, ExitCode


class StackError(CommandFailed):
    """A local server could not be started, stopped or reached."""

    code = ExitCode.UNREACHABLE
