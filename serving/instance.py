"""What a process calls itself among the workers of its version: the same until it ends, and nobody else's.

Not its process id: containers count theirs from 1, each for itself.
"""

import re
import secrets
import socket

_MAX_NAME = 60


def new_instance(name: str = "") -> str:
    """A name for this start of a process; `name` or the host's says where it runs. Fit for a file and for a Redis key.

    >>> new_instance("shop/7").startswith("shop-7.")
    True
    >>> new_instance() == new_instance()
    False
    """
    where = re.sub(r"[^A-Za-z0-9_-]", "-", name or socket.gethostname())[:_MAX_NAME]
    return f"{where}.{secrets.token_hex(6)}"
