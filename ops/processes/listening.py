"""Where a process listens: a host's name as an address, and an address that nobody has yet."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from ops.configuration.settings import variable
from ops.exit_codes import CommandFailed, ExitCode

_HOST, _PORT = variable("endpoint_host"), variable("endpoint_port")


class CannotListen(CommandFailed):
    """The settings name no address of this machine, or one that is taken."""

    code = ExitCode.USAGE


def address_of(host: str, setting: str = _HOST) -> str:
    """The IP address of a host, IPv4 when it has both. Raises `CannotListen`, which names the setting, if it has none.

    >>> address_of("127.0.0.1"), address_of("::1"), address_of("[::1]")
    ('127.0.0.1', '::1', '::1')
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as problem:  # a name may be no name at all
        reason = getattr(problem, "strerror", None) or str(problem)
        raise CannotListen(f"{setting}={host} is no address and no name of a host: {reason}") from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


@contextmanager
def sole_listener(address: str, port: int, host: str = _HOST, of_port: str = _PORT) -> Iterator[None]:
    """Nobody else listens at the address, and no other endpoint of this machine will while this is open. Raises
    `CannotListen`, which names the settings `host` and `of_port`.

    Processes of one endpoint share its port (SO_REUSEPORT), and the kernel would let a second endpoint of anybody join
    them: readers would then be sent to either at random. So the port is bound once without sharing, which fails beside
    a listener of any kind; and a name of the address is held, for two that start at the same moment.
    """
    with _held_name(address, port, host, of_port):
        _bind_alone(address, port, host, of_port)
        yield


@contextmanager
def _held_name(address: str, port: int, host: str, of_port: str) -> Iterator[None]:
    """An abstract socket: the kernel takes the name back when the process ends, however it does."""
    with socket.socket(socket.AF_UNIX) as name:
        try:
            name.bind(f"\0freshet-endpoint-{address}:{port}")
        except OSError as problem:
            raise refusal(address, port, problem, host, of_port) from None
        yield


def _bind_alone(address: str, port: int, host: str, of_port: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that ended lately are no listeners
        try:
            alone.bind((address, port))
        except OSError as problem:
            raise refusal(address, port, problem, host, of_port) from None


def refusal(address: str, port: int, problem: OSError, host: str = _HOST, of_port: str = _PORT) -> CannotListen:
    """Why nobody can listen there, in the words of the settings for the host and the port."""
    if problem.errno == errno.EADDRINUSE:
        return CannotListen(f"{of_port}={port} is taken: another process listens at {address}:{port}")
    if problem.errno == errno.EACCES:
        return CannotListen(f"{of_port}={port} may not be used by this user (uid {os.getuid()})")
    return CannotListen(f"{host}={address} is no address of this machine: {problem.strerror}")
