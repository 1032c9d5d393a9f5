"""Whatever is started against a Kafka that refuses it says why in one sentence, with the setting, and ends with 2."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import patience
from harness.certificates import Authority
from harness.secured_kafka import ADMIN, SecuredKafka

from ops.configuration.secret_files import SECRETS
from ops.exit_codes import ExitCode
from ops.local_stack.ports import free_port

pytestmark = pytest.mark.stack

COMMANDS = (["worker"], ["serve"], ["sink", "clickhouse"], ["topics", "create"], ["lag"])
#: What is wrong, by what the sentence names.
WRONG: dict[str, Callable[[Path], dict[str, str]]] = {
    "FRESHET_KAFKA_SASL_PASSWORD is refused": lambda _: {"FRESHET_KAFKA_SASL_PASSWORD": "hunter2"},
    "FRESHET_KAFKA_TLS_CA_FILE=": lambda folder: {"FRESHET_KAFKA_TLS_CA_FILE": str(Authority(folder / "ca").file)},
}


def freshet(arguments: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
    own = {
        "FRESHET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "FRESHET_STATE_DIR": str(folder / "state"),
        "FRESHET_ENDPOINT_PORT": str(free_port()),
    }
    return patience.run(
        [sys.executable, "-m", "ops.cli", *arguments], env=inherited | own | variables, cwd=folder, limit_s=60
    )


@pytest.mark.parametrize("sentence", WRONG)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_one_sentence(secured: SecuredKafka, tmp_path: Path, command: list[str], sentence: str) -> None:
    done = freshet(command, tmp_path, secured.environment(ADMIN) | WRONG[sentence](tmp_path))
    assert done.returncode == ExitCode.USAGE, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("freshet: "), line
    assert sentence in line
    assert "hunter2" not in done.stdout + done.stderr


def test_the_right_password_from_a_file(secured: SecuredKafka, tmp_path: Path) -> None:
    variables = secured.environment(ADMIN)
    (tmp_path / "password").write_text(variables.pop("FRESHET_KAFKA_SASL_PASSWORD") + "\n")
    variables["FRESHET_KAFKA_SASL_PASSWORD_FILE"] = str(tmp_path / "password")
    done = freshet(["versions"], tmp_path, variables)
    assert "freshet topics create" in done.stderr, done  # let in: the topics are what is missing


def test_no_secret_is_in_any_output(tmp_path: Path) -> None:
    """All of them set at once, each another one, at the most talkative level; nothing answers."""
    away = f"127.0.0.1:{free_port()}"
    hidden = {name: f"hunter2-{number}-{'x' * 32}" for number, name in enumerate(sorted(SECRETS))}
    given = hidden | {
        "FRESHET_REDIS_URL": f"redis://u:{hidden['FRESHET_REDIS_URL']}@{away}/0",
        "FRESHET_CLICKHOUSE_URL": f"clickhouse://u:{hidden['FRESHET_CLICKHOUSE_URL']}@{away}/db",
        "FRESHET_CASSANDRA_URL": f"cassandra://u:{hidden['FRESHET_CASSANDRA_URL']}@{away}/db",
        "FRESHET_KAFKA_BOOTSTRAP": away,
        "FRESHET_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "FRESHET_KAFKA_SASL_USERNAME": "u",
        "FRESHET_LOG_LEVEL": "DEBUG",
    }
    oauth = {
        "FRESHET_KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "FRESHET_KAFKA_OAUTH_TOKEN_URL": f"http://{away}/token",
        "FRESHET_KAFKA_OAUTH_CLIENT_ID": "u",
    }
    user = ("FRESHET_KAFKA_SASL_PASSWORD", "FRESHET_KAFKA_SASL_USERNAME")
    by_password = {name: value for name, value in given.items() if name != "FRESHET_KAFKA_OAUTH_CLIENT_SECRET"}
    by_token = {name: value for name, value in given.items() if name not in user} | oauth
    said = ""
    for variables in (by_password, by_token):
        for command in (["config"], ["config", "--json"], ["doctor"], ["worker"], ["lag"], ["acls"]):
            done = freshet(command, tmp_path, variables)
            assert "Traceback" not in done.stderr, done.stderr
            said += done.stdout + done.stderr
    assert said.count("********") > 2 * len(hidden)
    assert "hunter2" not in said
