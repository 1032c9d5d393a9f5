"""Whatever is wrong with a setting, a start says so in one sentence that names it, and ends with 2 or 3."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from harness import patience
from harness.commands import run_freshet
from pydantic.fields import FieldInfo

from ops.configuration.settings import Settings, variable
from ops.exit_codes import ExitCode
from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]
#: Somebody whom nobody knows.
STRANGER = 54_321
#: Settings whose text may be anything; what is wrong with it shows where it is used, below.
ANY_TEXT = {"endpoint_jwt_audience", "endpoint_jwt_issuer", "endpoint_host", "storage_url"}
WRONG = [
    "\x01",
    "two\nlines",
    "-1",
    "1e999",
    "999999999999999999999",
    "NaN",
    "~nobody-of-that-name/x",
    "x" * 5000,
    "::",
]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """FRESHET_* of a program with servers that are not there; nothing else is set."""
    for name in [name for name in os.environ if name.startswith("FRESHET_")]:
        monkeypatch.delenv(name)
    return {
        "FRESHET_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "FRESHET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "FRESHET_STATE_DIR": str(tmp_path / "state"),
        "FRESHET_ENDPOINT_PORT": str(free_port()),
    }


@pytest.fixture
def freshet(tmp_path: Path, alone: dict[str, str]) -> Run:
    """Runs the program in a folder of its own."""

    def run(*arguments: str, **variables: str) -> Done:
        return run_freshet(*arguments, environment=alone | variables, folder=tmp_path, limit_s=60)

    return run


@pytest.fixture
def new_interpreter(tmp_path: Path, alone: dict[str, str]) -> Run:
    """The same, with an interpreter of its own, which has imported nothing yet."""

    def run(*arguments: str, **variables: str) -> Done:
        command = [sys.executable, "-m", "ops.cli", *arguments]
        return patience.run(command, env={**os.environ, **alone, **variables}, cwd=tmp_path, limit_s=60)

    return run


def says(done: Done, code: ExitCode, *words: str) -> None:
    """It ended with the code and one sentence."""
    lines = [line for line in done.stderr.splitlines() if "anybody who reaches" not in line]
    assert done.returncode == code, done
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("freshet: ")
    for word in words:
        assert word in lines[0], lines[0]


def is_wrong(field: FieldInfo, value: str) -> bool:
    """By the validator of the setting itself: what is asked here is how that is told."""
    try:
        Settings(**{next(name for name, known in Settings.model_fields.items() if known is field): value})
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("value", WRONG)
def test_every_setting_with_a_wrong_value(new_interpreter: Run, value: str) -> None:
    wrong = [name for name, field in Settings.model_fields.items() if is_wrong(field, value)]
    assert len(wrong) > 10
    done = new_interpreter("config", **{variable(name): value for name in wrong})
    assert done.returncode == ExitCode.USAGE
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(wrong), done.stderr
    for line, name in zip(lines, wrong, strict=True):
        assert re.match(rf"(freshet: )?{variable(name)}=.* \(from environment\) is wrong; allowed: .+", line), line
        assert len(line) < 1000


def test_every_setting_can_be_wrong_or_is_proven_otherwise() -> None:
    """A setting that takes anything has a case of its own in this file."""
    never = {
        name for name, field in Settings.model_fields.items() if not any(is_wrong(field, value) for value in WRONG)
    }
    text = Path(__file__).read_text()
    places = {name for name in never if variable(name) in text}
    assert never - places <= ANY_TEXT, never - places


# -- where the endpoint listens ---------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[int]:
    """Somebody else's port; it would even be shared."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("no-such-host.invalid", "is no address and no name of a host"),
        ("a b", "is no address and no name of a host"),
        ("300.1.1.1", "is no address and no name of a host"),
        ("x" * 70, "is no address and no name of a host"),
        ("192.0.2.1", "is no address of this machine"),
    ],
)
def test_an_address_that_is_none(freshet: Run, host: str, words: str) -> None:
    done = freshet("serve", FRESHET_ENDPOINT_HOST=host, FRESHET_ENDPOINT_SECURITY="off")
    says(done, ExitCode.USAGE, f"FRESHET_ENDPOINT_HOST={host}", words)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::"])
