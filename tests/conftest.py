"""One real Kafka and Valkey for each process that tests, and a namespace of its own for every test that wants one."""

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import redis
from harness.java import use_cheap_java
from harness.secured_kafka import SecuredKafka, secured_kafka
from hypothesis import HealthCheck, Phase, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ops.local_stack.stack import LocalStack
from streams.kafka.topics_admin import delete_namespace

# How long an example takes says how busy the machine is, nothing about the code.
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")
# For tests/mutants: that an invariant fails is all they ask for, not the smallest failure.
settings.register_profile("no_shrinking", phases=[Phase.explicit, Phase.generate], database=None, derandomize=True)
if os.environ.get("FRESHET_NO_SHRINKING"):
    settings.load_profile("no_shrinking")


def pytest_configure() -> None:
    """A terminated run ends like an interrupted one, so that no server is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


class FilesApart(LoadScopeScheduling):
    """A process takes a file at a time. Files that share a log are one to it: whoever has them keeps the log."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "shared log" if _is_marked(self.config.rootpath / file, "shared_log") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesApart:
    """How tests are divided among processes, where there are several."""
    return FilesApart(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes test, what mostly waits for servers comes first, beside each other, then what computes:
    of both files with few tests first, each of which may be long, so that there is something small for whoever is the
    first to be done. With --no-loadscope-reorder they are given out in this order."""
    tests = Counter(item.path for item in items)

    def turn(item: pytest.Item) -> tuple[bool, bool, int]:
        shares, waits = (_is_marked(item.path, name) for name in ("shared_log", "stack"))
        return not shares, not waits, 0 if shares else tests[item.path]

    if hasattr(config, "workerinput"):
        items.sort(key=turn)


@cache
def _is_marked(file: Path, name: str) -> bool:
    """Whether something in the file is marked so."""
    return f"pytest.mark.{name}" in file.read_text()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Kafka and Valkey: our own on free ports, or the ones that FRESHET_TEST_KAFKA and FRESHET_TEST_REDIS
    (`127.0.0.1:port`) name. A test that stops servers takes `own_stack`."""
    servers = _named_stack(tmp_path_factory.mktemp("stack"))
    servers.start()
    yield servers
    _end(servers)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A Kafka that lets in only whom it knows; `admin` may do everything."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as server:
        yield server


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[LocalStack]:
    """A stack that is not started yet and that the test may stop, kill and wipe."""
    use_cheap_java()
    servers = LocalStack.on_free_ports(tmp_path / "state")
    yield servers
    _end(servers)


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace that nobody else uses; its topics, groups and keys are removed when the test used the stack."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    if "stack" in request.fixturenames:
        servers: LocalStack = request.getfixturevalue("stack")
        delete_namespace(servers.bootstrap, name)
        _delete_keys(servers.redis_url, f"{name}:*")


def _named_stack(state_dir: Path) -> LocalStack:
    kafka, valkey = (os.environ.get(name) for name in ("FRESHET_TEST_KAFKA", "FRESHET_TEST_REDIS"))
    if not kafka and not valkey:
        use_cheap_java()
        return LocalStack.on_free_ports(state_dir)
    if not kafka or not valkey:
        raise pytest.UsageError("set both FRESHET_TEST_KAFKA and FRESHET_TEST_REDIS (127.0.0.1:port), or neither")
    return LocalStack(state_dir, *(int(address.rpartition(":")[2]) for address in (kafka, valkey)))


def _end(servers: LocalStack) -> None:
    servers.stop()
    servers.wipe()


def _delete_keys(url: str, pattern: str) -> None:
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=pattern, count=1000):
            client.delete(key)
