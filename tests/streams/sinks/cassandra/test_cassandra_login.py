"""A real Cassandra that asks for a password and speaks TLS only."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.certificates import Certificates, new_authority
from harness.cluster import StackConfig
from harness.commands import Done, run_freshet
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess

from ops.exit_codes import ExitCode
from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack

#: Whom a new server knows.
USER = PASSWORD = "cassandra"
WRONG, STORE_PASSWORD = "gu3ss", "of-the-key-store"


class GuardedCassandra(CassandraServer):
    """Takes users with a password over TLS."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        super().__init__(folder, free_port())
        self._certificates = certificates

    def prepare(self) -> list[str]:
        command = super().prepare()
        config = self.folder / "cassandra.yaml"
        encrypted = {
            "enabled": True,
            "optional": False,
            "keystore": str(self._certificates.key_store(STORE_PASSWORD)),
            "keystore_password": STORE_PASSWORD,
            "store_type": "PKCS12",
        }
        settings = json.loads(config.read_text()) | {
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "role_manager": "CassandraRoleManager",
            "client_encryption_options": encrypted,
        }
        config.write_text(json.dumps(settings))
        return command

    def environment(self, authority: Path, password: str, scheme: str = "cassandras") -> dict[str, str]:
        options = f"?ca_certs={authority}" if scheme == "cassandras" else ""
        url = f"{scheme}://{USER}@127.0.0.1:{self.port}/guarded{options}"
        return {"FRESHET_CASSANDRA_URL": url, "FRESHET_CASSANDRA_PASSWORD": password}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[GuardedCassandra]:
    server = GuardedCassandra(tmp_path_factory.mktemp("cassandra"), new_authority(authority))
    server.start()
    yield server
    server.kill()
    server.wipe()


def applied(environment: dict[str, str]) -> Done:
    return run_freshet("schema", "apply", "cassandra", environment=environment)


async def test_who_logs_in_writes_and_who_does_not_is_told_why(
    stack: LocalStack, namespace: str, guarded: GuardedCassandra, authority: Path, tmp_path: Path
) -> None:
    trusted = authority / "ca.pem"

    async def makes_tables() -> bool:  # a new server makes its first user a moment after it takes connections
        done = applied(guarded.environment(trusted, PASSWORD))
        assert done.returncode in (0, ExitCode.UNREACHABLE), done.stderr
        return done.returncode == 0

    await eventually("who knows the password makes the tables", makes_tables)
    other = new_authority(tmp_path / "other").authority
    for environment, why in (
        (guarded.environment(trusted, WRONG), "refuses the user name or password"),
        (guarded.environment(other, PASSWORD), "the certificate is not one of the authority that is trusted"),
        (guarded.environment(trusted, PASSWORD, "cassandra"), "perhaps TLS is expected there"),
    ):
        done = applied(environment)
        said = done.stdout + done.stderr
        assert done.returncode == ExitCode.UNREACHABLE, said
        assert len(said.strip().splitlines()) == 1, said
        assert why in said
        assert WRONG not in said
    config = run_freshet("config", environment=guarded.environment(trusted, WRONG))
    assert WRONG not in config.stdout + config.stderr
    assert f"{USER}@" not in config.stdout + config.stderr

    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    environment = place.environment("v1") | guarded.environment(trusted, WRONG) | {"FRESHET_LOG_LEVEL": "DEBUG"}
    sink = WorkerProcess("sink", [str(FRESHET), "sink", "cassandra"], environment, tmp_path)

    async def has_said() -> bool:
        return sink.log_text.count("refuses the user name or password") >= 2

    await eventually("the sink says why and tries again", has_said)
    await sink.terminate()
    assert WRONG not in sink.log_text
