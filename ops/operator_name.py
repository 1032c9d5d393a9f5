"""Who gives a command, as far as this machine knows."""

import getpass
import os
import socket


def operator_name() -> str:
    """user@host; the number of a user who has no name, as in containers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
