"""The image: everything that is imported is copied, kernels are compiled for the processor that it says, and what runs
is nobody."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
BUILD, RUN = DOCKERFILE.split("\nFROM ")[1:]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = {name.removesuffix("*") for name in SETUPTOOLS["packages"]["find"]["include"]}


def test_every_package_is_copied_and_nothing_else_is_sent_to_the_builder() -> None:
    copied = {line.split()[1] for line in BUILD.splitlines() if line.startswith("COPY ") and len(line.split()) == 3}
    assert copied == PACKAGES
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert sent == {*PACKAGES, "pyproject.toml", "constraints.txt", "README.md", "LICENSE"}


def test_files_that_are_no_python_are_in_the_package() -> None:
    described = SETUPTOOLS["package-data"]
    packaged = {
        path
        for package, patterns in described.items()
        for place in (PACKAGES if package == "*" else [package])
        for pattern in patterns
        for path in (ROOT / place).glob(pattern)
    }
    kept = (".py", ".pyc")
    needed = {path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.suffix not in kept}
    assert {path for path in needed if path.is_file()} <= packaged


def test_who_runs_is_nobody_and_has_no_home() -> None:
    assert re.search(r"^USER 10001:10001$", RUN, re.M)
    assert "--no-create-home" in RUN
    assert re.search(r'^ENTRYPOINT \["freshet"\]$', RUN, re.M)


def test_the_image_compiles_and_runs_for_the_same_processor() -> None:
    assert BUILD.count("ARG KERNEL_CPU=generic") == RUN.count("ARG KERNEL_CPU=generic") == 1
    for stage in (BUILD, RUN):
        assert "NUMBA_CPU_NAME=${KERNEL_CPU}" in stage
        assert "NUMBA_CACHE_DIR=/opt/freshet/cache" in stage


PROGRAM = """
from pathlib import Path
import ranking.kernels
from tables.kernels.kept_code import code_folder
print(code_folder(Path(ranking.kernels.__file__).parent))
"""


def folder_of(**processor: str) -> str:
    environment = {"PATH": os.environ["PATH"], "NUMBA_CACHE_DIR": "/c", **processor}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_code_for_a_named_processor_is_not_kept_with_that_for_this_machine() -> None:
    own, generic, older = folder_of(), folder_of(NUMBA_CPU_NAME="generic"), folder_of(NUMBA_CPU_NAME="x86-64-v2")
    assert len({own, generic, older}) == 3
    assert folder_of(NUMBA_CPU_NAME="generic") == generic