def test_a_port_that_is_taken(freshet: Run, listener: int, host: str) -> None:
    done = freshet(
        "serve", FRESHET_ENDPOINT_HOST=host, FRESHET_ENDPOINT_PORT=str(listener), FRESHET_ENDPOINT_SECURITY="off"
    )
    says(done, ExitCode.USAGE, f"FRESHET_ENDPOINT_PORT={listener} is taken")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"FRESHET_ENDPOINT_JWT_KEY_FILE": "none.pem"}, "FRESHET_ENDPOINT_JWT_KEY_FILE=none.pem: No such file"),
        ({"FRESHET_ENDPOINT_JWT_KEY_FILE": "."}, "FRESHET_ENDPOINT_JWT_KEY_FILE=.: Is a directory"),
        ({}, "FRESHET_ENDPOINT_JWKS_URL"),
        ({"FRESHET_ENDPOINT_TLS_CERT_FILE": "none"}, "FRESHET_ENDPOINT_TLS_CERT_FILE=none: No such file"),
        ({"FRESHET_ENDPOINT_TLS_KEY_FILE": "none"}, "is set without FRESHET_ENDPOINT_TLS_CERT_FILE"),
        ({"FRESHET_ENDPOINT_TLS_CERT_FILE": "/etc/passwd"}, "are no certificate and its key in PEM"),
        (
            {"FRESHET_ENDPOINT_SECURITY": "off", "FRESHET_USER_ID_SECRET_FILE": "none"},
            "FRESHET_USER_ID_SECRET_FILE=none",
        ),
    ],
)
def test_files_of_the_endpoint(freshet: Run, variables: dict[str, str], words: str) -> None:
    says(freshet("serve", **{"FRESHET_ENDPOINT_SECURITY": "on", **variables}), ExitCode.USAGE, words)


TLS = {"FRESHET_KAFKA_SECURITY_PROTOCOL": "SSL"}
SIGNED = {"FRESHET_KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({**TLS, "FRESHET_KAFKA_TLS_CA_FILE": "none"}, "FRESHET_KAFKA_TLS_CA_FILE=none cannot be read: No such file"),
        ({**TLS, "FRESHET_KAFKA_TLS_CA_FILE": "text"}, "FRESHET_KAFKA_TLS_CA_FILE=text holds no certificates in PEM"),
        ({**TLS, "FRESHET_KAFKA_TLS_CERT_FILE": "none"}, "FRESHET_KAFKA_TLS_CERT_FILE=none cannot be read"),
        ({**TLS, "FRESHET_KAFKA_TLS_CERT_FILE": "text"}, "FRESHET_KAFKA_TLS_CERT_FILE and FRESHET_KAFKA_TLS_KEY_FILE"),
        ({**TLS, "FRESHET_KAFKA_TLS_KEY_FILE": "text"}, "set without FRESHET_KAFKA_TLS_CERT_FILE"),
        ({"FRESHET_KAFKA_TLS_CA_FILE": "text"}, "FRESHET_KAFKA_TLS_CA_FILE has no effect with"),
        ({"FRESHET_KAFKA_SASL_USERNAME": "u"}, "FRESHET_KAFKA_SASL_USERNAME has no effect with"),
        ({**SIGNED, "FRESHET_KAFKA_SASL_USERNAME": "u"}, "FRESHET_KAFKA_SASL_PASSWORD is needed with"),
        (
            {**SIGNED, "FRESHET_KAFKA_SASL_USERNAME": "u", "FRESHET_KAFKA_SASL_PASSWORD_FILE": "empty"},
            "FRESHET_KAFKA_SASL_PASSWORD_FILE=empty is empty",
        ),
        (
            {
                **SIGNED,
                "FRESHET_KAFKA_SASL_MECHANISM": "oauthbearer",
                "FRESHET_KAFKA_OAUTH_TOKEN_URL": "http://127.0.0.1:1/token",
                "FRESHET_KAFKA_OAUTH_CLIENT_ID": "u",
            },
            "FRESHET_KAFKA_OAUTH_CLIENT_SECRET is needed with",
        ),
    ],
)
def test_what_secures_kafka(freshet: Run, tmp_path: Path, variables: dict[str, str], words: str) -> None:
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "empty").write_text("\n")
    says(freshet("config", **variables), ExitCode.USAGE, words)


