"""Whatever `freshet` starts ends with it: on SIGTERM, on Ctrl-C, and when it is killed and can do nothing itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from harness.patience import Patience, end_of

from ops.exit_codes import ExitCode
from ops.local_stack.ports import free_port

pytestmark = pytest.mark.stack

PATIENCE_S = 120.0
ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGKILL]


def until(holds: Callable[[], bool], says: Callable[[], object]) -> None:
    patience = Patience(PATIENCE_S)
    while not holds():
        assert not patience.is_over, says()
        time.sleep(0.05)


class Started:
    """A command in a folder of its own, by which everything that it started is found again."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self.folder = folder
        self.log = folder / "output.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        given = {
            "TMPDIR": str(folder),  # benches keep their servers there
            "FRESHET_STATE_DIR": str(folder / "state"),
            "FRESHET_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
            "FRESHET_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        }
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", *arguments],
                env=environment | given | variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip

    def others(self) -> dict[int, str]:
        """Everything else that names the folder: in its command line, as where it works, or in its environment."""
        found = {}
        for process in psutil.process_iter():
            try:
                told = [*process.cmdline(), process.cwd(), *process.environ().values()]
                if process.pid not in (self.process.pid, os.getpid()) and any(
                    str(self.folder) in text for text in told
                ):
                    found[process.pid] = " ".join(process.cmdline())
            except psutil.Error:
                continue
        return found

    def runs(self, *names: str) -> bool:
        """Whether it has started something of each name."""
        assert self.process.poll() is None, self.log.read_text()
        return all(any(name in command for command in self.others().values()) for name in names)

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return end_of(self.process, PATIENCE_S)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts commands; what a failing test left is killed."""
    all_of_them: list[Started] = []

    def start(*arguments: str, **variables: str) -> Started:
        all_of_them.append(Started(tmp_path, *arguments, **variables))
        return all_of_them[-1]

    yield start
    for one in all_of_them:
        for pid in [*([one.process.pid] if one.process.poll() is None else []), *one.others()]:
            os.kill(pid, signal.SIGKILL)
        one.process.wait(PATIENCE_S)


@pytest.mark.parametrize("how", ENDINGS, ids=lambda how: how.name)
def test_a_bench_and_its_servers(started: Callable[..., Started], tmp_path: Path, how: signal.Signals) -> None:
    data = tmp_path / "ml-100k"
    data.mkdir()
    (data / "u.data").write_text("".join(f"{n % 30}\t{n % 7 + 1}\t4\t{880_000_000 + n}\n" for n in range(1, 20_000)))
    (data / "u.genre").write_text("unknown|0\n")
    (data / "u.item").write_text("".join(f"{n}|Film {n} (1990)|||x|0\n" for n in range(1, 8)))
    (data / "u.user").write_text("".join(f"{n}|24|M|x|y\n" for n in range(30)))
    bench = started("bench", "worker", "--data", str(tmp_path))
    until(lambda: bench.runs("kafka.Kafka", "valkey", "stock_faust"), lambda: (bench.others(), bench.log.read_text()))
    code = bench.end(how)
    until(lambda: not bench.others(), bench.others)
    assert code == (-how if how is signal.SIGKILL else ExitCode.INTERRUPTED)
    if how is not signal.SIGKILL:
        assert "Traceback" not in bench.log.read_text()
        assert not list(tmp_path.glob("freshet-bench-*"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_bench_with_workers_keeps_what_it_measured(
    started: Callable[..., Started], tmp_path: Path, how: signal.Signals
) -> None:
    figures = tmp_path / "figures.json"
    short = ["--seconds", "600", "--users", "20", "--items", "20", "--warm-up", "20", "--floor-events", "2"]
    bench = started("bench", "freshness", *short, "--workers", "1", "--out", str(figures), "--json")
    until(lambda: bench.runs("kafka.Kafka", "valkey", "worker", "serve") and figures.exists(), bench.log.read_text)
    code = bench.end(how)
    until(lambda: not bench.others(), bench.others)
    assert [row["users"] for row in json.loads(figures.read_text())["rows"]] == ["floor"]
    if how is not signal.SIGKILL:
        assert code == ExitCode.INTERRUPTED
        assert json.loads(bench.log.read_text().splitlines()[-1])["floor_p50_ms"] > 0
        assert "Traceback" not in bench.log.read_text()
        assert not list(tmp_path.glob("freshet-bench-*"))


@pytest.mark.parametrize("how", ENDINGS, ids=lambda how: how.name)
def test_a_demo_and_the_servers_that_it_started(started: Callable[..., Started], how: signal.Signals) -> None:
    demo = started("demo", "--seconds", "600")
    until(lambda: demo.runs("kafka.Kafka", "valkey", "worker", "serve"), lambda: demo.log.read_text())
    demo.end(how)
    until(lambda: not demo.others(), demo.others)


@pytest.mark.parametrize("how", ENDINGS, ids=lambda how: how.name)
def test_an_endpoint_and_its_processes(started: Callable[..., Started], how: signal.Signals) -> None:
    port = free_port()
    endpoint = started("serve", FRESHET_ENDPOINT_PORT=str(port), FRESHET_ENDPOINT_WORKERS="2")
    until(lambda: listens(port) and len(endpoint.others()) >= 2, lambda: endpoint.log.read_text())
    endpoint.end(how)
    until(lambda: not endpoint.others() and not listens(port), endpoint.others)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_servers_that_were_not_up_yet(started: Callable[..., Started], how: signal.Signals) -> None:
    up = started("up")
    until(lambda: up.runs("kafka.Kafka"), lambda: up.log.read_text())
    code = up.end(how)
    if "Kafka answers" not in up.log.read_text() and code != ExitCode.OK:  # else it was quicker, and they are to stay
        assert code == ExitCode.INTERRUPTED
        until(lambda: not up.others(), up.others)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
