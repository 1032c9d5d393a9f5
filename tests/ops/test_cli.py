"""The `freshet` program: what it prints, what it imports, how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import patience

from ops import cli
from ops.exit_codes import CommandFailed, ExitCode
from ops.local_stack.ports import free_port
from serving.redis_errors import RedisUnavailable
from streams.kafka.errors import KafkaUnreachable

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def freshet(tmp_path: Path) -> Run:
    """Runs the program with servers that are not there and a state folder of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")} | {
        "FRESHET_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "FRESHET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "FRESHET_STATE_DIR": str(tmp_path / "state"),
    }

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ops.cli", *arguments]
        return patience.run(command, env=environment | variables, limit_s=180)

    return run


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    answer = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(answer, dict)
    return answer


def test_help_teaches_without_importing_anything_heavy() -> None:
    script = (
        "import sys; from ops.cli import main; sys.argv = ['freshet', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('faust', 'aiokafka', 'kafka', 'numpy', 'granian', 'redis') if name in sys.modules])"
    )
    done = patience.run([sys.executable, "-c", script], limit_s=60, check=True)

    assert "In this order" in done.stdout
    places = [done.stdout.index(panel) for panel in cli.PANELS]
    assert places == sorted(places)
    assert done.stdout.splitlines()[-1] == "[]"


def test_config_prints_values_and_sources(freshet: Run) -> None:
    done = freshet("config", "--json", FRESHET_PARTITIONS="12")

    assert done.returncode == ExitCode.OK
    assert last_line(done)["partitions"] == {
        "variable": "FRESHET_PARTITIONS",
        "value": "12",
        "source": "environment",
    }
    table = freshet("config", FRESHET_PARTITIONS="12", COLUMNS="120").stdout
    assert "FRESHET_PARTITIONS" in table


@pytest.mark.parametrize("command", [["config"], ["status"], ["topics", "create"], ["up"]])
def test_a_wrong_setting_ends_every_command_with_2(freshet: Run, command: list[str]) -> None:
    done = freshet(*command, FRESHET_PARTITIONS="many")

    assert done.returncode == ExitCode.USAGE
    assert done.stderr == (
        "freshet: FRESHET_PARTITIONS=many (from environment) is wrong; allowed: whole number, 1 to 10000\n"
    )


def test_an_unknown_command_ends_with_2(freshet: Run) -> None:
    assert freshet("dwon").returncode == ExitCode.USAGE


def test_servers_that_are_not_there_end_with_3(freshet: Run) -> None:
    done = freshet("status", "--json")

    assert done.returncode == ExitCode.UNREACHABLE
    answers = last_line(done)
    assert {name: answer["answers"] for name, answer in answers.items() if isinstance(answer, dict)} == {
        "kafka": False,
        "redis": False,
    }


def test_a_remote_server_is_never_started(freshet: Run) -> None:
    done = freshet("up", FRESHET_REDIS_URL="redis://:hunter2@127.0.0.1:1/0")

    assert done.returncode == ExitCode.UNREACHABLE
    assert "no redis answers at redis://********@127.0.0.1:1/0" in done.stderr


def test_the_log_of_a_server_that_never_ran_is_missing_data(freshet: Run) -> None:
    done = freshet("logs", "redis")

    assert done.returncode == ExitCode.USAGE
    assert "`freshet up` has not started redis" in done.stderr


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (CommandFailed("not as it should be"), ExitCode.CHECK_FAILED),
        (KafkaUnreachable("no broker"), ExitCode.UNREACHABLE),
        (RedisUnavailable("went away meanwhile"), ExitCode.UNREACHABLE),
        (ZeroDivisionError("ours"), ExitCode.BUG),
    ],
)
def test_every_failure_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: Exception, code: ExitCode
) -> None:
    def app() -> None:
        raise failure

    monkeypatch.setattr(cli, "build_app", lambda: app)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    message = capsys.readouterr().err
    assert str(failure) in message
    assert ("Traceback" in message) == (code is ExitCode.BUG)


@pytest.mark.stack
def test_up_topics_status_logs_and_down_with_real_servers(freshet: Run, tmp_path: Path) -> None:
    try:
        up = freshet("up", "--json")
        assert up.returncode == ExitCode.OK, up.stderr
        assert last_line(up)["servers"] == {"redis": "started", "kafka": "started"}
        assert last_line(freshet("up", "--json"))["servers"] == {"redis": "was running", "kafka": "was running"}
        assert freshet("status").returncode == ExitCode.OK

        created = last_line(freshet("topics", "create", "--json"))["created"]
        assert isinstance(created, list)
        assert "user.interactions" in created
        again = freshet("topics", "create", "--json")
        assert last_line(again)["created"] == []
        assert "replication 1: every record has one copy" in str(last_line(again)["risk"])
        assert again.returncode == ExitCode.OK
        other = freshet("topics", "create", FRESHET_PARTITIONS="2")
        assert other.returncode == ExitCode.CHECK_FAILED
        assert "user.interactions: partitions is 4, should be 2" in other.stdout

        assert "Kafka Server started" in freshet("logs", "kafka").stdout
    finally:
        down = freshet("down", "--wipe", "--json")
    assert last_line(down) == {"servers": {"kafka": "stopped", "redis": "stopped"}, "wiped": True}
    assert not list((tmp_path / "state" / "logs").iterdir())
