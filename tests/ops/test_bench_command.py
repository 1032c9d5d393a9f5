import subprocess
import sys
from pathlib import Path

import pytest
from harness import patience

import ops
from ops.commands import bench
from ops.exit_codes import ExitCode

RUN = "import typer; from ops.commands import bench; app = typer.Typer(); bench.register(app); app()"


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return patience.run(
        [sys.executable, "-c", RUN, "bench", *arguments],
        cwd=cwd,
        limit_s=60,
    )


def test_every_bench_is_a_script_of_the_checkout() -> None:
    for file, _ in bench.BENCHES.values():
        assert bench.script_path(file).is_file()


def test_without_a_checkout_the_exit_code_says_wrong_usage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ops, "__file__", str(tmp_path / "ops" / "__init__.py"))
    with pytest.raises(bench.NoCheckout, match="needs a checkout") as refusal:
        bench.script_path("worker.py")
    assert refusal.value.code is ExitCode.USAGE


def test_options_and_exit_code_are_those_of_the_script(tmp_path: Path) -> None:
    missing = run("worker", "--data", str(tmp_path), "--json", cwd=tmp_path)
    assert missing.returncode == ExitCode.USAGE
    assert "no MovieLens 100K" in missing.stderr
    assert missing.stdout == ""


def test_help_of_a_bench_is_that_of_the_script(tmp_path: Path) -> None:
    shown = run("worker", "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert "--data" in shown.stdout
