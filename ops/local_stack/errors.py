"""What can go wrong with the local servers; the message always says what to do or where to look."""


class StackError(Exception):
    """A local server could not be started, stopped or reached."""