# -- folders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["up"], ["demo"]])
def test_a_state_folder_that_is_a_file(freshet: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "file").write_text("")
    says(freshet(*command, FRESHET_STATE_DIR=str(tmp_path / "file" / "state")), ExitCode.USAGE, "FRESHET_STATE_DIR=")


def test_a_folder_of_counts_that_cannot_be(freshet: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = freshet("serve", FRESHET_ENDPOINT_METRICS_DIR=str(tmp_path / "file" / "counts"))
    says(done, ExitCode.USAGE, "FRESHET_ENDPOINT_METRICS_DIR=")


@pytest.mark.parametrize("url", ["nosuch://bucket", "s3://bucket/x"])
def test_a_storage_of_no_kind_that_is_here(freshet: Run, url: str) -> None:
    says(freshet("snapshot", "list", FRESHET_STORAGE_URL=url), ExitCode.USAGE, "FRESHET_STORAGE_URL", url)


def test_a_folder_of_data_that_is_not_there(freshet: Run, tmp_path: Path) -> None:
    done = freshet("evaluate", "ml-100k", FRESHET_DATA_DIR=str(tmp_path / "none"))
    says(done, ExitCode.USAGE, str(tmp_path / "none"))


def test_a_file_of_settings_that_cannot_be_read(freshet: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("FRESHET_NAMESPACE=für\n".encode("latin-1"))
    says(freshet("config"), ExitCode.USAGE, ".env cannot be read: it is not UTF-8 at byte 19")


#: Where kernels are kept, which a HOME of a test's own would have compiled again: half a minute for each start.
KERNELS = Path(os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
AS_STRANGER = """
import os, sys
import ops.cli, ops.configuration.settings_sources, ops.local_stack.configured, rich.table
import ops.processes.endpoint_process, ops.processes.worker_process
import redis.connection, redis.client, asyncio, aiokafka, agents.versions.admission
"x".encode("idna")
os.setgroups([]), os.setgid({uid}), os.setuid({uid})
ops.cli.main()
"""


@pytest.fixture
def stranger(tmp_path: Path) -> Run:
    """Runs the program as a user that has no entry in passwd and, unless given, no HOME."""
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.owner() == "root" and folder != Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)

    def run(*arguments: str, **variables: str) -> Done:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FRESHET_", "XDG_")) and name not in ("HOME", "USER", "LOGNAME")
        }
        own = {"FRESHET_REDIS_URL": "redis://127.0.0.1:1/0", "NUMBA_CACHE_DIR": str(KERNELS)}
        return patience.run(
            [sys.executable, "-c", AS_STRANGER.format(uid=STRANGER), *arguments],
            env=environment | own | variables,
            cwd=tmp_path, limit_s=60,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("command", [["config"], ["serve"], ["worker"], ["up"]])
def test_no_home_is_said_by_what_needs_one(stranger: Run, command: list[str]) -> None:
    says(stranger(*command), ExitCode.USAGE, "FRESHET_STATE_DIR is not set, and this user has no home folder")


@pytest.mark.parametrize("command", [["schema"], ["status"], ["publish", "none.jsonl"]])
def test_what_needs_no_home_does_without(stranger: Run, command: list[str]) -> None:
    done = stranger(*command)
    assert "Traceback" not in done.stderr
    assert "FRESHET_STATE_DIR" not in done.stderr


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["up"]])
def test_a_home_that_may_not_be_used(stranger: Run, tmp_path: Path, command: list[str]) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    says(stranger(*command, HOME=str(home)), ExitCode.USAGE, f"FRESHET_STATE_DIR={home}/", "Permission denied")


