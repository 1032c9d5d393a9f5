"""Loopback ports: is somebody there, and which one is free."""

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range that Linux and macOS hand out to outgoing connections, so that a port stays free until a slow
# starter such as a JVM binds it.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES = 200
_CONNECT_TIMEOUT_S = 1.0


def accepts_connections(port: int, host: str = LOOPBACK) -> bool:
    """Whether anything listens on `host:port`; says nothing about what it is."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on. Raises `OSError` when none is found."""
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, _HIGHEST)
        with socket.socket() as candidate:
            try:
                candidate.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST} on {LOOPBACK}")
