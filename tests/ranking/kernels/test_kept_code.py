"""Compiled code is kept and loaded, and wherever it cannot be a process works all the same and says so once."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

PROGRAM = """
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
import numpy as np
from ranking.kernels import products
found = np.zeros((1, 2), np.float32)
own, vectors = np.array([[[0.5]]], np.float32), np.array([[1.0], [2.0]], np.float32)
products.products_with(np.array([0, 2]), np.array([0, 1], np.int32), own, vectors, found)
print(found[0].tolist(), sum(products.products_with._cache_hits.values()))
"""
COMPILED, LOADED = "[0.5, 1.0] 0", "[0.5, 1.0] 1"


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", PROGRAM]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=root, env={"PATH": os.environ["PATH"], **environment}, stdout=pipe, stderr=pipe, text=True
    )


def run(environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """What a new process computed, and the lines it logged."""
    with start(environment) as process:
        out, logged = process.communicate()
    assert process.returncode == 0, logged
    return out.strip(), logged.splitlines()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which two processes that started at once kept what they compiled."""
    folder = tmp_path_factory.mktemp("kernels")
    both = [start({"NUMBA_CACHE_DIR": str(folder)}) for _ in range(2)]
    for process in both:
        with process:
            out, logged = process.communicate()
            assert process.returncode == 0, logged
            assert out.strip() in (COMPILED, LOADED)
    return folder


def test_what_was_compiled_once_is_loaded(kept: Path) -> None:
    assert run({"NUMBA_CACHE_DIR": str(kept)}) == (LOADED, [])
    assert {path.suffix for path in kept.rglob("*") if path.is_file()} == {".code"}


def test_a_folder_that_cannot_be_written_to_is_read(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "read-only").symlink_to(kept)
    for path in [kept, *kept.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert run({"NUMBA_CACHE_DIR": str(tmp_path / "read-only")}) == (LOADED, [])
    finally:
        for path in [kept, *kept.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_file_that_was_cut_short_or_changed_is_compiled_again_and_replaced(kept: Path) -> None:
    (path,) = kept.rglob("*products_with.code")
    whole = path.read_bytes()
    middle = len(whole) // 2
    for broken in (b"", whole[:middle], whole[:middle] + b"?" + whole[middle + 1 :]):
        path.write_bytes(broken)
        out, logged = run({"NUMBA_CACHE_DIR": str(kept)})
        assert out == COMPILED
        assert len(logged) == 1
        assert "compiled again" in logged[0]
        assert run({"NUMBA_CACHE_DIR": str(kept)}) == (LOADED, [])


def test_where_nothing_can_be_kept_all_is_compiled_and_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    out, logged = run({"HOME": str(tmp_path / "no folder")})
    assert out == COMPILED
    warnings = [line for line in logged if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert "compiled at every start" in warnings[0]
