"""Breaks the code on purpose, one mechanism at a time, in a copy of the tree.

    PYTHONPATH=tests/support python tests/mutants/mutate.py [--core] [--edges] [NAME PART]

`--core` tries some that are noticed fast, and `--edges` those of the transport, the endpoint, erasures and the
ranker. Unless all are tried, it is taken for granted that the unbroken tests pass.
Prints a line per mutant and at the end {"mutants": n, "killed": n, "survived": [...]}. Exit code 1 when one survives
or when the tests fail without any mutant, 2 when a mutant does not fit the code any more.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from edge_mutants import EDGES
from harness.forked import ForkServer
from harness.patience import end_of
from places import Mismatch, changed, defines_test
from state_mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
TRIAL = Path(__file__).with_name("trial.py")
#: What the tests import and nobody here wrote; the names of pytest's plugins among it.
LIBRARIES = (
    *("_hypothesis_pytestplugin", "anyio.pytest_plugin", "pytest", "pytest_asyncio.plugin", "pytest_timeout"),
    *("schemathesis", "xdist.plugin", "aiokafka", "cramjam", "faiss", "faust", "hypothesis", "kafka.admin", "msgspec"),
    *("numba", "numpy", "orjson", "psutil", "redis", "river", "rocksdict", "scipy.sparse.linalg", "typer", "uvloop"),
)
COPIED = ("agents", "offline", "ops", "ranking", "serving", "streams", "tables", "tests", "pyproject.toml")
#: Enough for every mutant to meet the schedule that it fails in; see tests/invariants/test_model.py.
MODEL_SEEDS = "240"
#: A test that hangs has noticed something too.
TIMEOUT_S = 120
ALL_TESTS = tuple(sorted({test for mutant in MUTANTS for test in mutant.tests}))
WORKERS = min(2, os.cpu_count() or 1)


def copy_of_the_tree(target: Path) -> Path:
    """The code and its tests, without data and caches."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    return target


def mismatch(mutant: Mutant) -> str | None:
    """What is wrong when the code, or the names of the tests, are not any more what the mutant says."""
    for test in mutant.tests:
        file, _, name = test.partition("::")
        if not (ROOT / file).is_file() or (name and not defines_test((ROOT / file).read_text(), name)):
            return f"{mutant.name}: there is no test {test}"
    try:
        changed(mutant.file, (ROOT / mutant.file).read_text(), mutant.changes)
    except Mismatch as error:
        return f"{mutant.name}: {mutant.file}: {error}"
    return None


def broken(tree: Path, mutant: Mutant) -> None:
    """Breaks the tree."""
    path = tree / mutant.file
    path.write_text(changed(mutant.file, path.read_text(), mutant.changes))


def tests_pass(tree: Path, tests: tuple[str, ...]) -> bool:
    """Whether the tests notice nothing."""
    environment = {**os.environ, "FRESHET_MODEL_SEEDS": MODEL_SEEDS, "FRESHET_NO_SHRINKING": "1"}
    with tempfile.TemporaryFile() as output:
        command = [str(TRIAL), "-x", "-q", "-p", "no:cacheprovider", *tests]
        process = libraries().start(command, env=environment, cwd=tree, output=output, errors=output)
        try:
            code = end_of(process, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return False
        finally:
            process.kill()
        output.seek(0)
        if code not in (0, 1):
            raise RuntimeError(f"pytest ended with {code}:\n{output.read().decode()[-6000:]}")
    return code == 0


@cache
def libraries() -> ForkServer:
    """A process that has imported what others wrote, and nothing of what is broken."""
    server = ForkServer(LIBRARIES)
    atexit.register(server.end)
    return server


def try_one(mutant: Mutant | None) -> tuple[bool, float]:
    """(whether a test failed, seconds); None = nothing broken, all tests."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copy_of_the_tree(Path(folder))
        if mutant is not None:
            broken(tree, mutant)
        tests = ALL_TESTS if mutant is None else mutant.tests
        return not tests_pass(tree, tests), time.monotonic() - begin


def main(arguments: Sequence[str]) -> int:
    """Tries the mutants whose name contains what the arguments say."""
    core = "--core" in arguments
    edges = "--edges" in arguments
    part = " ".join(argument for argument in arguments if not argument.startswith("--"))
    chosen = [one for one in (EDGES if edges else MUTANTS) if part in one.name and one.is_core >= core]
    mismatches = [problem for problem in map(mismatch, chosen) if problem]
    if mismatches:
        print("\n".join(mismatches))
        return 2
    survived = []
    with ThreadPoolExecutor(WORKERS) as pool:
        unbroken = None if core or edges or part else pool.submit(try_one, None)
        tried = [pool.submit(try_one, mutant) for mutant in chosen]
        if unbroken is not None and unbroken.result()[0]:
            print("the tests fail without any breakage")
            pool.shutdown(cancel_futures=True)
            return 1
        for mutant, trial in zip(chosen, tried, strict=True):
            killed, seconds = trial.result()
            print(f"{'killed' if killed else 'SURVIVED':9} {seconds:6.1f} s  {mutant.name}", flush=True)
            if not killed:
                survived.append(mutant.name)
    print(json.dumps({"mutants": len(chosen), "killed": len(chosen) - len(survived), "survived": survived}))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