def test_a_state_folder_that_may_not_be_looked_into(stranger: Run, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    done = stranger("status", FRESHET_STATE_DIR=str(tmp_path / "state"))
    says(done, ExitCode.USAGE, f"FRESHET_STATE_DIR={tmp_path}/state", "Permission denied")


def test_a_file_of_settings_that_may_not_be_read(stranger: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FRESHET_NAMESPACE=x\n")
    (tmp_path / ".env").chmod(0o600)
    says(stranger("config", HOME=str(tmp_path)), ExitCode.USAGE, ".env cannot be read: Permission denied")


def test_a_port_that_is_not_for_everybody(stranger: Run, tmp_path: Path) -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first <= 1:
        pytest.skip("every port is for everybody here")
    (tmp_path / "state").mkdir(mode=0o777)
    (tmp_path / "state").chmod(0o777)
    done = stranger("serve", FRESHET_STATE_DIR=str(tmp_path / "state"), FRESHET_ENDPOINT_PORT=str(first - 1))
    says(done, ExitCode.USAGE, f"FRESHET_ENDPOINT_PORT={first - 1} may not be used")


# -- servers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(own_stack: LocalStack) -> str:
    """The port of a Valkey that wants the password `sesame`."""
    own_stack.start_redis()
    with redis.Redis.from_url(own_stack.redis_url) as client:
        client.config_set("requirepass", "sesame")
    return own_stack.redis_url.removeprefix("redis://").removesuffix("/0")


@pytest.mark.parametrize("command", [["serve"], ["worker"]])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://{}/0", "Authentication required"),
        ("redis://:open@{}/0", "invalid username-password pair"),
        ("redis://nobody:sesame@{}/0", "invalid username-password pair"),
        ("redis://:sesame@{}/99", "DB index is out of range"),
    ],
)
def test_a_redis_that_says_no(freshet: Run, locked: str, command: list[str], url: str, words: str) -> None:
    done = freshet(*command, FRESHET_REDIS_URL=url.format(locked))
    says(done, ExitCode.USAGE, "FRESHET_REDIS_URL is refused", words)
    assert "sesame" not in done.stderr


def test_commands_that_ask_a_redis_that_says_no(freshet: Run, locked: str) -> None:
    done = freshet("up", FRESHET_REDIS_URL=f"redis://:open@{locked}/0")
    assert done.returncode in (ExitCode.USAGE, ExitCode.UNREACHABLE)
    assert "Traceback" not in done.stderr
    assert "redis" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["worker"], ["topics", "create"], ["lag"], ["versions"], ["dlq", "list"], ["inspect", "user", "u"],
        ["inspect", "item", "i"], ["why", "u"], ["erase", "u"], ["scale", "1"], ["partition", "pause", "0"],
        ["publish", "events.jsonl"], ["simulate", "--events", "1"], ["replay", "v2"], ["promote", "v2"], ["rollback"],
        ["retire", "v2"], ["compare", "v1", "v2"], ["audit", "v1"], ["archive"], ["snapshot", "create"],
        ["evaluate", "--log"], ["doctor"], ["status"], ["dlq", "show", "user.interactions:0:1"], ["dlq", "redrive"],
        ["partition", "resume", "0"], ["experiment", "list"], ["experiment", "assign", "u"],
        ["experiment", "start", "e"],
    ],
)  # fmt: skip
def test_a_kafka_that_is_not_there(freshet: Run, tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "events.jsonl").write_text(
        '{"event_type": "view", "user_id": 1, "item_id": 1, "timestamp": 1600000000000}'
    )
    done = freshet(*command)
    assert done.returncode in (ExitCode.UNREACHABLE, ExitCode.USAGE), done
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("store", ["clickhouse", "cassandra"])
def test_a_store_that_is_not_there(freshet: Run, store: str) -> None:
    address = f"{store}://127.0.0.1:{free_port()}"
    done = freshet("schema", "apply", store, **{f"FRESHET_{store.upper()}_URL": address})
    says(done, ExitCode.UNREACHABLE, address.rpartition("/")[2])


@pytest.mark.parametrize("command", [["worker"], ["lag"], ["topics", "create"], ["up"]])
def test_a_kafka_of_no_known_name(freshet: Run, command: list[str]) -> None:
    done = freshet(*command, FRESHET_KAFKA_BOOTSTRAP="no-such-host.invalid:9092")
    assert done.returncode in (ExitCode.UNREACHABLE, ExitCode.USAGE), done
    assert "Traceback" not in done.stderr, done.stderr
