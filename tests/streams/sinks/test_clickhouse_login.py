"""A real ClickHouse that takes users with a password over TLS only, or so that a password is needed."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from harness.certificates import Certificates, new_authority
from harness.cluster import StackConfig
from harness.commands import run_freshet
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess

from ops.exit_codes import ExitCode
from ops.local_stack.clickhouse_server import HOW_TO_INSTALL, ClickHouseServer, clickhouse_command
from ops.local_stack.ports import accepts_connections, free_port
from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack

USER, PASSWORD, WRONG = "analyst", "s3cret/of:ours", "gu3ss"


class GuardedClickHouse(ClickHouseServer):
    """Takes one user, with a password, on a port with TLS; the plain port is for nobody."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        super().__init__(folder, free_port())
        self.tls_port = free_port()
        self._certificates = certificates

    def answers(self) -> bool:
        return accepts_connections(self.tls_port)

    def prepare(self) -> list[str]:
        command = super().prepare()
        pem = self._certificates.server
        secured = f"""<tcp_port_secure>{self.tls_port}</tcp_port_secure>
  <openSSL><server>
    <certificateFile>{pem}</certificateFile><privateKeyFile>{pem}</privateKeyFile>
    <verificationMode>none</verificationMode><cacheSessions>true</cacheSessions>
  </server></openSSL>
</yandex>"""
        config, users = self.folder / "config.xml", self.folder / "users.xml"
        config.write_text(config.read_text().replace("</yandex>", secured))
        digest = sha256(PASSWORD.encode()).hexdigest()
        guarded = users.read_text().replace(
            "<password></password>", f"<password_sha256_hex>{digest}</password_sha256_hex>"
        )
        users.write_text(
            guarded.replace("<users>\n    <default>", f"<users>\n    <{USER}>").replace(
                "</quota>\n    </default>", f"</quota>\n    </{USER}>"
            )
        )
        return command

    def url(self, authority: Path, user: str = USER) -> str:
        return f"clickhouses://{user}@127.0.0.1:{self.tls_port}/freshet?ca_certs={authority}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return new_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, authority: Certificates) -> Iterator[GuardedClickHouse]:
    if clickhouse_command() is None:
        pytest.skip(HOW_TO_INSTALL)
    server = GuardedClickHouse(tmp_path_factory.mktemp("clickhouse"), authority)
    server.start()
    yield server
    server.stop()
    server.wipe()


def settings(url: str, password: str) -> dict[str, str]:
    return {"FRESHET_CLICKHOUSE_URL": url, "FRESHET_CLICKHOUSE_PASSWORD": password}


def test_who_knows_the_password_makes_the_tables(guarded: GuardedClickHouse, authority: Certificates) -> None:
    done = run_freshet(
        "schema", "apply", "clickhouse", environment=settings(guarded.url(authority.authority), PASSWORD)
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", ["password", "user", "authority", "no tls"])
def test_who_is_refused_is_told_so_in_one_sentence(
    guarded: GuardedClickHouse, authority: Certificates, tmp_path: Path, wrong: str
) -> None:
    other = new_authority(tmp_path / "other").authority if wrong == "authority" else authority.authority
    url = guarded.url(other, "nobody" if wrong == "user" else USER)
    if wrong == "no tls":
        url = f"clickhouse://{USER}@127.0.0.1:{guarded.tls_port}/freshet"
    done = run_freshet(
        "schema", "apply", "clickhouse", environment=settings(url, WRONG if wrong == "password" else PASSWORD)
    )
    assert done.returncode == ExitCode.UNREACHABLE
    said = done.stdout + done.stderr
    assert len(said.strip().splitlines()) == 1, said
    assert {
        "password": "user name or password",
        "user": "user name or password",
        "authority": "certificate",
        "no tls": "TLS",
    }[wrong] in said, said
    assert PASSWORD not in said
    assert WRONG not in said


def test_config_shows_neither(guarded: GuardedClickHouse, authority: Certificates) -> None:
    given = settings(guarded.url(authority.authority), PASSWORD)
    said = run_freshet("config", environment=given)
    assert said.returncode == 0
    for secret in (PASSWORD, USER):
        assert secret not in said.stdout + said.stderr


async def test_a_sink_with_a_wrong_password_says_why_and_never_the_password(
    stack: LocalStack, namespace: str, guarded: GuardedClickHouse, authority: Certificates, tmp_path: Path
) -> None:
    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    environment = place.environment("v1") | settings(guarded.url(authority.authority), WRONG)
    environment |= {"FRESHET_LOG_LEVEL": "DEBUG"}
    sink = WorkerProcess("sink", [str(FRESHET), "sink", "clickhouse"], environment, tmp_path)

    async def has_said() -> bool:
        return sink.log_text.count("user name or password") >= 2

    await eventually("the sink says why and tries again", has_said)
    await sink.terminate()
    assert WRONG not in sink.log_text
