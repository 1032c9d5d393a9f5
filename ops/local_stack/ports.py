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


def free_port(consecutive: int = 1) -> int:
    """A port that nobody listens on, the first of so many `consecutive` ones. Raises `OSError` when there is none."""
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, _HIGHEST)
        if all(_can_be_bound(port + more) for more in range(consecutive)):
            return port
    raise OSError(f"no {consecutive} free ports between {_LOWEST} and {_HIGHEST} on {LOOPBACK}")


def _can_be_bound(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
