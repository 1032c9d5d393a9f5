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
